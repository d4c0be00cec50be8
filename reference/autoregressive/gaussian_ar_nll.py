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
    """Arguments (x,) with fewer points than unknowns.

    Columns that repeat each other would have several best fits too, but correct library functions take the rounding of
    such columns for information.
    """
    return arguments(draw(numbers()).normal((draw(st.sampled_from((1, 2, 3))), 5), loc=1.0))


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
    "value", points=1.5, description="The fit is the least-squares prediction of each dimension from those before it."
)(about("gaussian_ar_fit", matches_oracle(gaussian_ar_fit, data())))
question.check(
    "value",
    points=0.5,
    requires=check_fit,
    name="shortest_fit",
    description="Of several best fits it is the shortest, intercept included.",
)(about("gaussian_ar_fit", matches_oracle(gaussian_ar_fit, few_data())))

question.check("precision", points=0.25, requires=check_nll)(keeps_precision(gaussian_ar_nll, models()))
# Normal equations square a condition number of up to 1e2.
question.check("precision", points=0.25, requires=check_fit)(
    about("gaussian_ar_fit", keeps_precision(gaussian_ar_fit, data(), tolerance=Tolerance(rtol=1e-9, atol=1e-10)))
)

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


@question.misconception("Change the diagonal of W: your result changes. May x_i be used to predict x_i?")
def predicts_each_from_itself(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril().mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


@question.misconception("Your mean of x_1 depends on x_2. Which half of W belongs to earlier variables?")
def predicts_from_what_follows(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.triu(1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


@question.misconception("Your mean of x_1 depends on every variable. Which weights does the model have?")
def uses_all_weights(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


@question.misconception(
    "W_21 is the weight of x_1 in the mean of x_2. Which of the two does your product weigh with it?"
)
def transposes_the_weights(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1)
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


@question.misconception("Add a dimension that is independent of the others: should the result grow, or shrink?")
def averages_over_dimensions(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).mean(-1)


@question.misconception("Make sigma huge: your squared errors vanish. What should it cost to be that vague?")
def forgets_log_sigma(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + 0.5 * squares).sum(-1)


@question.misconception("A density integrates to one. Which of your factors sees to it?")
def forgets_the_constant(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device) + 0.5 * squares).sum(-1)


@question.misconception("Your density integrates to one for D = 1 only; how does the normaliser grow with D?")
def counts_the_constant_once(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return 0.5 * math.log(2 * math.pi) + (log_sigma + 0.5 * squares).sum(-1)


@question.misconception("One sigma for all D dimensions: in how many of the factors does it stand?")
def counts_a_shared_log_sigma_once(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (
        0.5 * math.log(2 * math.pi) * x.shape[-1]
        + torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device).sum()
        + (0.5 * squares).sum(-1)
    )


@question.misconception("Move x_1 by one sigma from its mean: by how many nats should that be less likely?")
def forgets_the_half_of_the_square(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + squares).sum(-1)


@question.misconception("Far from every mean a loss should be high. Is yours?")
def returns_the_log_likelihood(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return -(0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)


@question.misconception("Three examples need three values; which dimensions does your sum run over?")
def sums_over_the_batch(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    squares = (residual * torch.exp(-torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device))).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum()


@question.misconception(
    "At a residual of 2 and log sigma = log 2 the square is 1 before it is halved; yours belongs to another spread."
)
def takes_log_sigma_for_a_log_variance(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    logvar = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    residual = x - b - x @ W.tril(-1).mT
    return 0.5 * (math.log(2 * math.pi) + logvar + residual.square() / logvar.exp()).sum(-1)


@question.misconception(
    "At a residual of 2 and log sigma = log 2 the square is 1 before it is halved; yours belongs to another spread."
)
def divides_by_sigma_once(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    residual = x - b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * residual.square() / log_sigma.exp()).sum(-1)


@question.misconception("What does the model say of x when x is b? Where does the intercept enter your mean?")
def adds_the_intercept_to_the_residual(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    residual = x + b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


@question.misconception(
    "Should a prediction be made from data, or from other predictions? Follow x_1 into your mean of x_3."
)
def predicts_from_predictions(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    means: list[Tensor] = []
    for i in range(x.shape[-1]):
        means.append(b[i] + sum(W[i, j] * means[j] for j in range(i)) + 0 * x[..., i])
    residual = x - torch.stack(means, -1)
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


@question.misconception("log sigma = 0.5 may come as a number. What can a number not do that a tensor can?")
def wants_a_tensor(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor) -> Tensor:
    residual = x - b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


@question.misconception("Print W before and after the call: what does the underscore in tril_() do?")
def cuts_the_weights_in_place(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    with torch.no_grad():
        W.tril_(-1)
    residual = x - b - x @ W.tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


@question.misconception("Your values are right, but W cannot be trained with them: where does its gradient end?")
def copies_the_weights(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    lower = W.detach().clone().tril(-1)
    residual = x - b - x @ lower.mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot use it.")
def returns_double(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    log_sigma = torch.as_tensor(log_sigma, dtype=torch.float64, device=x.device)
    residual = x.double() - b.double() - x.double() @ W.double().tril(-1).mT
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * (residual / log_sigma.exp()).square()).sum(-1)


@question.misconception("Your x_i is predicted without any error. From which columns?", replaces="gaussian_ar_fit")
def fits_each_to_itself(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, : i + 1]), dim=1)) @ x[:, i]
        b[i], W[i, : i + 1] = solution[0], solution[1:]
    return W, b


@question.misconception(
    "When x_2 is sampled, which variables are known? Your fit uses others.", replaces="gaussian_ar_fit"
)
def regresses_on_all_others(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        others = [j for j in range(d) if j != i]
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, others]), dim=1)) @ x[:, i]
        b[i], W[i, others] = solution[0], solution[1:]
    return W, b


@question.misconception(
    "When x_2 is sampled, which variables are known? Your fit uses others.", replaces="gaussian_ar_fit"
)
def regresses_on_what_follows(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, i + 1 :]), dim=1)) @ x[:, i]
        b[i], W[i, i + 1 :] = solution[0], solution[1:]
    return W, b


@question.misconception("Add 100 to all data: which of your parameters takes that up?", replaces="gaussian_ar_fit")
def fits_without_an_intercept(x: Tensor) -> tuple[Tensor, Tensor]:
    d = x.shape[1]
    W = x.new_zeros(d, d)
    for i in range(1, d):
        W[i, :i] = torch.linalg.pinv(x[:, :i]) @ x[:, i]
    return W, x.new_zeros(d)


@question.misconception(
    "At the mean of all data, what does your fit predict? b is not the mean, once W is there.",
    replaces="gaussian_ar_fit",
)
def takes_the_mean_for_the_intercept(x: Tensor) -> tuple[Tensor, Tensor]:
    d = x.shape[1]
    W, mean = x.new_zeros(d, d), x.mean(0)
    for i in range(1, d):
        W[i, :i] = torch.linalg.pinv(x[:, :i] - mean[:i]) @ (x[:, i] - mean[i])
    return W, mean


@question.misconception("Does x_3 know x_1, or x_2 alone? How many weights has its row?", replaces="gaussian_ar_fit")
def regresses_on_the_previous_one(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.mean(0)
    for i in range(1, d):
        solution = torch.linalg.pinv(torch.stack((x.new_ones(n), x[:, i - 1]), dim=1)) @ x[:, i]
        b[i], W[i, i - 1] = solution[0], solution[1]
    return W, b


@question.misconception(
    "Fit the single point of the stub by hand: among all lines through it, which one is asked for?",
    replaces="gaussian_ar_fit",
)
def solves_the_normal_equations(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        design = torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)
        solution = torch.linalg.solve(design.mT @ design, design.mT @ x[:, i])
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


@question.misconception(
    "Fit the single point of the stub by hand: among all lines through it, which one is asked for?",
    replaces="gaussian_ar_fit",
)
def keeps_only_the_weights_short(x: Tensor) -> tuple[Tensor, Tensor]:
    d = x.shape[1]
    W, mean = x.new_zeros(d, d), x.mean(0)
    for i in range(1, d):
        W[i, :i] = torch.linalg.pinv(x[:, :i] - mean[:i]) @ (x[:, i] - mean[i])
    return W, mean - W @ mean


@question.misconception(
    "You add a little to the diagonal. What does that do to a fit that needs no help?", replaces="gaussian_ar_fit"
)
def adds_a_ridge(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        design = torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)
        ridge = 1e-4 * torch.eye(i + 1, dtype=x.dtype, device=x.device)
        solution = torch.linalg.solve(design.mT @ design + ridge, design.mT @ x[:, i])
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


@question.misconception(
    "You add a little to the diagonal. What does that do to a fit that needs no help?", replaces="gaussian_ar_fit"
)
def adds_a_tiny_ridge(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        design = torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)
        ridge = 1e-7 * torch.eye(i + 1, dtype=x.dtype, device=x.device)
        solution = torch.linalg.solve(design.mT @ design + ridge, design.mT @ x[:, i])
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


@question.misconception(
    "Print the data before and after the call: what does -= do to them?", replaces="gaussian_ar_fit"
)
def centres_in_place(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    W, b, mean = x.new_zeros(d, d), x.new_zeros(d), x.mean(0)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)) @ x[:, i]
        b[i], W[i, :i] = solution[0], solution[1:]
    x -= mean
    return W, b


@question.misconception(
    "Which dtype went in, and which came out? A model in float32 cannot use it.", replaces="gaussian_ar_fit"
)
def fits_in_double(x: Tensor) -> tuple[Tensor, Tensor]:
    n, d = x.shape
    x = x.double()
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    for i in range(d):
        solution = torch.linalg.pinv(torch.cat((x.new_ones(n, 1), x[:, :i]), dim=1)) @ x[:, i]
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b


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
def asks_the_library_for_a_normal(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    mask = torch.ones_like(W).tril(diagonal=-1)
    mean = torch.nn.functional.linear(x, W * mask, b)
    scale = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device).exp()
    return -torch.distributions.Normal(mean, scale).log_prob(x).sum(dim=-1)


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
