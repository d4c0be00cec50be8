"""ar.2: a linear-Gaussian autoregressive model, its likelihood and its maximum-likelihood fit (Bishop 2006, 8.1.4).

x_i ~ N(b_i + sum_{j<i} W_ij x_j, sigma_i^2); -log p(x) = sum_i [log(2 pi) / 2 + log sigma_i + r_i^2 / (2 sigma_i^2)]
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.autoregressive._gaussian_ar_mistakes import GAUSSIAN_AR_FIT_SENTENCES, SENTENCES

question = Question(
    id="ar.2",
    functions=["gaussian_ar_nll", "gaussian_ar_fit"],
    title="A linear-Gaussian autoregressive model: likelihood and least-squares fit",
)

BATCHES: tuple[Shape, ...] = ((), (1,), (3,), (2, 3))
SIZES = (1, 2, 5, 7)


@question.oracle
def gaussian_ar_nll(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    """-log p(x) in nats, [*batch]; x is [*batch, D], log_sigma [D], 0-dim or a number."""
    shared = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device).expand(x.shape[-1])
    mean = b + torch.einsum("ij,...j->...i", torch.tril(W, -1), x)
    scaled = (x - mean) / shared.exp()
    return 0.5 * scaled.square().sum(-1) + shared.sum() + 0.5 * x.shape[-1] * math.log(2 * math.pi)


@question.oracle
def gaussian_ar_fit(x: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares of each column on a one and the columns before it; of several solutions the shortest."""
    n, d = x.shape
    W, b = torch.zeros(d, d, dtype=x.dtype), torch.zeros(d, dtype=x.dtype)
    for i in range(d):
        design = torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)
        solution = torch.linalg.lstsq(design, x[:, i : i + 1], driver="gelsd").solution[:, 0]
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


def draw_model(source: Numbers, size: int, sigma: Shape | None) -> tuple[Tensor, Tensor, Tensor]:
    """W with entries everywhere, b, and log_sigma of the shape that is asked for."""
    log_sigma = source.uniform((size,) if sigma is None else sigma, low=-0.9, high=0.9)
    return source.normal((size, size)), source.normal((size,), scale=1.5), log_sigma


@st.composite
def models(
    draw: st.DrawFn,
    *,
    batches: Sequence[Shape] = BATCHES,
    sizes: Sequence[int] = SIZES,
    sigma: Shape | None = None,
) -> Arguments:
    """Arguments (x, W, b, log_sigma), log_sigma [D] unless another shape is given."""
    batch, size, source = draw(st.sampled_from(batches)), draw(st.sampled_from(sizes)), draw(numbers())
    return arguments(source.normal((*batch, size), scale=1.5), *draw_model(source, size, sigma))


@st.composite
def data(draw: st.DrawFn, *, counts: Sequence[int] = (13, 17), sizes: Sequence[int] = (1, 2, 3, 5)) -> Arguments:
    """Arguments (x,) of full rank, of columns that depend on those before them."""
    count, size, source = draw(st.sampled_from(counts)), draw(st.sampled_from(sizes)), draw(numbers())
    mixing = torch.eye(size, dtype=torch.float64) + source.normal((size, size), scale=0.4).triu(1)
    return arguments(source.normal((count, size)) @ mixing + source.normal((size,), scale=2.0))


@st.composite
def few_data(draw: st.DrawFn) -> Arguments:
    """Arguments (x,) with fewer points than unknowns, which for each dimension have no other reason to have many fits.

    Columns that repeat each other would have several best fits too, but correct library functions take the rounding of
    such columns for information.
    """
    source, count = draw(numbers()), draw(st.sampled_from((1, 2, 3)))
    x = source.normal((count, 5), loc=1.0)
    while not is_in_general_position(x):
        x = source.normal((count, 5), loc=1.0)
    return arguments(x)


def is_in_general_position(x: Tensor) -> bool:
    """Whether any n of the n rows' columns, a one among them, are independent far beyond rounding.

    That the first ones are would do, were it not for `torch.linalg.lstsq`: up to torch 2.13 at least, what its memory
    held before says which columns it begins with (pytorch/pytorch#187411), and it stops where those are dependent.
    """
    columns = torch.cat((x.new_ones(len(x), 1), x), dim=1)
    chosen = torch.combinations(torch.arange(columns.shape[1]), len(x))
    smallest = torch.linalg.svdvals(columns[:, chosen].movedim(0, -2))[..., -1]
    return bool((smallest > 0.02).all())


check_nll = question.check(
    "value", points=1.75, description="The negative log-likelihood is right for one sigma per dimension."
)(matches_oracle(gaussian_ar_nll, models()))


@question.check("value", points=0.5, requires=check_nll)
@given(inputs=models(sigma=()))
def check_shared_sigma(student: Student, inputs: Arguments) -> None:
    """One sigma for all dimensions, as a 0-dim tensor or as a number, counts in each of them."""
    x, W, b, log_sigma = inputs.args
    for given_as in (log_sigma, log_sigma.item()):
        assert_value(student.gaussian_ar_nll(x, W, b, given_as), gaussian_ar_nll(x, W, b, given_as))


check_fit = question.check(
    "value", points=1.75, description="The fit is the least-squares prediction of each dimension from those before it."
)(about("gaussian_ar_fit", matches_oracle(gaussian_ar_fit, data())))
question.check(
    "value",
    points=0.5,
    requires=check_fit,
    name="shortest_fit",
    description="Of several best fits it is the shortest, intercept included.",
)(about("gaussian_ar_fit", matches_oracle(gaussian_ar_fit, few_data())))

question.check("precision", points=0.25, requires=check_nll)(keeps_precision(gaussian_ar_nll, models()))
question.check(
    "gradient", points=1.5, description="Has the right gradient in x, W, b and log sigma; zero where W is ignored."
)(gradients_match(gaussian_ar_nll, models()))


@question.check("law", points=0.5)
@given(inputs=models(sizes=(2, 5)), source=numbers())
def check_is_squared_error_and_a_constant(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Less the scaled squared error, the negative log-likelihood is the same for every x and W."""
    x, W, b, log_sigma = inputs.args
    rests = []
    for other_x, other_W in ((x, W), (source.normal(tuple(x.shape)), source.normal(tuple(W.shape)))):
        residual = other_x - b - other_x @ other_W.tril(-1).mT
        nll = student.gaussian_ar_nll(other_x, other_W, b, log_sigma)
        rests.append(nll - 0.5 * (residual / log_sigma.exp()).square().sum(-1))
    assert_value(rests[1], rests[0])


@question.check("law", points=0.5, requires=check_nll)
@given(inputs=models(sizes=(2, 5)), source=numbers())
def check_ignores_the_rest_of_the_weights(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Weights on and above the diagonal change nothing, whatever they are, and have no gradient."""
    x, W, b, log_sigma = inputs.args
    other = W.tril(-1) + source.normal(tuple(W.shape), scale=1e3).triu()
    assert_value(student.gaussian_ar_nll(x, other, b, log_sigma), student.gaussian_ar_nll(x, W, b, log_sigma))
    _, gradient, _, _ = student.gaussian_ar_nll.vjp(inputs.args, source.normal(tuple(x.shape[:-1])))
    assert_value(gradient.triu(), torch.zeros_like(gradient))


@question.check("law", points=0.5)
@given(inputs=data(sizes=(2, 3, 5)), source=numbers(), log_sigma=st.sampled_from((-1.0, 0.7)))
def check_fit_is_most_likely(student: Student, inputs: Arguments, source: Numbers, log_sigma: float) -> None:
    """No other W and b make the data more likely, whatever sigma is."""
    (x,) = inputs.args
    W, b = student.gaussian_ar_fit(x)
    best = student.gaussian_ar_nll(x, W, b, log_sigma).mean()
    for step in (0.1, -0.1, 0.3, -0.3):
        other_W, other_b = W + step * source.normal(tuple(W.shape)).tril(-1), b + step * source.normal(tuple(b.shape))
        other = student.gaussian_ar_nll(x, other_W, other_b, log_sigma).mean()
        expect(other > best, "another W and b make the data more likely than the ones that were fitted.")


question.check("stress", points=0.25, requires=check_nll)(accurate_in(torch.float32, gaussian_ar_nll, models()))
# Ten times the worst error of the listed variants, normal equations among them.
question.check("stress", points=0.25, requires=check_fit)(
    about(
        "gaussian_ar_fit",
        accurate_in(torch.float32, gaussian_ar_fit, data(), tolerance=Tolerance(rtol=1e-3, atol=1e-3)),
    )
)

BATCH: tuple[Shape, ...] = ((3,), (2, 3))
question.check("robustness", points=0.25, requires=check_nll)(leaves_inputs_unchanged(models()))
question.check("robustness", points=0.25, requires=check_nll)(
    accepts_any_strides(gaussian_ar_nll, models(batches=BATCH, sizes=(2, 5)))
)
question.check("robustness", points=0.25, requires=check_nll)(
    accepts_empty_batches(models(batches=((0,), (0, 3))), gaussian_ar_nll)
)
question.check("robustness", points=0.25, requires=check_fit)(
    about("gaussian_ar_fit", leaves_inputs_unchanged(data(sizes=(5,))))
)
question.check("behaviour", points=0.25, requires=check_nll)(runs_on_other_devices(models()))
question.check("behaviour", points=0.25, requires=check_nll)(keeps_generators(models()))
question.check("behaviour", points=0.25, requires=check_nll)(
    does_constant_work(models(batches=((3,),), sizes=(5,)), models(batches=((300,),), sizes=(5,)))
)


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)
for of_the_fit, sentence in GAUSSIAN_AR_FIT_SENTENCES.items():
    question.misconception(sentence, replaces="gaussian_ar_fit")(of_the_fit)


@question.alternative
def adds_up_log_densities_one_by_one(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigmas = log_sigma * torch.ones_like(b)
    total = torch.zeros_like(x[..., 0])
    for i in range(x.shape[-1]):
        mean = b[i] + (x[..., :i] * W[i, :i]).sum(-1)
        variance = torch.exp(2 * log_sigmas[i])
        total = total + 0.5 * torch.log(2 * torch.pi * variance) + (x[..., i] - mean) ** 2 / (2 * variance)
    return total


@question.alternative
def takes_the_square_of_a_norm(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    mask = torch.ones_like(W).tril(diagonal=-1)
    mean = torch.nn.functional.linear(x, W * mask, b)
    scale = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device).exp().expand_as(b)
    distance: Tensor = torch.linalg.vector_norm((x - mean) / scale, dim=-1)
    return distance.pow(2).div(2) + torch.log(scale * (2 * math.pi) ** 0.5).sum()


@question.alternative
def whitens_with_one_matrix(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    d = x.shape[-1]
    unit_lower = torch.eye(d, dtype=x.dtype, device=x.device) - torch.tril(W, -1)
    eps = (torch.einsum("ij,...j->...i", unit_lower, x) - b) / torch.exp(log_sigma + torch.zeros_like(b))
    return 0.5 * (eps**2).sum(-1) + (log_sigma + torch.zeros_like(b)).sum() + d / 2 * math.log(2 * math.pi)


@question.alternative_of("gaussian_ar_fit")
def asks_for_least_squares(x: Tensor) -> tuple[Tensor, Tensor]:
    rows, intercepts = [], []
    for i in range(x.shape[1]):
        design = torch.hstack((torch.ones_like(x[:, :1]), x[:, :i]))
        solution = torch.linalg.lstsq(design, x[:, [i]]).solution.squeeze(-1)
        intercepts.append(solution[0])
        rows.append(torch.nn.functional.pad(solution[1:], (0, x.shape[1] - i)))
    return torch.stack(rows), torch.stack(intercepts)


@question.alternative_of("gaussian_ar_fit")
def goes_through_singular_values(x: Tensor) -> tuple[Tensor, Tensor]:
    d = x.shape[1]
    W, b = torch.zeros(d, d).to(x), torch.zeros(d).to(x)
    for i in range(d):
        design = torch.cat([x[:, :i], torch.ones_like(x[:, :1])], dim=1)
        u, s, vh = torch.linalg.svd(design, full_matrices=False)
        keep = s > s.max() * max(design.shape) * torch.finfo(x.dtype).eps
        inverse = torch.where(keep, 1 / s, torch.zeros_like(s))
        solution = vh.T @ (inverse * (u.T @ x[:, i]))
        W[i, :i], b[i] = solution[:-1], solution[-1]
    return W, b
