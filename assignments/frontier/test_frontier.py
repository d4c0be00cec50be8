"""Public tests of the assignment frontier: worked numbers, closed forms and laws.

`pytest test_frontier.py -k flow_log_prob` runs the tests of one function. The graded checks are others, and more.
"""

import math

import frontier
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

some = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)
LOG_2 = math.log(2)


class Draw:
    """Random float64 tensors; one seed always gives the same ones."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(shape, dtype=torch.float64, generator=self.generator)


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------------------------------------------------------
# fr.1 flow_log_prob, composed_log_prob


def standard_normal(z):
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)


def affine(scale, shift):
    """z = (x - shift) / scale; every example has the same log-determinant, stored once."""

    def inverse(x):
        return (x - shift) / scale, (-scale.abs().log().sum()).expand(x.shape[:-1])

    return inverse


def cubic(x):
    """z = x + x^3 / 3, whose slope is different everywhere."""
    return x + x**3 / 3, torch.log1p(x.square()).sum(-1)


@pytest.mark.question("fr.1")
def test_flow_log_prob_of_a_wider_gaussian():
    """With z = x / 2, x is N(0, 4)."""
    x = numbers(0.0, 2.0, -4.0)[:, None]
    found = frontier.flow_log_prob(x, affine(numbers(2.0), numbers(0.0)), standard_normal)
    assert_close(found, -0.5 * (numbers(0.0, 1.0, 4.0) + math.log(2 * math.pi)) - LOG_2)


@pytest.mark.question("fr.1")
@some
@given(seed=seeds)
def test_flow_log_prob_of_any_affine_map(seed):
    """With z = (x - b) / a, x is N(b, diag a^2), also where a is negative."""
    draw = Draw(seed)
    x, b, a = draw.normal(2, 3, 5), draw.normal(5), draw.normal(5)
    exact = torch.distributions.Normal(b, a.abs()).log_prob(x).sum(-1)
    found = frontier.flow_log_prob(x, affine(a, b), standard_normal)
    assert_close(found, exact, tolerance=1e-8)


@pytest.mark.question("fr.1")
def test_flow_log_prob_integrates_to_one():
    """A density does, whatever the map is."""
    x = torch.arange(-400, 401, dtype=torch.float64)[:, None] / 100
    for inverse in (cubic, affine(numbers(-0.4), numbers(0.3))):
        total = frontier.flow_log_prob(x, inverse, standard_normal).exp().sum() / 100
        assert_close(total, torch.ones_like(total), tolerance=1e-6)


@pytest.mark.question("fr.1")
def test_flow_log_prob_teaches_the_flow():
    """At the maximum of the likelihood, the scale is the spread of the data and the shift their mean."""
    x = Draw(3).normal(50, 2)
    scale, shift = x.std(0, correction=0).requires_grad_(), x.mean(0).requires_grad_()
    total = frontier.flow_log_prob(x, affine(scale, shift), standard_normal).sum()
    for slope in torch.autograd.grad(total, (scale, shift)):
        assert_close(slope, torch.zeros_like(slope))


@pytest.mark.question("fr.1")
def test_flow_log_prob_stays_in_logarithms():
    """In 500 dimensions, with a density that no float can hold."""
    for size in (1e-6, 1e6):
        scale, x = torch.full((500,), size, dtype=torch.float64), torch.zeros(500, dtype=torch.float64)
        found = frontier.flow_log_prob(x, affine(scale, x), standard_normal)
        assert_close(found, torch.tensor(-500 * (0.5 * math.log(2 * math.pi) + math.log(size)), dtype=torch.float64))


@pytest.mark.question("fr.1")
@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 3, 5), (0, 5)])
def test_flow_log_prob_of_any_batch(shape):
    x = Draw(7).normal(*shape)
    identity = affine(torch.ones(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64))
    for found in (
        frontier.flow_log_prob(x, identity, standard_normal),
        frontier.composed_log_prob(x, [identity, identity], standard_normal),
        frontier.composed_log_prob(x, [], standard_normal),
    ):
        assert_close(found, standard_normal(x))


@pytest.mark.question("fr.1")
def test_composed_log_prob_takes_the_functions_in_order():
    """Half and then minus 1, or minus 1 and then half."""
    half, less = affine(numbers(2.0), numbers(0.0)), affine(numbers(1.0), numbers(1.0))
    for maps, z in (([half, less], -1.0), ([less, half], -0.5)):
        exact = standard_normal(numbers(z)) - LOG_2
        assert_close(frontier.composed_log_prob(numbers(0.0), maps, standard_normal), exact)


@pytest.mark.question("fr.1")
@some
@given(seed=seeds)
def test_composed_log_prob_adds_where_each_map_is(seed):
    """Four maps in a row, against the derivative by autograd."""
    draw = Draw(seed)
    maps = [cubic, affine(numbers(-2.5), numbers(0.5)), cubic, affine(numbers(0.5), numbers(1.0))]
    x = draw.normal(3, 1).requires_grad_()
    z = x
    for inverse in maps:
        z, _ = inverse(z)
    (slope,) = torch.autograd.grad(z.sum(), x)
    exact = standard_normal(z) + slope.abs().log().sum(-1)
    assert_close(frontier.composed_log_prob(x, maps, standard_normal).detach(), exact.detach(), tolerance=1e-8)


# ---------------------------------------------------------------------------------------------------------------
# fr.5 log_partition, ebm_surrogate


def bowl(x):
    return 0.5 * x.square().sum(-1)


def spaced(spacing, end=12.0):
    """A grid on a line, symmetric about zero."""
    steps = round(end / spacing)
    return torch.arange(-steps, steps + 1, dtype=torch.float64)[:, None] * spacing


@pytest.mark.question("fr.5")
def test_log_partition_of_two_points():
    """Two points of energy 0 in cells of one half; then with energies 0 and log 3, one and a third of a cell."""
    points = numbers([0.0], [1.0])
    assert_close(frontier.log_partition(lambda x: 0 * x[:, 0], points, 0.5), numbers(0.0)[0])
    assert_close(frontier.log_partition(lambda x: math.log(3) * x[:, 0], points, 0.75), numbers(0.0)[0])


@pytest.mark.question("fr.5")
@pytest.mark.parametrize("spacing", [0.3, 0.5, 1.0])
def test_log_partition_of_a_normal_density(spacing):
    """log sqrt(2 pi), whatever the spacing, once it is fine enough."""
    assert_close(frontier.log_partition(bowl, spaced(spacing), spacing), numbers(0.9189385332)[0], 1e-7)


@pytest.mark.question("fr.5")
def test_log_partition_in_two_dimensions():
    """A cell has an area there: twice log sqrt(2 pi), and log 2 + log 5 more for a valley of widths 2 and 5."""
    line = spaced(0.5, 40.0)[:, 0]
    grid = torch.cartesian_prod(line, line)
    assert_close(frontier.log_partition(bowl, grid, 0.25), numbers(1.8378770664)[0], 1e-7)
    wide = frontier.log_partition(lambda x: bowl(x / numbers(2.0, 5.0)), grid, 0.25)
    assert_close(wide, numbers(1.8378770664 + math.log(10))[0], 1e-7)


@pytest.mark.question("fr.5")
@pytest.mark.parametrize("constant", [-2000.0, -3.0, 3.0, 2000.0])
def test_log_partition_follows_a_constant(constant):
    """All energies higher by c: log Z is lower by c, and exp(-E) need not be a number."""
    raised = frontier.log_partition(lambda x: bowl(x) + constant, spaced(0.5), 0.5)
    assert_close(raised, frontier.log_partition(bowl, spaced(0.5), 0.5) - constant)


@pytest.mark.question("fr.5")
def test_log_partition_can_be_trained_through():
    """d log Z / dw for E = w x^2 / 2 is -E[x^2] / 2 = -1 / (2 w)."""
    w = numbers(1.7).requires_grad_()
    (slope,) = torch.autograd.grad(frontier.log_partition(lambda x: w * bowl(x), spaced(0.2), 0.2), w)
    assert_close(slope, -0.5 / w.detach(), 1e-7)


@pytest.mark.question("fr.5")
def test_surrogate_in_numbers():
    """Mean energies of 1 and of 3 are -2 apart, whatever the number of samples."""
    x_data, x_model = numbers([0.0], [2.0]), numbers([3.0], [1.0], [5.0])
    assert_close(frontier.ebm_surrogate(lambda x: x[:, 0], x_data, x_model), numbers(-2.0)[0])


@pytest.mark.question("fr.5")
def test_surrogate_lowers_the_energy_of_data():
    """The energy w x has the gradient mean x of the data less that of the samples."""
    w = numbers(0.3).requires_grad_()
    x_data, x_model = numbers([0.0], [2.0]), numbers([3.0], [1.0], [5.0])
    (slope,) = torch.autograd.grad(frontier.ebm_surrogate(lambda x: w * x[:, 0], x_data, x_model), w)
    assert_close(slope, numbers(-2.0))


@pytest.mark.question("fr.5")
@given(seed=seeds)
@some
def test_surrogate_has_the_gradient_of_the_likelihood(seed):
    """A coin with energies (0, w) lands on 1 with probability 1/4 where w = log 3: samples 0, 0, 0, 1 are exact."""
    x_data = (Draw(seed).normal(5, 1) > 0.3).double()
    w = numbers(math.log(3)).requires_grad_()
    (slope,) = torch.autograd.grad(
        frontier.ebm_surrogate(lambda x: w * x[:, 0], x_data, numbers([0.0], [0.0], [0.0], [1.0])), w
    )
    negative_log_likelihood = (w * x_data[:, 0] + torch.log1p(torch.exp(-w))).mean()
    assert_close(slope, torch.autograd.grad(negative_log_likelihood, w)[0])


@pytest.mark.question("fr.5")
def test_surrogate_leaves_the_samples_alone():
    """A sampler made them, and it is not what is trained."""
    w = numbers(0.3).requires_grad_()
    x_model = numbers([3.0], [1.0], [5.0]).requires_grad_()
    loss = frontier.ebm_surrogate(lambda x: w * bowl(x), numbers([0.0], [2.0]), x_model)
    (gradient,) = torch.autograd.grad(loss, x_model, allow_unused=True)
    assert gradient is None or not gradient.any()
