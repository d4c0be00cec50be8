"""lvm.2: the log-density of a mixture of diagonal Gaussians (Bishop 2006, eq. 9.7).

log p(x) = log sum_k softmax(logits)_k N(x; mu_k, diag exp(logvar_k))
"""

from __future__ import annotations

import math

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import ROUNDED, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    avoids_forbidden_names,
    cotangents_like,
    does_constant_work,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from reference.latent._gmm_mistakes import SENTENCES
from reference.latent._mixtures import Mixture, change_other_points, mixtures, points_of_mixtures
from reference.latent.log_mean_exp import log_mean_exp

LOG_2PI = math.log(2 * math.pi)

question = Question(
    id="lvm.2",
    functions=["gmm_log_prob"],
    title="Log-density of a mixture of Gaussians",
    forbidden=["torch.distributions", "torch.logsumexp"],
    builds_on=["lvm.1"],
)


@question.oracle
def gmm_log_prob(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Nats; x is [*batch, dimensions], logits [components], mu and logvar [components, dimensions]."""
    return torch.logsumexp(_joint(x, logits, mu, logvar), dim=-1)


def _joint(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log p(x, k), shape [*batch, components]."""
    # Squaring after scaling: neither the variance nor its inverse squared is ever formed.
    z = (x.unsqueeze(-2) - mu) * torch.exp(-0.5 * logvar)
    return logits.log_softmax(-1) - 0.5 * (LOG_2PI + logvar + z.square()).sum(-1)


check_values = question.check(
    "value", points=5.5, description="Equals the log-density of one point, constant included."
)(matches_oracle(gmm_log_prob, points_of_mixtures(batch_shapes=((), (1,)))))
question.check(
    "value",
    points=1.5,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives one value per point, for any number of batch dimensions.",
)(matches_oracle(gmm_log_prob, points_of_mixtures(batch_shapes=((3,), (2, 3), (11,)))))
question.check(
    "value",
    points=1,
    name="values_for_one_component",
    description="Is the log-density of a Gaussian where there is one component, whatever its logit.",
)(matches_oracle(gmm_log_prob, points_of_mixtures(batch_shapes=((), (3,)), components=(1,))))

question.check("precision", points=1)(keeps_precision(gmm_log_prob, points_of_mixtures(batch_shapes=((), (1,)))))

ONE_OR_MORE = points_of_mixtures(batch_shapes=((), (1,), (3,), (2, 3)))


def assert_gradients(student: Student, inputs: Arguments, source: Numbers, which: slice) -> None:
    """The gradients in some of the arguments are right."""
    weights = cotangents_like(gmm_log_prob(*inputs.args), source)
    assert_value(
        student.gmm_log_prob.vjp(inputs.args, weights)[which], oracle_vjp(gmm_log_prob, inputs, weights)[which]
    )


@question.check("gradient", points=1)
@given(inputs=ONE_OR_MORE, source=numbers())
def check_gradients_in_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in x."""
    assert_gradients(student, inputs, source, slice(0, 1))


@question.check("gradient", points=1)
@given(inputs=ONE_OR_MORE, source=numbers())
def check_gradients_in_logits(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in the logits."""
    assert_gradients(student, inputs, source, slice(1, 2))


@question.check("gradient", points=2)
@given(inputs=ONE_OR_MORE, source=numbers())
def check_gradients_in_components(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in the means and the log-variances."""
    assert_gradients(student, inputs, source, slice(2, 4))


@question.check("law", points=1)
@given(source=numbers(), components=st.sampled_from((2, 3)), dimensions=st.sampled_from((1, 2)))
def check_integrates_to_one(student: Student, source: Numbers, components: int, dimensions: int) -> None:
    """Is a density: exp of it integrates to one, in one dimension and in two."""
    shape = (components, dimensions)
    logits, mu = source.normal((components,), loc=0.8), source.uniform(shape, low=-1.5, high=1.5)
    logvar = source.uniform(shape, low=-0.7, high=0.5)
    # At a spacing of 0.7 of the smallest sigma, out to 8 of the largest, the trapezoidal rule is exact to rounding.
    axis = torch.arange(-24.0, 25.0, dtype=torch.float64) * 0.5
    grid = torch.cartesian_prod(*[axis] * dimensions).reshape(-1, dimensions)
    mass = student.gmm_log_prob(grid, logits, mu, logvar).exp().sum() * 0.5**dimensions
    assert_value(mass, torch.ones_like(mass))


@question.check("law", points=0.5)
@given(inputs=ONE_OR_MORE, shift=st.sampled_from((-4.0, 0.9, 30.0)))
def check_ignores_a_shift_of_all_logits(student: Student, inputs: Arguments, shift: float) -> None:
    """Adding one number to all logits changes nothing; adding it to one of them does."""
    x, logits, mu, logvar = inputs.args
    value = student.gmm_log_prob(*inputs.args)
    assert_value(student.gmm_log_prob(x, logits + shift, mu, logvar), value)
    heavier = student.gmm_log_prob(x, torch.cat((logits[:1] + shift, logits[1:])), mu, logvar)
    expect((heavier - value).abs() > 1e-12, "the weight of a component makes no difference.")


@question.check("law", points=0.5, requires=check_integrates_to_one)
@given(inputs=ONE_OR_MORE, source=numbers())
def check_ignores_the_order_of_components(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Renumbering the components, each with its logit, mean and variance, changes nothing."""
    x, *parameters = inputs.args
    order = source.permutation(len(parameters[0]))
    renumbered = student.gmm_log_prob(x, *(each[order] for each in parameters))
    assert_value(renumbered, student.gmm_log_prob(*inputs.args))


@question.check("law", points=0.75, requires=check_integrates_to_one)
@given(inputs=ONE_OR_MORE, share=st.sampled_from((0.5, 0.2)))
def check_splits_a_component(student: Student, inputs: Arguments, share: float) -> None:
    """Splitting a component into two that share its weight, its mean and its variance changes nothing."""
    x, logits, mu, logvar = inputs.args
    shares = torch.tensor([share, 1 - share], dtype=torch.float64).log()
    split = torch.cat((logits[:1] + shares, logits[1:])), *(torch.cat((each[:1], each)) for each in (mu, logvar))
    assert_value(student.gmm_log_prob(x, *split), student.gmm_log_prob(*inputs.args))


question.check("law", points=0.25, requires=check_values)(
    ignores_other_examples(points_of_mixtures(batch_shapes=((2,), (3,))), change_other_points)
)


def assert_exact(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Values and gradients are right in float64, and values in float32."""
    weights = cotangents_like(gmm_log_prob(*inputs.args), source)
    assert_value(student.gmm_log_prob(*inputs.args), gmm_log_prob(*inputs.args))
    assert_value(student.gmm_log_prob.vjp(inputs.args, weights), oracle_vjp(gmm_log_prob, inputs, weights))
    single = inputs.to(torch.float32)
    exact = gmm_log_prob(*single.to(torch.float64).args)
    assert_value(student.gmm_log_prob(*single.args).double(), exact, tolerance=ROUNDED[torch.float32])


@question.check("stress", points=0.75, requires=check_values)
@given(mixture=mixtures(components=(3,), dimensions=(5,)), source=numbers(), distance=st.sampled_from((1e3, -1e3)))
def check_survives_distant_points(student: Student, mixture: Mixture, source: Numbers, distance: float) -> None:
    """Stays exact, values and gradients, a thousand standard deviations away."""
    x = distance + source.normal((2, 5))
    assert_exact(student, arguments(x, mixture.logits, mixture.mu, mixture.logvar), source)


@question.check("stress", points=0.5, requires=check_values)
@given(mixture=mixtures(components=(3,), dimensions=(17,)), source=numbers())
def check_survives_narrow_components(student: Student, mixture: Mixture, source: Numbers) -> None:
    """Stays exact, values and gradients, where one component has log-variances of -60, at its mean and elsewhere."""
    x = torch.stack((mixture.mu[0], source.normal((17,))))
    logvar = torch.cat((torch.full((1, 17), -60.0, dtype=torch.float64), mixture.logvar[1:]))
    assert_exact(student, arguments(x, mixture.logits, mixture.mu, logvar), source)


def without_first_component(mixture: Mixture, x: Tensor) -> tuple[Arguments, Arguments]:
    """The mixture with a weight of zero for its first component, and the mixture of the others."""
    logits = torch.cat((torch.full((1,), -math.inf, dtype=torch.float64), mixture.logits[1:]))
    whole = arguments(x, logits, mixture.mu, mixture.logvar)
    return whole, arguments(x, mixture.logits[1:], mixture.mu[1:], mixture.logvar[1:])


@question.check("stress", points=0.25, requires=check_values)
@given(mixture=mixtures(components=(3,), dimensions=(5,)), source=numbers())
def check_leaves_out_components_of_weight_zero(student: Student, mixture: Mixture, source: Numbers) -> None:
    """A component whose logit is -inf counts as one that is not there."""
    whole, others = without_first_component(mixture, source.normal((2, 5)))
    assert_value(student.gmm_log_prob(*whole.args), gmm_log_prob(*others.args))


@question.check("stress", points=0.25, requires=check_values)
@given(mixture=mixtures(components=(3,), dimensions=(5,)), source=numbers())
def check_has_no_slope_at_weight_zero(student: Student, mixture: Mixture, source: Numbers) -> None:
    """Has the gradient 0 in a component whose logit is -inf, and the right one in the others."""
    whole, others = without_first_component(mixture, source.normal((2, 5)))
    weights = source.normal((2,))
    in_x, *in_others = oracle_vjp(gmm_log_prob, others, weights)
    right = (in_x, *(torch.cat((torch.zeros_like(each[:1]), each)) for each in in_others))
    assert_value(student.gmm_log_prob.vjp(whole.args, weights), right)


question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.float32, gmm_log_prob, points_of_mixtures(batch_shapes=((3,),)))
)

THREE = points_of_mixtures(batch_shapes=((3,),))
FEW, MANY = (points_of_mixtures(batch_shapes=((size,),), components=(2,), dimensions=(5,)) for size in (3, 300))

question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(THREE))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(gmm_log_prob, THREE))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(points_of_mixtures(batch_shapes=((0,), (0, 3))), gmm_log_prob)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(THREE))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(THREE))
question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(FEW, MANY))
question.check(
    "behaviour",
    points=0.25,
    requires=check_values,
    name="does_not_loop_over_the_components",
    description="Handles the components with tensor operations, not with a Python loop.",
)(
    does_constant_work(
        FEW,
        points_of_mixtures(batch_shapes=((3,),), components=(200,), dimensions=(5,)),
        grows="the number of components",
    )
)
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(THREE))


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def puts_the_weights_inside_the_mean(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    log_weights = math.log(logits.shape[0]) + torch.nn.functional.log_softmax(logits, dim=0)
    away = x[..., None, :] - mu
    quadratic = ((away / torch.exp(logvar / 2)) ** 2).sum(dim=-1)
    constant = mu.shape[-1] * math.log(2 * math.pi) + logvar.sum(dim=-1)
    return log_mean_exp(log_weights - (quadratic + constant) / 2, dim=-1)


@question.alternative
def subtracts_the_largest_term(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    squares = (x.unsqueeze(-2) - mu).square() * torch.exp(-logvar)
    log_2pi = torch.log(torch.tensor(2 * math.pi, dtype=x.dtype, device=x.device))
    log_densities = -0.5 * torch.sum(squares + logvar + log_2pi, dim=-1)
    terms = log_densities + logits
    largest = terms.max(dim=-1, keepdim=True).values.detach()
    numerator = torch.log(torch.exp(terms - largest).sum(dim=-1)) + largest.squeeze(-1)
    top = logits.max()
    return numerator - (top + torch.log(torch.exp(logits - top).sum()))


@question.alternative
def puts_components_first(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    components, dims = mu.shape
    shape = (components, *[1] * (x.dim() - 1), dims)
    centres, log_scales = mu.reshape(shape), 0.5 * logvar.reshape(shape)
    z = (x - centres) / log_scales.exp()
    log_densities = -(0.5 * z * z + log_scales + 0.5 * math.log(2 * math.pi)).sum(-1)
    joint = log_densities + logits.log_softmax(0).reshape(shape[:-1])
    return log_mean_exp(joint, 0) + math.log(components)


@question.alternative
def flattens_the_batch(x: Tensor, logits: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    points = x.reshape(-1, 1, x.shape[-1])
    joint = -0.5 * ((points - mu[None]) ** 2 / logvar[None].exp() + logvar[None] + math.log(2 * math.pi)).sum(2)
    joint = joint + torch.log_softmax(logits, dim=-1)[None, :]
    top, _ = joint.max(dim=1, keepdim=True)
    return (top[:, 0] + torch.log(torch.exp(joint - top).sum(dim=1))).reshape(x.shape[:-1])
