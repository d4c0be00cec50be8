"""dsm.1: denoising score matching (Vincent 2011, eq. 9).

DSM = E 1/2 |s(x + sigma eps) + eps / sigma|^2 = E 1/2 |s(x~) - grad log p_sigma(x~)|^2 + a number without s
"""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import FORMULA, Tolerance, assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accurate_in,
    answer,
    arguments,
    does_constant_work,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.dsm._dsm_answers import ALTERNATIVES, Field
from reference.dsm._dsm_mistakes import SENTENCES
from reference.dsm._fields import FIELDS, Maker, affine, random_gradient

question = Question(
    id="dsm.1",
    functions=["dsm_loss"],
    title="Denoising score matching",
    exempt={"fails_on_empty": "the mean over no data is no number"},
)


@question.oracle
def dsm_loss(score_fn: Field, x: Tensor, sigma: float | Tensor, eps: Tensor) -> Tensor:
    """A 0-dim tensor; x and eps are [*batch, dim]."""
    return 0.5 * (score_fn(x + sigma * eps) + eps / sigma).square().sum(-1).mean()


@st.composite
def noisy_data(
    draw: st.DrawFn,
    *,
    makers: Sequence[Maker] = FIELDS,
    batches: Sequence[Shape] = ((1,), (3,)),
    dims: Sequence[int] = (1, 2, 5),
    levels: tuple[float, float] = (0.3, 1.7),
) -> Arguments:
    """Arguments (score_fn, x, sigma, eps); sigma is a number or a 0-dim tensor."""
    maker, batch, dim = draw(st.sampled_from(makers)), draw(st.sampled_from(batches)), draw(st.sampled_from(dims))
    source, low, high = draw(numbers()), *levels
    level = low + (high - low) * source.uniform((), low=0.05, high=0.95)
    sigma = level if draw(st.booleans()) else level.item()
    return arguments(maker(source, dim), source.normal((*batch, dim)), sigma, source.normal((*batch, dim)))


check_values = question.check(
    "value", points=5.5, description="Is 1/2 ||s(x + sigma eps) + eps / sigma||^2 where there is one data point."
)(matches_oracle(dsm_loss, noisy_data(batches=((1,),))))
question.check(
    "value", points=1.5, requires=check_values, name="values_for_a_batch", description="Is the mean over the data."
)(matches_oracle(dsm_loss, noisy_data(batches=((3,), (7,)))))
question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_any_batch_shape",
    description="Takes the last dimension as the data's, and any number of dimensions before it.",
)(matches_oracle(dsm_loss, noisy_data(batches=((), (2, 3), (3, 1, 2)))))
question.check("precision", points=1, requires=check_values)(keeps_precision(dsm_loss, noisy_data()))


SLOPES = Tolerance(rtol=1e-5, atol=1e-6)
"""A noise level that was rounded to float32 costs the points for precision, and no others."""


@question.check("gradient", points=4)
@given(inputs=noisy_data(), source=numbers())
def check_gradients_reach_the_parameters(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in the parameters of the field."""
    weights, right = random_gradient(dsm_loss, inputs, source)
    held = len(right) - sum(isinstance(each, Tensor) for each in inputs.args)
    assert_value(student.dsm_loss.vjp(inputs.args, weights)[:held], right[:held], tolerance=SLOPES)


def crossed(points: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Every point with every noise vector, so that the two are independent."""
    return points.repeat_interleave(len(noise), 0), noise.repeat(len(points), 1)


def spread(mean: Tensor, factor: Tensor) -> Tensor:
    """2 D points with this mean and covariance L L^T: enough for expectations of what is quadratic."""
    steps = len(mean) ** 0.5 * factor.mT
    return torch.cat((mean + steps, mean - steps))


@question.check("law", points=1.25)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_is_the_distance_to_the_noisy_score(student: Student, source: Numbers, dim: int) -> None:
    """It differs from 1/2 E||s - s_p||^2, where s_p is the score of the noisy data, by the same amount for every s."""
    mean, factor = source.normal((dim,)), source.scale_tril((), dim)
    sigma = source.uniform((), low=0.4, high=1.4).item()
    eye = torch.eye(dim, dtype=torch.float64)
    x, eps = crossed(spread(mean, factor), spread(torch.zeros_like(mean), eye))
    noisy = factor @ factor.mT + sigma**2 * eye
    precision = torch.linalg.inv(noisy)
    differences = []
    for _ in range(2):
        matrix, offset = source.normal((dim, dim)), source.normal((dim,))
        loss = student.dsm_loss(described("affine_field", matrix=matrix, offset=offset), x, sigma, eps)
        away = matrix + precision
        explicit = 0.5 * ((matrix @ mean + offset).square().sum() + (away @ noisy @ away.mT).trace())
        differences.append(loss - explicit)
    expect(torch.stack(differences).isfinite(), "the loss is not finite.")
    assert_value(differences[1], differences[0])


@question.check("law", points=0.75)
@given(source=numbers(), dim=st.sampled_from((1, 2, 5)))
def check_is_least_at_the_noisy_score(student: Student, source: Numbers, dim: int) -> None:
    """For Gaussian data N(m, v), -(x - m) / (v + sigma^2) is stationary, and the clean -(x - m) / v is not."""
    mean, std = source.normal((dim,)), source.uniform((dim,), low=0.5, high=1.6)
    sigma = source.uniform((), low=0.4, high=1.4).item()
    x, eps = crossed(spread(mean, torch.diag(std)), spread(torch.zeros_like(mean), torch.eye(dim, dtype=torch.float64)))

    def slope(variance: Tensor) -> tuple[Tensor, ...]:
        field = described("affine_field", matrix=torch.diag(-1 / variance), offset=mean / variance)
        return student.dsm_loss.vjp((field, x, sigma, eps), torch.ones((), dtype=torch.float64))[:2]

    noisy, clean = slope(std.square() + sigma**2), slope(std.square())
    assert_value(noisy, tuple(map(torch.zeros_like, noisy)), tolerance=SLOPES)
    expect(clean[0].diagonal().abs() > 1e-3, "the loss is stationary at the score of the clean data too.")


@question.check("law", points=1)
@given(inputs=noisy_data())
def check_uses_the_noise_that_it_is_given(student: Student, inputs: Arguments) -> None:
    """Where eps is zero it is 1/2 ||s(x)||^2, as often as one asks; where it is not, it is something else."""
    field, x, sigma, eps = inputs.args
    quiet = arguments(field, x, sigma, torch.zeros_like(eps))
    first, again = (student.dsm_loss(*quiet.args) for _ in range(2))
    expect(
        (first == again) | first.isnan(),
        "the same arguments give two different losses.",
        misconception="draws_noise_of_its_own",
    )
    assert_value(first, answer(dsm_loss, quiet))
    differs = answer(dsm_loss, inputs) != answer(dsm_loss, quiet)
    expect((student.dsm_loss(*inputs.args) != first) | ~differs, "the loss is the same with and without noise.")


# What a difference of float32 numbers near 1 loses of noise that is 1e-4 of them is not asked for.
FAINT = Tolerance(rtol=2e-2, atol=1e-6)


@question.check("stress", points=1, requires=check_values)
@given(inputs=noisy_data(levels=(1e-4, 2e-4)))
def check_survives_faint_noise(student: Student, inputs: Arguments) -> None:
    """Is right for a sigma of 1e-4, in float64 and in float32."""
    score_fn, x, sigma, eps = inputs.args
    # What a difference loses is as much of small noise as of large: of an eps near zero nothing would be left.
    audible = arguments(score_fn, x, sigma, eps + 0.5 * eps.sign())
    for dtype, tolerance in ((torch.float64, FORMULA), (torch.float32, FAINT)):
        given_inputs = audible.to(dtype)
        exact = answer(dsm_loss, given_inputs.to(torch.float64))
        assert_value(student.dsm_loss(*given_inputs.args).double(), exact, tolerance=tolerance)


question.check("stress", points=1, requires=check_values, examples=4)(
    accurate_in(torch.float32, dsm_loss, noisy_data())
)
question.check("robustness", points=0.5, requires=check_values)(leaves_inputs_unchanged(noisy_data()))
question.check("robustness", points=0.5, requires=check_values)(
    accepts_any_strides(dsm_loss, noisy_data(batches=((3,),)))
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(noisy_data()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(noisy_data()))


@st.composite
def rows(draw: st.DrawFn, count: int) -> Arguments:
    """A linear field in five dimensions at this many points, one noise level."""
    source = draw(numbers())
    return arguments(affine(source, 5), source.normal((count, 5)), 0.7, source.normal((count, 5)))


question.check("behaviour", points=0.5, requires=check_values)(does_constant_work(rows(3), rows(300)))

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)
for alternative in ALTERNATIVES:
    question.alternative(alternative)
