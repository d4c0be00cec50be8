"""score.1: the score of a Gaussian given by its Cholesky factor (Petersen & Pedersen 2012, section 8.1).

grad_x log N(x; mu, Sigma) = -Sigma^{-1} (x - mu),  Sigma = L L^T
"""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value
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
from grader.strategies import Numbers, Shape, numbers

question = Question(
    id="score.1",
    functions=["gaussian_score"],
    title="The score of a Gaussian",
    forbidden=["torch.distributions", "torch.inverse", "torch.linalg.inv"],
)


@question.oracle
def gaussian_score(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    """Shape of the broadcast points, [*batch, dim]; scale_tril is [*batch, dim, dim]."""
    # Two solves with the factor: its condition number enters, and not that of the covariance.
    half = torch.linalg.solve_triangular(scale_tril, (mu - x).unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze(-1)
    return result


Batches = tuple[Shape, Shape, Shape]

SAME: tuple[Batches, ...] = tuple((shape, shape, shape) for shape in ((), (1,), (3,), (2, 3)))
SHARED: tuple[Batches, ...] = (((3,), (), ()), ((), (3,), (3,)), ((2, 3), (3,), ()), ((3,), (3,), (1,)))
"""Batch shapes of x, mu and scale_tril that differ and broadcast."""


@st.composite
def triples(
    draw: st.DrawFn, *, batches: tuple[Batches, ...] = SAME, sizes: tuple[int, ...] = (1, 2, 5, 7)
) -> Arguments:
    """Arguments (x, mu, scale_tril)."""
    (of_x, of_mu, of_scale), size, source = (
        draw(st.sampled_from(batches)),
        draw(st.sampled_from(sizes)),
        draw(numbers()),
    )
    x, mu = source.normal((*of_x, size), scale=1.5), source.normal((*of_mu, size))
    return arguments(x, mu, source.scale_tril(of_scale, size))


def rows(*counts: int) -> st.SearchStrategy[Arguments]:
    """Arguments with one batch dimension of one of these sizes."""
    return triples(batches=tuple(((n,), (n,), (n,)) for n in counts), sizes=(5,))


check_values = question.check("value", points=3.5, description="Is -Sigma^{-1} (x - mu) for every Gaussian.")(
    matches_oracle(gaussian_score, triples())
)
question.check("value", points=0.5, name="broadcasts", description="Broadcasts the batch shapes of its arguments.")(
    matches_oracle(gaussian_score, triples(batches=SHARED))
)
question.check("precision", points=0.5, requires=check_values)(keeps_precision(gaussian_score, triples()))


# A factor moves within the lower triangular matrices: what lies above its diagonal is not compared.
@question.check("gradient", points=2)
@given(inputs=triples(), source=numbers())
def check_gradients(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Has the right gradient in x, in mu and in the lower triangle of the factor."""
    weights = cotangents_like(gaussian_score(*inputs.args), source)
    in_x, in_mu, in_scale = student.gaussian_score.vjp(inputs.args, weights)
    right_x, right_mu, right_scale = oracle_vjp(gaussian_score, inputs, weights)
    assert_value((in_x, in_mu, in_scale.tril()), (right_x, right_mu, right_scale.tril()))


@question.check("law", points=0.5)
@given(source=numbers(), size=st.sampled_from((2, 5)))
def check_has_the_precision_as_its_slope(student: Student, source: Numbers, size: int) -> None:
    """Is affine in x: a step along each axis changes it by a column of -Sigma^{-1}, and at the mean it is zero."""
    mu, scale = source.normal((size,)), source.scale_tril((), size)
    eye = torch.eye(size, dtype=torch.float64)
    at_mean = student.gaussian_score(mu, mu, scale)
    steps = torch.stack([student.gaussian_score(mu + 2 * axis, mu, scale) - at_mean for axis in eye])
    assert_value(steps @ (scale @ scale.mT), -2 * eye)
    assert_value(at_mean, torch.zeros_like(mu))


@question.check("law", points=0.25)
@given(source=numbers(), size=st.sampled_from((1, 2, 5)))
def check_has_the_fisher_information_as_its_spread(student: Student, source: Numbers, size: int) -> None:
    """Averages to zero over the Gaussian, and its squares to Sigma^{-1}; at points with exactly these moments."""
    mu, scale = source.normal((size,)), source.scale_tril((), size)
    # The 2 D points mu +- sqrt(D) L e_d have mean mu and covariance Sigma.
    steps = size**0.5 * scale.mT
    scores = student.gaussian_score(torch.cat((mu + steps, mu - steps)), mu, scale)
    assert_value(scores.mean(0), torch.zeros_like(mu))
    assert_value(scores.mT @ scores / (2 * size) @ (scale @ scale.mT), torch.eye(size, dtype=torch.float64))


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other values for every example but the first."""
    x, mu, scale = inputs.args
    count, size = x.shape
    points = [torch.cat((each[:1], source.normal((count - 1, size)))) for each in (x, mu)]
    return arguments(*points, torch.cat((scale[:1], source.scale_tril((count - 1,), size))))


question.check("law", points=0.25, requires=check_has_the_precision_as_its_slope)(
    ignores_other_examples(rows(2, 3), change_all_but_first)
)


@st.composite
def ill_conditioned(draw: st.DrawFn) -> Arguments:
    """Arguments whose covariance has a condition number near 1e8, while the score in its own units is of order 1."""
    source, size = draw(numbers()), draw(st.sampled_from((2, 5)))
    rotation = source.orthogonal(size)
    covariance = (rotation * torch.logspace(0, -8, size, dtype=torch.float64)) @ rotation.mT
    scale = torch.linalg.cholesky((covariance + covariance.mT) / 2)
    mu = source.normal((size,))
    return arguments(mu + scale @ source.normal((size,)), mu, scale)


# Solving with the covariance instead of its factor is right too, and errs by up to 1.5e-8 of the value here (measured
# against mpmath); more than ten times that is allowed. Scores are near 1e4.
question.check("stress", points=0.5, requires=check_values, name="survives_ill_conditioning")(
    matches_oracle(gaussian_score, ill_conditioned(), tolerance=Tolerance(rtol=3e-7, atol=1e-3))
)
question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.float32, gaussian_score, triples(sizes=(1, 2, 3)), tolerance=Tolerance(rtol=2e-4, atol=2e-4))
)

question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(rows(3)))
question.check("robustness", points=0.25, requires=check_values)(accepts_any_strides(gaussian_score, rows(2, 3)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(triples(batches=(((0,), (0,), (0,)), ((0, 3), (0, 3), (0, 3)))), gaussian_score)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(triples()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(rows(3)))
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(rows(3)))
question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(rows(3), rows(300)))

CORRELATED = "Correlate two dimensions: does a step in one of them change your score in the other?"
AWAY = "Your arrows leave the mode. Which argument does a score function in this lecture differentiate, x or mu?"


@question.misconception(AWAY)
def points_away_from_the_mean(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    half = torch.linalg.solve_triangular(scale_tril, (x - mu).unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze(-1)
    return result


@question.misconception(AWAY)
def differentiates_in_the_mean(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    covariance = scale_tril @ scale_tril.mT
    away = (x - mu).expand((x + mu + scale_tril[..., 0]).shape)
    result: Tensor = torch.linalg.solve(covariance, away.unsqueeze(-1)).squeeze(-1)
    return result


@question.misconception("Check Sigma = 4: the slope should be -1/4.")
def solves_with_the_factor_once(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    result: Tensor = torch.linalg.solve_triangular(scale_tril, (mu - x).unsqueeze(-1), upper=False).squeeze(-1)
    return result


@question.misconception("A narrow Gaussian has a steep log-density. What does yours do as Sigma shrinks?")
def multiplies_by_the_covariance(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    covariance = scale_tril @ scale_tril.mT
    return (covariance @ (mu - x).unsqueeze(-1)).squeeze(-1)


@question.misconception("Multiply L L^T and L^T L out for L = [[1, 0], [1, 1]]: which of them is Sigma?")
def multiplies_the_factor_the_wrong_way_round(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    half = torch.linalg.solve_triangular(scale_tril.mT, (mu - x).unsqueeze(-1), upper=True)
    result: Tensor = torch.linalg.solve_triangular(scale_tril, half, upper=False).squeeze(-1)
    return result


@question.misconception("Multiply L L^T and L L out for L = [[1, 0], [1, 1]]: which of them do your two solves undo?")
def solves_with_the_lower_factor_twice(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    half = torch.linalg.solve_triangular(scale_tril, (mu - x).unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril, half, upper=False).squeeze(-1)
    return result


@question.misconception("Differentiate -x^2 / 2 in x: where is the half then?")
def keeps_the_half_of_the_exponent(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    half = torch.linalg.solve_triangular(scale_tril, (mu - x).unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze(-1)
    return 0.5 * result


@question.misconception("Try points of one dimension: which dimensions does .squeeze() without an argument remove?")
def squeezes_every_dimension(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    half = torch.linalg.solve_triangular(scale_tril, (mu - x).unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze()
    return result


@question.misconception(CORRELATED)
def keeps_only_the_diagonal_of_the_factor(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    return (mu - x) / scale_tril.diagonal(dim1=-2, dim2=-1).square()


@question.misconception(CORRELATED)
def keeps_only_the_diagonal(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    var = (scale_tril @ scale_tril.mT).diagonal(dim1=-2, dim2=-1)
    return (mu - x) / var


@question.misconception("Put mu = 0 and then mu = 5: how far from the mean is x = 5 in each case?")
def forgets_the_mean(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    x = x.expand((x + mu).shape)
    half = torch.linalg.solve_triangular(scale_tril, -x.unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze(-1)
    return result


@question.misconception("Your values are right; differentiate them in x once more. Which slope should a Gaussian have?")
def detaches_the_points(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    half = torch.linalg.solve_triangular(scale_tril, (mu - x.detach()).unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze(-1)
    return result


@question.misconception("Take a variance of 1e-8 in one direction: is what you add to Sigma small beside it?")
def adds_jitter(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    covariance = scale_tril @ scale_tril.mT + 1e-9 * eye
    away = (mu - x).unsqueeze(-1)
    return torch.cholesky_solve(away, torch.linalg.cholesky(covariance)).squeeze(-1)


@question.misconception("Put one example in a batch alone, then among others: why does its score change?")
def centres_the_batch(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    away = mu - x
    if away.dim() > 1:
        away = away - away.mean(0)
    half = torch.linalg.solve_triangular(scale_tril, away.unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze(-1)
    return result


@question.misconception("An input of shape (2, 3, 5) has six points; how many does your code know of?")
def expects_one_batch_dimension(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    away = mu - x
    if away.dim() > 2:
        away = away.reshape(-1, away.shape[-1])[: away.shape[0]]
    half = torch.linalg.solve_triangular(scale_tril, away.unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.mT, half, upper=True).squeeze(-1)
    return result


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_double(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    half = torch.linalg.solve_triangular(scale_tril.double(), (mu - x).double().unsqueeze(-1), upper=False)
    result: Tensor = torch.linalg.solve_triangular(scale_tril.double().mT, half, upper=True).squeeze(-1)
    return result


@question.alternative
def solves_with_the_cholesky_factor(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    away = (x - mu).unsqueeze(-1)
    batch = (away[..., 0] + scale_tril[..., 0]).shape[:-1]
    away = away.expand(*batch, *away.shape[-2:])
    factor = scale_tril.expand(*batch, *scale_tril.shape[-2:])
    return -torch.cholesky_solve(away, factor).squeeze(-1)


@question.alternative
def solves_with_the_covariance(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    covariance = scale_tril @ scale_tril.mT
    result: Tensor = -torch.linalg.solve(covariance, (x - mu)[..., None])[..., 0]
    return result


@question.alternative
def forms_the_precision_by_solving(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    eye = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device).expand_as(scale_tril)
    whitener = torch.linalg.solve_triangular(scale_tril, eye, upper=False)
    precision = whitener.transpose(-1, -2) @ whitener
    return torch.einsum("...ij,...j->...i", precision, mu - x)


@question.alternative
def differentiates_the_log_density(x: Tensor, mu: Tensor, scale_tril: Tensor) -> Tensor:
    with torch.enable_grad():
        shape = (x + mu + scale_tril[..., 0]).shape
        points = x.expand(shape) + torch.zeros(shape, dtype=x.dtype, device=x.device).requires_grad_()
        z = torch.linalg.solve_triangular(scale_tril, (points - mu).unsqueeze(-1), upper=False)
        log_density = -0.5 * z.square().sum()
        return torch.autograd.grad(log_density, points, create_graph=True)[0]
