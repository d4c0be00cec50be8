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


# ---------------------------------------------------------------------------------------------------------------
# fr.6 cfm_pair, cfm_loss, euler_flow


def beside(t, x):
    """The times with as many dimensions as the points."""
    return t[(...,) + (None,) * (x.dim() - t.dim())]


def turning(x, t):
    """A field in two dimensions that turns, and drifts as time goes by."""
    return x.flip(-1) * numbers(-1.0, 1.0) + beside(t, x)


@pytest.mark.question("fr.6")
def test_pair_in_numbers():
    """A quarter of the way from 1 to 5."""
    x_t, u = frontier.cfm_pair(numbers([1.0]), numbers([5.0]), numbers(0.25))
    assert_close(x_t, numbers([2.0]))
    assert_close(u, numbers([4.0]))


@pytest.mark.question("fr.6")
@given(seed=seeds)
@some
def test_pair_starts_at_noise_and_ends_at_data(seed):
    """Also where each example has a time of its own."""
    draw = Draw(seed)
    noise, data = draw.normal(2, 5), draw.normal(2, 5)
    x_t, u = frontier.cfm_pair(noise, data, numbers(0.0, 1.0))
    assert_close(x_t, torch.stack([noise[0], data[1]]))
    assert_close(noise + u, data)


@pytest.mark.question("fr.6")
@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (3, 5), (3, 1)])
def test_pair_gives_each_image_its_time(shape):
    """A batch is what its examples are alone, of whatever shape they are."""
    draw, t = Draw(3), numbers(0.1, 0.5, 0.8)
    noise, data = draw.normal(*shape), draw.normal(*shape)
    together = frontier.cfm_pair(noise, data, t)
    alone = [frontier.cfm_pair(a, b, time) for a, b, time in zip(noise, data, t, strict=True)]
    for part, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert_close(part, torch.stack(parts))


@pytest.mark.question("fr.6")
@given(seed=seeds)
@some
def test_pair_moves_with_its_velocity(seed):
    """u is the slope of x_t in t, by autograd."""
    draw = Draw(seed)
    noise, data, t = draw.normal(4), draw.normal(4), numbers(0.3)[0].requires_grad_()
    x_t, u = frontier.cfm_pair(noise, data, t)
    slopes = [torch.autograd.grad(x_t[i], t, retain_graph=True)[0] for i in range(4)]
    assert_close(u.detach(), torch.stack(slopes))


@pytest.mark.question("fr.6")
def test_loss_in_numbers():
    """Of a field of zeros and the velocities (1, 2) and (0, 3): (5 + 9) / 2."""
    x1 = numbers([1.0, 2.0], [0.0, 3.0])
    loss = frontier.cfm_loss(lambda x, t: 0 * x, torch.zeros_like(x1), x1, numbers(0.2, 0.6))
    assert_close(loss, numbers(7.0)[0])


@pytest.mark.question("fr.6")
def test_loss_asks_the_field_on_the_path():
    """A field that knows the way back to the pair has no loss: here x0 = 0, so that x_t / t is x1 and u."""
    draw = Draw(4)
    data, t = draw.normal(3, 2, 4), numbers(0.2, 0.5, 0.9)
    loss = frontier.cfm_loss(lambda x, time: x / beside(time, x), torch.zeros_like(data), data, t)
    assert_close(loss, numbers(0.0)[0])


@pytest.mark.question("fr.6")
def test_loss_of_two_problems_side_by_side():
    """Adds up; and of a batch, it is the mean of the losses of its examples, images included."""
    draw = Draw(5)
    noise, data, t = draw.normal(3, 2, 4), draw.normal(3, 2, 4), numbers(0.2, 0.5, 0.9)

    def loss(rows, columns=slice(None)):
        return frontier.cfm_loss(lambda x, time: x.sin(), noise[rows, columns], data[rows, columns], t[rows])

    everything = loss(slice(None))
    assert_close(loss(slice(None), slice(0, 1)) + loss(slice(None), slice(1, 2)), everything)
    assert_close(torch.stack([loss(slice(i, i + 1)) for i in range(3)]).mean(), everything)


@pytest.mark.question("fr.6")
def test_loss_trains_the_field():
    """Of v(x, t) = w and a velocity of 3, the slope in w is 2 (w - 3)."""
    w = numbers(1.0).requires_grad_()
    loss = frontier.cfm_loss(lambda x, t: w.expand_as(x), numbers([1.0]), numbers([4.0]), numbers(0.4))
    assert_close(torch.autograd.grad(loss, w)[0], numbers(-4.0))


@pytest.mark.question("fr.6")
def test_flow_in_numbers():
    """Two steps of v(x, t) = x + t from 1: to 1.5, and to 2.5; for a batch as for a single vector."""
    assert_close(frontier.euler_flow(lambda x, t: x + beside(t, x), numbers(1.0), 2), numbers(2.5))
    start = numbers([1.0], [3.0], [-1.0])
    assert_close(frontier.euler_flow(lambda x, t: x + beside(t, x), start, 2), numbers([2.5], [7.0], [-2.0]))


@pytest.mark.question("fr.6")
@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_flow_of_a_constant_field_is_exact(n_steps):
    """One unit of time, in however many steps."""
    start = Draw(6).normal(3, 2)
    assert_close(frontier.euler_flow(lambda x, t: torch.ones_like(x), start, n_steps), start + 1)


@pytest.mark.question("fr.6")
def test_flow_asks_with_a_time_for_each_example():
    """Times 0, 1/4, 1/2 and 3/4, once for each of three examples, in the points' dtype."""
    asked = []

    def field(x, t):
        asked.append(t)
        return turning(x, t)

    frontier.euler_flow(field, Draw(7).normal(3, 2), 4)
    assert_close(torch.stack(asked), numbers(0.0, 0.25, 0.5, 0.75)[:, None].expand(4, 3).contiguous())


@pytest.mark.question("fr.6")
def test_flow_errs_half_as_much_with_twice_as_many_steps():
    """v = x grows by e in one unit of time."""
    start = numbers([1.0, -2.0])
    errors = [(frontier.euler_flow(lambda x, t: x, start, n) - math.e * start).abs() for n in (100, 200)]
    assert (errors[0] < 0.04).all()
    assert_close(errors[1] / errors[0], numbers([0.5, 0.5]), 0.01)


@pytest.mark.question("fr.6")
def test_flow_leaves_the_start_alone_and_can_be_differentiated():
    """The end of n steps of v = w x is (1 + w / n)^n x0."""
    start, w = numbers([1.0, -2.0]), numbers(0.5).requires_grad_()
    end = frontier.euler_flow(lambda x, t: w * x, start, 2)
    assert_close(start, numbers([1.0, -2.0]))
    assert_close(torch.autograd.grad(end.sum(), w)[0], numbers(-1.25))
