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
