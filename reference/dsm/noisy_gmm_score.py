"""dsm.3: the score of a mixture of Gaussians with noise added.

The sum of N(mu_k, var_k) and N(0, sigma^2) is N(mu_k, var_k + sigma^2), component by component. By Vincent's identity
(2011, appendix) it is also the posterior mean of -(x~ - x) / sigma^2 given x~.
"""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from grader.compare import ROUNDED, Tolerance, assert_value
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
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.dsm._noisy_gmm_answers import ALTERNATIVES
from reference.dsm._noisy_gmm_mistakes import SENTENCES
from reference.dsm.dsm_loss import SLOPES

question = Question(
    id="dsm.3",
    functions=["noisy_gmm_score"],
    title="The score of a noisy mixture of Gaussians",
    forbidden=["torch.distributions"],
)


@question.oracle
def noisy_gmm_score(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, sigma: float | Tensor) -> Tensor:
    """Shape of x, [*batch, dim]; logits are [components], mu and var [components, dim]."""
    total = var + sigma**2
    away = mu - x.unsqueeze(-2)
    # A softmax of log-densities knows no scale: it holds where every density underflows.
    responsibilities = (logits - 0.5 * (total.log() + away.square() / total).sum(-1)).softmax(-1)
    return (responsibilities.unsqueeze(-1) * away / total).sum(-2)


@st.composite
def mixtures_at_points(
    draw: st.DrawFn,
    *,
    batches: Sequence[Shape] = ((), (1,), (3,), (2, 3)),
    components: Sequence[int] = (1, 2, 3, 4),
    dims: Sequence[int] = (1, 2, 5),
) -> Arguments:
    """Arguments (x, logits, mu, var, sigma) of components that overlap; sigma is a number or a 0-dim tensor."""
    batch, count, dim = draw(st.sampled_from(batches)), draw(st.sampled_from(components)), draw(st.sampled_from(dims))
    source = draw(numbers())
    level = source.uniform((), low=0.5, high=0.9) + 0.6 * draw(st.integers(0, 1))
    return arguments(
        source.normal((*batch, dim), scale=1.6),
        source.normal((count,), loc=0.8, scale=0.9),
        source.normal((count, dim), scale=1.2),
        source.uniform((count, dim), low=0.3, high=2.5),
        level if draw(st.booleans()) else level.item(),
    )


check_values = question.check(
    "value", points=3, description="Is the gradient of the noisy mixture's log-density at a point."
)(matches_oracle(noisy_gmm_score, mixtures_at_points(batches=((1,),))))
question.check(
    "value",
    points=0.75,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives one vector per point, for any number of batch dimensions.",
)(matches_oracle(noisy_gmm_score, mixtures_at_points(batches=((3,), (), (2, 3), (7,)))))
question.check("precision", points=0.5, requires=check_values)(keeps_precision(noisy_gmm_score, mixtures_at_points()))


def assert_gradients(student: Student, inputs: Arguments, source: Numbers, which: slice) -> None:
    """The gradients in some of the arguments are right."""
    weights = source.normal(tuple(inputs.args[0].shape))
    got, right = student.noisy_gmm_score.vjp(inputs.args, weights), oracle_vjp(noisy_gmm_score, inputs, weights)
    assert_value(got[which], right[which], tolerance=SLOPES)


@question.check("gradient", points=0.75)
@given(inputs=mixtures_at_points(), source=numbers())
def check_gradients_in_points(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in x."""
    assert_gradients(student, inputs, source, slice(0, 1))


@question.check("gradient", points=1.25)
@given(inputs=mixtures_at_points(components=(2, 3)), source=numbers())
def check_gradients_in_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradients in logits, means and variances, and in sigma where it is a tensor."""
    assert_gradients(student, inputs, source, slice(1, None))


@question.check("law", points=0.25)
@given(inputs=mixtures_at_points())
def check_is_the_clean_score_without_noise(student: Student, inputs: Arguments) -> None:
    """At sigma = 0 it is the score of the clean mixture, by autograd of its log-density."""
    x, logits, mu, var, _ = inputs.args
    points = x.detach().clone().requires_grad_()
    log_joint = logits - 0.5 * (var.log() + (points.unsqueeze(-2) - mu).square() / var).sum(-1)
    (clean,) = torch.autograd.grad(log_joint.logsumexp(-1).sum(), points)
    assert_value(student.noisy_gmm_score(x, logits, mu, var, 0.0), clean)


@question.check("law", points=0.25)
@given(inputs=mixtures_at_points())
def check_sees_only_the_mean_through_much_noise(student: Student, inputs: Arguments) -> None:
    """For a sigma of 1e4 it is -(x - m) / sigma^2, where m is the mean of the mixture."""
    x, logits, mu, var, _ = inputs.args
    score = student.noisy_gmm_score(x, logits, mu, var, 1e4)
    assert_value(1e8 * score, logits.softmax(-1) @ mu - x, tolerance=Tolerance(rtol=1e-6, atol=1e-5))


@question.check("law", points=0.5)
@given(source=numbers(), components=st.sampled_from((1, 2, 3)))
def check_is_the_mean_way_back(student: Student, source: Numbers, components: int) -> None:
    """Vincent's identity: it is the mean of -(x~ - x) / sigma^2 over all clean x that x~ may come from."""
    logits, mu = source.normal((components,)), source.uniform((components, 1), low=-2, high=2)
    var, sigma = source.uniform((components, 1), low=0.4, high=1.5), source.uniform((), low=0.5, high=1.2).item()
    noisy = source.normal((5, 1), scale=1.5)
    # The trapezoidal rule is exact to rounding for what is smooth and falls off like a Gaussian.
    clean = torch.arange(-160.0, 161.0, dtype=torch.float64) * 0.08
    prior = (logits[:, None].log_softmax(0) - 0.5 * (var.log() + (clean - mu).square() / var)).logsumexp(0)
    back = (clean - noisy) / sigma**2
    posterior = (prior - 0.5 * (clean - noisy).square() / sigma**2).softmax(-1)
    assert_value(student.noisy_gmm_score(noisy, logits, mu, var, sigma), (posterior * back).sum(-1, keepdim=True))


def change_other_points(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every point but the first; the parameters, which all points share, stay."""
    x, *parameters = inputs.args
    return arguments(torch.cat((x[:1], source.normal(tuple(x[1:].shape)))), *parameters)


question.check("law", points=0.25, requires=check_values)(
    ignores_other_examples(mixtures_at_points(batches=((2,), (3,))), change_other_points)
)


@question.check("stress", points=0.25, requires=check_values)
@given(
    inputs=mixtures_at_points(batches=((2,),), components=(3,), dims=(5,)),
    far=st.sampled_from((1e3, -1e3)),
)
def check_survives_distant_points(student: Student, inputs: Arguments, far: float) -> None:
    """Is right a thousand units away, in float64 and in float32, where the widest component decides."""
    x, *parameters = inputs.args
    moved = arguments(x + far, *parameters)
    assert_value(student.noisy_gmm_score(*moved.args), noisy_gmm_score(*moved.args))
    single = moved.to(torch.float32)
    exact = noisy_gmm_score(*single.to(torch.float64).args)
    assert_value(student.noisy_gmm_score(*single.args).double(), exact, tolerance=ROUNDED[torch.float32])


@question.check("stress", points=0.25, requires=check_values)
@given(source=numbers(), count=st.sampled_from((3, 5)))
def check_smooths_single_data_points(student: Student, source: Numbers, count: int) -> None:
    """Components without any variance are data points: noise alone gives them a density."""
    x, data = source.normal((2, 5)), source.normal((count, 5))
    logits, var, sigma = torch.zeros(count, dtype=torch.float64), torch.zeros_like(data), 0.7
    nearness = (-0.5 * torch.cdist(x, data).square() / sigma**2).softmax(-1)
    assert_value(student.noisy_gmm_score(x, logits, data, var, sigma), (nearness @ data - x) / sigma**2)


question.check("stress", points=0.25, requires=check_values, examples=4)(
    accurate_in(torch.float32, noisy_gmm_score, mixtures_at_points(batches=((3,),)))
)


def rows(count: int) -> SearchStrategy[Arguments]:
    """Mixtures in five dimensions at this many points."""
    return mixtures_at_points(batches=((count,),), components=(2,), dims=(5,)).map(with_a_number)


def with_a_number(inputs: Arguments) -> Arguments:
    """With sigma as a Python number."""
    *others, sigma = inputs.args
    return arguments(*others, float(sigma))


question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(mixtures_at_points()))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(noisy_gmm_score, rows(3)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(mixtures_at_points(batches=((0,), (0, 3))), noisy_gmm_score)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(mixtures_at_points()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(rows(3)))
question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(rows(3), rows(300)))
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(rows(3)))

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)
for alternative in ALTERNATIVES:
    question.alternative(alternative)
