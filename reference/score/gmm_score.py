"""score.2: the score of a mixture of diagonal Gaussians.

grad_x log sum_k pi_k N_k(x) = sum_k r_k(x) (mu_k - x) / sigma_k^2,  r_k(x) = pi_k N_k(x) / sum_j pi_j N_j(x)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import ROUNDED, assert_value
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    avoids_forbidden_names,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    oracle_vjp2,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.score._fields import mixture_parameters
from reference.score._gmm_mistakes import SENTENCES

question = Question(
    id="score.2",
    functions=["gmm_score"],
    title="The score of a mixture of Gaussians",
    forbidden=["torch.distributions"],
)


@question.oracle
def gmm_score(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Shape of x, [*batch, dim]; logits are [components], mu and logvar [components, dim]."""
    z = (mu - x.unsqueeze(-2)) * torch.exp(-0.5 * logvar)
    # A softmax of log-densities knows no scale: it holds where every density underflows.
    responsibilities = (logits - 0.5 * (logvar + z.square()).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * z * torch.exp(-0.5 * logvar)).sum(-2)


@st.composite
def mixtures_at_points(
    draw: st.DrawFn,
    *,
    batches: Sequence[Shape] = ((), (1,), (3,), (2, 3)),
    components: Sequence[int] = (2, 3, 4),
    dims: Sequence[int] = (1, 5, 7),
) -> Arguments:
    """Arguments (x, logits, mu, logvar)."""
    batch, count, dim = draw(st.sampled_from(batches)), draw(st.sampled_from(components)), draw(st.sampled_from(dims))
    source = draw(numbers())
    parameters = mixture_parameters(source, count, dim)
    return arguments(source.normal((*batch, dim), scale=1.6), *parameters.values())


check_values = question.check("value", points=4.5, description="Is the gradient of the log-density at a point.")(
    matches_oracle(gmm_score, mixtures_at_points(batches=((1,),)))
)
question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives one vector per point, for any number of batch dimensions.",
)(matches_oracle(gmm_score, mixtures_at_points(batches=((3,), (), (2, 3), (11,)))))
question.check(
    "value", points=0.5, name="values_for_one_component", description="Is the score of a Gaussian where K is 1."
)(matches_oracle(gmm_score, mixtures_at_points(components=(1,))))
question.check("precision", points=0.75, requires=check_values)(keeps_precision(gmm_score, mixtures_at_points()))


def assert_gradients(student: Student, inputs: Arguments, source: Numbers, which: slice) -> None:
    """The gradients in some of the arguments are right."""
    weights = source.normal(tuple(inputs.args[0].shape))
    assert_value(student.gmm_score.vjp(inputs.args, weights)[which], oracle_vjp(gmm_score, inputs, weights)[which])


@question.check("gradient", points=1)
@given(inputs=mixtures_at_points(), source=numbers())
def check_gradients_in_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in x."""
    assert_gradients(student, inputs, source, slice(0, 1))


@question.check("gradient", points=1.25)
@given(inputs=mixtures_at_points(), source=numbers())
def check_gradients_in_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradients in logits, means and log-variances."""
    assert_gradients(student, inputs, source, slice(1, 4))


@question.check("gradient", points=0.75)
@given(inputs=mixtures_at_points(dims=(1, 2)), source=numbers())
def check_second_gradients_in_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Can be differentiated twice in x."""
    x, *parameters = inputs.args
    weights = source.normal(tuple(x.shape))
    directions = [source.normal(tuple(x.shape)), *map(torch.zeros_like, parameters)]
    got = student.gmm_score.vjp2(inputs.args, weights, directions)
    assert_value(got[0], oracle_vjp2(gmm_score, inputs, weights, directions)[0])


@question.check("law", points=1)
@given(source=numbers(), components=st.sampled_from((2, 3)))
def check_satisfies_steins_identity(student: Student, source: Numbers, components: int) -> None:
    """Stein's identity: the mean of s g + g' over the mixture is zero, by quadrature with g(x) = sin x."""
    logits = source.normal((components,), loc=0.8)
    mu, logvar = source.uniform((components, 1), low=-2, high=2), source.uniform((components, 1), low=-0.7, high=0.7)
    grid = torch.arange(-40.0, 41.0, dtype=torch.float64)[:, None] * 0.3
    joint = (
        logits.log_softmax(0)
        - 0.5 * (math.log(2 * math.pi) + logvar + (grid[:, None] - mu) ** 2 / logvar.exp())[..., 0]
    )
    density = joint.logsumexp(-1).exp()
    score = student.gmm_score(grid, logits, mu, logvar)[:, 0]
    mean_slope = 0.3 * (density * torch.cos(grid[:, 0])).sum()
    assert_value(0.3 * (density * score * torch.sin(grid[:, 0])).sum(), -mean_slope)


@question.check("law", points=0.75, requires=check_satisfies_steins_identity)
@given(inputs=mixtures_at_points(batches=((3,),), dims=(2, 5)), source=numbers())
def check_has_no_curl(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Is a gradient field: its Jacobian is symmetric."""
    one, other = (source.normal(tuple(inputs.args[0].shape)) for _ in range(2))
    forth = (student.gmm_score.vjp(inputs.args, one)[0] * other).sum(-1)
    back = (student.gmm_score.vjp(inputs.args, other)[0] * one).sum(-1)
    assert_value(forth, back)


def change_other_points(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every point but the first; the parameters, which all points share, stay."""
    x, *parameters = inputs.args
    return arguments(torch.cat((x[:1], source.normal(tuple(x[1:].shape)))), *parameters)


question.check("law", points=0.5, requires=check_values)(
    ignores_other_examples(mixtures_at_points(batches=((2,), (3,))), change_other_points)
)


@question.check("stress", points=0.5, requires=check_values)
@given(inputs=mixtures_at_points(batches=((2,),), components=(3,), dims=(5,)), far=st.sampled_from((1e3, -1e3)))
def check_survives_distant_points(student: Student, inputs: Arguments, far: float) -> None:
    """Is right a thousand units away, in float64 and in float32, where the widest component decides."""
    x, *parameters = inputs.args
    moved = arguments(x + far, *parameters)
    assert_value(student.gmm_score(*moved.args), gmm_score(*moved.args))
    single = moved.to(torch.float32)
    exact = gmm_score(*single.to(torch.float64).args)
    assert_value(student.gmm_score(*single.args).double(), exact, tolerance=ROUNDED[torch.float32])


@question.check("stress", points=0.5, requires=check_values)
@given(inputs=mixtures_at_points(components=(3,)))
def check_leaves_out_components_of_weight_zero(student: Student, inputs: Arguments) -> None:
    """A component whose logit is -inf counts as one that is not there, even where all others are far away."""
    x, logits, mu, logvar = inputs.args
    absent = torch.cat((torch.full((1,), -math.inf, dtype=torch.float64), logits[1:]))
    mu = torch.cat((mu[:1], mu[1:] + 40))
    assert_value(student.gmm_score(x, absent, mu, logvar), gmm_score(x, logits[1:], mu[1:], logvar[1:]))


question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.float32, gmm_score, mixtures_at_points(batches=((3,),)))
)


def rows(count: int, components: int = 2) -> SearchStrategy[Arguments]:
    """Mixtures in five dimensions at this many points."""
    return mixtures_at_points(batches=((count,),), components=(components,), dims=(5,))


question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(rows(3)))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(gmm_score, rows(3)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(mixtures_at_points(batches=((0,), (0, 3))), gmm_score)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(rows(3)))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(rows(3)))
question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(rows(3), rows(300)))
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(rows(3)))

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def weights_with_softmax_of_log_densities(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    precision = torch.exp(-logvar)
    away = x[..., None, :] - mu
    log_densities = -0.5 * torch.sum(away**2 * precision + logvar, dim=-1)
    weights = torch.softmax(torch.log_softmax(logits, dim=0) + log_densities, dim=-1)
    return -torch.einsum("...k,...kd->...d", weights, away * precision)


@question.alternative
def subtracts_two_weighted_sums(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    var = logvar.exp()
    std = torch.exp(0.5 * logvar)
    z = (x.unsqueeze(-2) - mu) / std
    log_joint = logits - torch.log(std).sum(-1) - 0.5 * z.pow(2).sum(-1)
    weights = torch.exp(log_joint - torch.logsumexp(log_joint, dim=-1, keepdim=True))
    return weights @ (mu / var) - x * (weights @ (1 / var))


@question.alternative
def puts_components_first(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    shape = (len(logits), *[1] * (x.dim() - 1), x.shape[-1])
    centres, precisions = mu.reshape(shape), logvar.neg().exp().reshape(shape)
    pulls = (centres - x) * precisions
    heights = (precisions.log() - (centres - x) * pulls).sum(-1, keepdim=True) / 2 + logits.reshape(*shape[:-1], 1)
    top = heights.max(dim=0, keepdim=True).values.detach()
    unnormalised = torch.exp(heights - top)
    return (unnormalised * pulls).sum(0) / unnormalised.sum(0)


@question.alternative
def differentiates_logsumexp(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    with torch.enable_grad():
        points = x + torch.zeros_like(x).requires_grad_()
        quadratic = ((points.unsqueeze(-2) - mu) ** 2 * torch.exp(-logvar) + logvar).sum(-1)
        log_density = torch.logsumexp(logits - 0.5 * quadratic, dim=-1)
        return torch.autograd.grad(log_density.sum(), points, create_graph=True)[0]
