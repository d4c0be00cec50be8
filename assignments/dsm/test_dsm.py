"""Public tests of the assignment dsm: worked numbers, closed forms and laws.

`pytest test_dsm.py -k langevin` runs the tests of one function. The graded checks are others, and more.
"""

import math

import dsm
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

some = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 2**32 - 1)


class Draw:
    """Random float64 tensors; one seed always gives the same ones."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(shape, dtype=torch.float64, generator=self.generator)

    def uniform(self, *shape, low, high):
        return low + (high - low) * torch.rand(shape, dtype=torch.float64, generator=self.generator)


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def number(value):
    """One number, 0-dim."""
    return torch.tensor(value, dtype=torch.float64)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def linear(matrix, offset=0.0):
    return lambda x: x @ matrix.T + offset


def crossed(points, noise):
    """Every point with every noise."""
    pairs = [(point, draw) for point in points for draw in noise]
    return torch.stack([point for point, _ in pairs]), torch.stack([draw for _, draw in pairs])


def pair(mean, std):
    """Two points per dimension, with this mean and these standard deviations, and no correlation."""
    signs = torch.tensor([1.0, -1.0], dtype=std.dtype)
    ways = math.sqrt(len(mean)) * torch.diag(std)
    return (mean + signs[:, None, None] * ways).flatten(0, 1)


# ---------------------------------------------------------------------------------------------------------------
# dsm.1 dsm_loss


@pytest.mark.question("dsm.1")
def test_dsm_loss_worked_number():
    loss = dsm.dsm_loss(lambda x: -x, numbers([2.0]), 0.5, numbers([1.0]))
    assert_close(loss, number(0.125))


@pytest.mark.question("dsm.1")
@given(seed=seeds)
@some
def test_dsm_loss_without_noise_is_the_size_of_the_field(seed):
    """With eps = 0 nothing is left but 1/2 ||s(x)||^2, averaged over the points."""
    draw = Draw(seed)
    x, field = draw.normal(3, 5), linear(draw.normal(5, 5), draw.normal(5))
    half_squares = torch.stack([0.5 * (field(point) @ field(point)) for point in x])
    assert_close(dsm.dsm_loss(field, x, 0.7, torch.zeros_like(x)), half_squares.mean())


@pytest.mark.question("dsm.1")
@given(seed=seeds)
@some
def test_dsm_loss_orders_fields_as_the_explicit_objective_does(seed):
    """For Gaussian data, where that one is known, the two differ by the same number for any field."""
    draw = Draw(seed)
    mean, std, sigma = draw.normal(3), draw.uniform(3, low=0.5, high=2.0), 0.8
    x, eps = crossed(pair(mean, std), pair(torch.zeros_like(mean), torch.ones_like(std)))
    noisy = torch.diag(std**2 + sigma**2)
    differences = []
    for _ in range(2):
        matrix, offset = draw.normal(3, 3), draw.normal(3)
        away = matrix + torch.linalg.inv(noisy)
        explicit = 0.5 * ((matrix @ mean + offset).square().sum() + torch.trace(away @ noisy @ away.T))
        differences.append(dsm.dsm_loss(linear(matrix, offset), x, sigma, eps) - explicit)
    assert_close(*differences)


@pytest.mark.question("dsm.1")
def test_dsm_loss_is_least_at_the_noisy_score():
    """Data N(0, 3) and sigma = 1: among s(x) = a x the best slope is -1/4, and not the clean score's -1/3."""
    x, eps = crossed(numbers([3**0.5], [-(3**0.5)]), numbers([1.0], [-1.0]))
    slope = numbers([-0.25]).requires_grad_()
    (gradient,) = torch.autograd.grad(dsm.dsm_loss(linear(slope), x, 1.0, eps), slope)
    assert_close(gradient, numbers([0.0]))
    steeper = numbers([-1 / 3]).requires_grad_()
    (gradient,) = torch.autograd.grad(dsm.dsm_loss(linear(steeper), x, 1.0, eps), steeper)
    assert gradient.item() < -0.1


@pytest.mark.question("dsm.1")
def test_dsm_loss_takes_any_batch_shape():
    draw = Draw(1)
    x, eps, field = draw.normal(2, 3, 5), draw.normal(2, 3, 5), linear(draw.normal(5, 5))
    each = [dsm.dsm_loss(field, x[i, j], 0.6, eps[i, j]) for i in range(2) for j in range(3)]
    assert_close(dsm.dsm_loss(field, x, 0.6, eps), torch.stack(each).mean())


# ---------------------------------------------------------------------------------------------------------------
# dsm.2 multi_sigma_dsm_loss


@pytest.mark.question("dsm.2")
@pytest.mark.parametrize(("weighting", "loss"), [("none", 1.0625), ("sigma2", 1.015625)])
def test_multi_sigma_dsm_loss_worked_numbers(weighting, loss):
    x, eps = numbers([2.0], [2.0]), numbers([1.0], [1.0])
    value = dsm.multi_sigma_dsm_loss(
        lambda x, sigma: -x, x, numbers(1.0, 0.5), torch.tensor([0, 1]), eps, weighting=weighting
    )
    assert_close(value, number(loss))


@pytest.mark.question("dsm.2")
@given(seed=seeds)
@some
def test_multi_sigma_dsm_loss_weighs_each_example_by_itself(seed):
    """It is the mean of the losses of one example each, images included."""
    draw = Draw(seed)
    x, eps, idx = draw.normal(3, 2, 4, 5), draw.normal(3, 2, 4, 5), torch.tensor([2, 0, 1])
    sigmas = numbers(2.5, 0.3, 0.7)

    def field(x, sigma):
        return torch.sin(x) / sigma.reshape(-1, 1, 1, 1)

    for weighting in ("none", "sigma2"):
        each = [
            0.5
            * (sigma**2 if weighting == "sigma2" else 1.0)
            * (torch.sin(x[b] + sigma * eps[b]) / sigma + eps[b] / sigma).square().sum()
            for b, sigma in enumerate(sigmas[idx])
        ]
        assert_close(
            dsm.multi_sigma_dsm_loss(field, x, sigmas, idx, eps, weighting=weighting), torch.stack(each).mean()
        )


@pytest.mark.question("dsm.2")
def test_multi_sigma_dsm_loss_tells_the_field_its_noise_levels():
    """One number for each example, of the shape of idx, for a single example too."""
    shapes = []

    def field(x, sigma):
        shapes.append(sigma.shape)
        return -x

    for batch in ((3,), (1,), (2, 3)):
        x, idx = torch.ones(*batch, 5, dtype=torch.float64), torch.ones(batch, dtype=torch.int64)
        dsm.multi_sigma_dsm_loss(field, x, numbers(1.0, 0.5), idx, x, weighting="none")
    assert shapes == [(3,), (1,), (2, 3)]


@pytest.mark.question("dsm.2")
def test_multi_sigma_dsm_loss_vanishes_for_the_way_back_to_one_point():
    """If all data are one point, nothing is uncertain: s = -(x~ - x) / sigma^2 has no loss at any level."""
    eps = Draw(2).normal(3, 5)
    loss = dsm.multi_sigma_dsm_loss(
        lambda x, sigma: -x / sigma[:, None] ** 2,
        torch.zeros_like(eps),
        numbers(100.0, 1.0, 1e-3),
        torch.tensor([2, 0, 1]),
        eps,
        weighting="sigma2",
    )
    assert_close(loss, number(0.0))


# ---------------------------------------------------------------------------------------------------------------
# dsm.3 noisy_gmm_score


@pytest.mark.question("dsm.3")
def test_noisy_gmm_score_worked_number():
    value = dsm.noisy_gmm_score(numbers([2.0]), numbers(0.3), numbers([0.0]), numbers([3.0]), 1.0)
    assert_close(value, numbers([-0.5]))


@pytest.mark.question("dsm.3")
@given(seed=seeds)
@some
def test_noisy_gmm_score_is_the_mean_way_back(seed):
    """Vincent's identity for data points: all of them may be where x~ came from, the near ones more likely."""
    draw = Draw(seed)
    data, x, sigma = draw.normal(4, 5), draw.normal(3, 5), 0.8
    nearness = torch.softmax(-0.5 * torch.cdist(x, data) ** 2 / sigma**2, dim=1)
    back = (data[None] - x[:, None]) / sigma**2
    value = dsm.noisy_gmm_score(x, torch.zeros(4, dtype=torch.float64), data, torch.zeros_like(data), sigma)
    assert_close(value, torch.einsum("bk,bkd->bd", nearness, back), 1e-7)


@pytest.mark.question("dsm.3")
@given(seed=seeds)
@some
def test_noisy_gmm_score_is_the_slope_of_the_noisy_log_density(seed):
    """Along a straight line, its integral is the difference of torch's own log-densities at the ends."""
    draw = Draw(seed)
    logits, mu, var, sigma = draw.normal(3), draw.normal(3, 2), draw.uniform(3, 2, low=0.3, high=2.0), 0.6
    start, end = draw.normal(2), draw.normal(2)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=logits),
        torch.distributions.Independent(torch.distributions.Normal(mu, (var + sigma**2).sqrt()), 1),
    )
    t = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    line = start + t[:, None] * (end - start)
    slope = dsm.noisy_gmm_score(line, logits, mu, var, sigma) @ (end - start)
    assert_close(slope.mean(), mixture.log_prob(end) - mixture.log_prob(start), 1e-4)


@pytest.mark.question("dsm.3")
def test_noisy_gmm_score_far_away():
    """A thousand units away every density is zero in floating point, but the way back is long and plain."""
    logits, mu, var = numbers(0.0, 0.0), numbers([-1.0], [1.0]), numbers([0.5], [0.5])
    value = dsm.noisy_gmm_score(numbers([1000.0]), logits, mu, var, 0.5)
    assert_close(value, numbers([-999 / 0.75]))


# ---------------------------------------------------------------------------------------------------------------
# dsm.4 vp_perturb, eps_to_score, score_to_eps, tweedie_x0


@pytest.mark.question("dsm.4")
def test_noise_and_scores_worked_numbers():
    abar = number(0.64)
    assert_close(dsm.vp_perturb(numbers([1.0]), abar, numbers([2.0])), numbers([2.0]))
    assert_close(dsm.eps_to_score(numbers([3.0]), abar), numbers([-5.0]))
    assert_close(dsm.score_to_eps(numbers([-5.0]), abar), numbers([3.0]))
    assert_close(dsm.tweedie_x0(numbers([2.0]), numbers([-5.0]), abar), numbers([0.25]))


@pytest.mark.question("dsm.4")
@given(seed=seeds)
@some
def test_noise_and_scores_lead_back_to_clean_images(seed):
    """Each image has its own level; the true noise's score leads Tweedie's formula back to the image."""
    draw = Draw(seed)
    x0, eps, abar = draw.normal(3, 2, 4, 5), draw.normal(3, 2, 4, 5), draw.uniform(3, low=0.05, high=0.95)
    x_t, score = dsm.vp_perturb(x0, abar, eps), dsm.eps_to_score(eps, abar)
    assert_close(dsm.score_to_eps(score, abar), eps)
    assert_close(dsm.tweedie_x0(x_t, score, abar), x0)
    assert_close(x_t[1], dsm.vp_perturb(x0[1], abar[1], eps[1]))
    assert_close(score[1] * (1 - abar[1]).sqrt(), -eps[1])


@pytest.mark.question("dsm.4")
@given(seed=seeds)
@some
def test_tweedie_x0_is_the_posterior_mean_of_a_gaussian(seed):
    """Data N(m, v): x0 and x_t are Gaussian together, and the conditional mean is linear regression."""
    draw = Draw(seed)
    m, v, abar, x_t = draw.normal(5), draw.uniform(5, low=0.5, high=2.0), numbers(0.3, 0.8), draw.normal(2, 5)
    root = abar[:, None].sqrt()
    variance = abar[:, None] * v + 1 - abar[:, None]
    score = -(x_t - root * m) / variance
    assert_close(dsm.tweedie_x0(x_t, score, abar), m + root * v / variance * (x_t - root * m))


@pytest.mark.question("dsm.4")
def test_noise_and_scores_at_extreme_levels():
    for level in (1 - 1e-7, 1e-5):
        abar, eps, x0 = number(level), numbers([1.5, -0.5]), numbers([0.2, 3.0])
        back = dsm.tweedie_x0(dsm.vp_perturb(x0, abar, eps), dsm.eps_to_score(eps, abar), abar)
        assert_close(back, x0, 1e-6)


# ---------------------------------------------------------------------------------------------------------------
# dsm.5 langevin, annealed_langevin


@pytest.mark.question("dsm.5")
def test_langevin_worked_number():
    assert_close(dsm.langevin(lambda x: -x, numbers([1.0]), 0.5, numbers([[1.0]])), numbers([1.5]))


@pytest.mark.question("dsm.5")
def test_langevin_path():
    """The path starts with the start, ends with the last state, and its states differ."""
    draw = Draw(3)
    x, noise = draw.normal(3, 5), draw.normal(4, 3, 5)
    path = dsm.langevin(lambda x: -x, x, 0.1, noise, return_path=True)
    assert path.shape == (5, 3, 5)
    assert_close(path[0], x)
    assert_close(path[-1], dsm.langevin(lambda x: -x, x, 0.1, noise))
    for before, after, z in zip(path[:-1], path[1:], noise, strict=True):
        assert_close(after, 0.9 * before + math.sqrt(0.2) * z)


@pytest.mark.question("dsm.5")
@pytest.mark.parametrize("step", [0.1, 0.5, 1.0])
def test_langevin_keeps_the_stationary_variance(step):
    """For N(0, 1) it is 1 / (1 - h / 2). Squares of what each independent part adds are added."""
    stationary = 1 / (1 - step / 2)
    from_start = dsm.langevin(lambda x: -x, numbers([1.0]), step, numbers([[0.0]]))
    from_noise = dsm.langevin(lambda x: -x, numbers([0.0]), step, numbers([[1.0]]))
    assert_close(from_start**2 * stationary + from_noise**2, numbers([stationary]))


@pytest.mark.question("dsm.5")
def test_annealed_langevin_worked_number():
    seen = []

    def field(x, sigma):
        seen.append((tuple(sigma.shape), float(sigma)))
        return -x / sigma**2

    noise = torch.zeros(2, 1, 1, 1, dtype=torch.float64)
    assert_close(dsm.annealed_langevin(field, numbers([8.0]), numbers(2.0, 1.0), 0.5, noise), numbers([2.0]))
    assert seen == [((), 2.0), ((), 1.0)]


@pytest.mark.question("dsm.5")
@given(seed=seeds)
@some
def test_annealed_langevin_goes_on_from_level_to_level(seed):
    """One level after the other is what all levels together are, with the steps that the last one fixes."""
    draw = Draw(seed)
    x, noise, sigmas, eps0 = draw.normal(3, 5), draw.normal(2, 3, 3, 5), numbers(1.7, 0.6), 0.05

    def field(x, sigma):
        return -x / (1 + sigma**2)

    state = dsm.langevin(lambda x: field(x, sigmas[0]), x, eps0 * (1.7 / 0.6) ** 2, noise[0])
    state = dsm.langevin(lambda x: field(x, sigmas[1]), state, eps0, noise[1])
    assert_close(dsm.annealed_langevin(field, x, sigmas, eps0, noise), state)


@pytest.mark.question("dsm.5")
def test_langevin_keeps_no_graph():
    draw = Draw(4)
    x, noise = draw.normal(3, 5).requires_grad_(), draw.normal(2, 2, 3, 5)
    assert not dsm.langevin(lambda x: -x, x, 0.1, noise[0]).requires_grad
    assert not dsm.annealed_langevin(lambda x, sigma: -x, x, numbers(1.0, 0.5), 0.1, noise).requires_grad


# ---------------------------------------------------------------------------------------------------------------
# dsm.6 train_score


@pytest.mark.question("dsm.6")
def test_train_score_finds_the_score_of_a_mixture():
    """A mixture of the same kind as the graded ones. The relative Fisher divergence of full points is 0.02."""
    generator = torch.Generator().manual_seed(5)
    mu = torch.tensor([[2.0, 0.0], [-1.0, 1.6], [-0.8, -1.9]])
    var = torch.tensor([[0.1, 0.3], [0.35, 0.15], [0.2, 0.2]])
    which = torch.randint(0, 3, (24000,), generator=generator)
    data = mu[which] + var[which].sqrt() * torch.randn(24000, 2, generator=generator)
    train, test = data[:20000].clone(), data[20000:]
    kept, state = train.clone(), torch.get_rng_state()
    network = dsm.train_score(train, 0.5, generator=generator).eval()
    assert torch.equal(train, kept)
    assert torch.equal(torch.get_rng_state(), state)
    x = test + 0.5 * torch.randn(test.shape, generator=generator)
    away = mu - x[:, None]
    nearness = torch.softmax(-0.5 * (away**2 / (var + 0.25) + (var + 0.25).log()).sum(-1), dim=1)
    score = (nearness[..., None] * away / (var + 0.25)).sum(1)
    with torch.no_grad():
        value = network(x)
        alone = network(x[0])
    assert ((value - score).square().sum() / score.square().sum()).item() <= 0.02
    torch.testing.assert_close(alone, value[0], rtol=1e-3, atol=1e-3)


# ---------------------------------------------------------------------------------------------------------------
# dsm.7 ddpm_posterior


@pytest.mark.question("dsm.7")
def test_ddpm_posterior_worked_number():
    mean, var = dsm.ddpm_posterior(numbers([1.0]), numbers([2.0]), number(0.25), number(0.64))
    assert_close(mean, numbers([1.25]))
    assert_close(var, number(0.2925))


@pytest.mark.question("dsm.7")
@given(seed=seeds)
@some
def test_ddpm_posterior_leads_back_to_the_forward_process(seed):
    """x_t from x0, then x_s from its posterior: mean and variance are those of x_s from x0, for long steps too."""
    draw = Draw(seed)
    x0, abar_t = draw.normal(3, 5), draw.uniform(3, low=0.1, high=0.4)
    abar_s = draw.uniform(3, low=0.5, high=0.9)
    root = abar_t.sqrt()[:, None]
    mean, var = dsm.ddpm_posterior(x0, root * x0, abar_t, abar_s)
    moved, _ = dsm.ddpm_posterior(x0, root * x0 + 1, abar_t, abar_s)
    assert_close(mean, abar_s.sqrt()[:, None] * x0)
    assert_close((moved - mean)[:, 0] ** 2 * (1 - abar_t) + var, 1 - abar_s)


@pytest.mark.question("dsm.7")
def test_ddpm_posterior_arrives_at_the_data():
    """At time 0 the data are what is given."""
    x0, x_t = Draw(6).normal(3, 2, 4), Draw(7).normal(3, 2, 4)
    mean, var = dsm.ddpm_posterior(x0, x_t, numbers(0.2, 0.3, 0.4), numbers(1.0, 1.0, 1.0))
    assert_close(mean, x0)
    assert_close(var, numbers(0.0, 0.0, 0.0))
