"""Public tests of the assignment latent: worked numbers, closed forms and laws. Run them with `pytest test_latent.py`.

`pytest test_latent.py -k ppca` runs the tests of two functions. The graded checks are others, and more.
"""

import itertools
import math

import latent
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

some = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)
INF = math.inf


class Draw:
    """Random float64 tensors; one seed always gives the same ones."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(shape, dtype=torch.float64, generator=self.generator)

    def between(self, low, high, *shape):
        return low + (high - low) * torch.rand(shape, dtype=torch.float64, generator=self.generator)

    def rotation(self, size):
        return torch.linalg.qr(self.normal(size, size)).Q

    def mixture(self, components, dimensions):
        return self.normal(components), self.normal(components, dimensions), self.normal(components, dimensions)

    def linear_model(self, dimensions, latents, *batch):
        W, b = self.normal(dimensions, latents), self.normal(dimensions)
        return self.normal(*batch, dimensions), W, b, self.between(0.3, 0.9)


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def gradients(value, *inputs):
    return torch.autograd.grad(value, inputs)


# ---------------------------------------------------------------------------------------------------------------
# lvm.1 log_mean_exp


@pytest.mark.question("lvm.1")
def test_log_mean_exp_of_two_numbers():
    """The mean of 1 and 3 is 2."""
    assert_close(latent.log_mean_exp(numbers(0.0, math.log(3)), 0), number(math.log(2)))


@pytest.mark.question("lvm.1")
def test_log_mean_exp_counts_entries_of_minus_infinity():
    """The mean of 1, 3 and 0 is 4/3."""
    assert_close(latent.log_mean_exp(numbers(0.0, math.log(3), -INF), 0), number(math.log(4 / 3)))


@pytest.mark.question("lvm.1")
@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("keepdim", [False, True])
def test_log_mean_exp_along_any_dimension(dim, keepdim):
    """Equal entries have themselves as their mean, and the shape tells which dimension is gone."""
    x = torch.full((2, 5, 3), 0.7, dtype=torch.float64)
    assert_close(latent.log_mean_exp(x, dim, keepdim=keepdim), x.mean(dim, keepdim=keepdim))


@pytest.mark.question("lvm.1")
@given(seed=seeds, shift=st.sampled_from((-3.0, 0.4, 20.0)))
@some
def test_log_mean_exp_moves_with_its_input(seed, shift):
    x = Draw(seed).normal(3, 5)
    assert_close(latent.log_mean_exp(x + shift, -1), latent.log_mean_exp(x, -1) + shift)


@pytest.mark.question("lvm.1")
@given(seed=seeds)
@some
def test_log_mean_exp_lies_between_mean_and_maximum(seed):
    """The lower bound is Jensen's inequality."""
    x = Draw(seed).normal(3, 5)
    value = latent.log_mean_exp(x, -1)
    assert (value > x.mean(-1)).all()
    assert (value < x.amax(-1)).all()


@pytest.mark.question("lvm.1")
def test_log_mean_exp_of_large_numbers():
    """Every row has its own size."""
    x = numbers(1e4, 1e4 + math.log(3), -1e4, -1e4 + math.log(3)).reshape(2, 2)
    assert_close(latent.log_mean_exp(x, -1), numbers(1e4, -1e4) + math.log(2))


@pytest.mark.question("lvm.1")
def test_log_mean_exp_of_infinities():
    """Rows of nothing but -inf, and with one +inf, do not disturb the others; the first has no slope."""
    x = torch.tensor([[-INF, -INF], [0.0, math.log(3)], [0.0, INF]], dtype=torch.float64)
    assert_close(latent.log_mean_exp(x, -1), numbers(-INF, math.log(2), INF))
    finite = x[:2].requires_grad_()
    (slope,) = gradients(latent.log_mean_exp(finite, -1).sum(), finite)
    assert_close(slope, torch.tensor([[0.0, 0.0], [0.25, 0.75]], dtype=torch.float64))


@pytest.mark.question("lvm.1")
@given(seed=seeds)
@some
def test_log_mean_exp_has_the_gradient_softmax(seed):
    x = Draw(seed).normal(3, 5).requires_grad_()
    (slope,) = gradients(latent.log_mean_exp(x, 0).sum(), x)
    assert_close(slope, torch.softmax(x.detach(), 0))


# ---------------------------------------------------------------------------------------------------------------
# lvm.2 gmm_log_prob


@pytest.mark.question("lvm.2")
def test_gmm_log_prob_of_two_components():
    """1/4 N(0; 0, 1) + 3/4 N(0; 2, 4) is 0.1905, with a logarithm of -1.658."""
    value = latent.gmm_log_prob(
        numbers(0.0), numbers(0.0, math.log(3)), number([[0.0], [2.0]]), number([[0.0], [math.log(4)]])
    )
    assert_close(value, number(-1.6582364697148104))


@pytest.mark.question("lvm.2")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_gmm_log_prob_of_one_component(batch):
    """Five dimensions with x = mu = logvar = 1 give -7.095, whatever the only logit is."""
    value = latent.gmm_log_prob(torch.ones(*batch, 5), torch.tensor([3.0]), torch.ones(1, 5), torch.ones(1, 5))
    assert_close(value, torch.full(batch, -7.0946927), 1e-6)


@pytest.mark.question("lvm.2")
@pytest.mark.parametrize("dimensions", [1, 2])
def test_gmm_log_prob_is_a_density(dimensions):
    """exp of it integrates to one."""
    draw = Draw(7)
    logits, mu, logvar = draw.normal(3), draw.between(-2, 2, 3, dimensions), draw.between(-0.5, 0.5, 3, dimensions)
    axis = torch.linspace(-14, 14, 71, dtype=torch.float64)
    grid = torch.stack([part.flatten() for part in torch.meshgrid([axis] * dimensions, indexing="ij")], dim=-1)
    mass = torch.exp(latent.gmm_log_prob(grid, logits, mu, logvar)).sum() * 0.4**dimensions
    assert_close(mass, number(1.0), 1e-6)


@pytest.mark.question("lvm.2")
@given(seed=seeds)
@some
def test_gmm_log_prob_ignores_names_of_components(seed):
    """Renumbering components changes nothing, nor does adding one number to all logits."""
    draw = Draw(seed)
    x, (logits, mu, logvar) = draw.normal(4, 5), draw.mixture(3, 5)
    order = torch.tensor([2, 0, 1])
    renamed = latent.gmm_log_prob(x, logits[order] + 9.0, mu[order], logvar[order])
    assert_close(renamed, latent.gmm_log_prob(x, logits, mu, logvar))


@pytest.mark.question("lvm.2")
@given(seed=seeds)
@some
def test_gmm_log_prob_of_a_split_component(seed):
    """Two halves of a component are the component."""
    draw = Draw(seed)
    x, (logits, mu, logvar) = draw.normal(4, 5), draw.mixture(3, 5)
    split = torch.cat((logits[:1] - math.log(2), logits[:1] - math.log(2), logits[1:]))
    halves = latent.gmm_log_prob(x, split, torch.cat((mu[:1], mu)), torch.cat((logvar[:1], logvar)))
    assert_close(halves, latent.gmm_log_prob(x, logits, mu, logvar))


@pytest.mark.question("lvm.2")
def test_gmm_log_prob_far_away():
    """A thousand standard deviations from the nearer component, the other one does not count."""
    mu = number([[0.0, 0.0], [-50.0, 3.0]])
    value = latent.gmm_log_prob(numbers(1000.0, 0.0), numbers(0.0, 0.0), mu, torch.zeros(2, 2, dtype=torch.float64))
    assert_close(value, number(-math.log(2) - math.log(2 * math.pi) - 500_000))


@pytest.mark.question("lvm.2")
def test_gmm_log_prob_with_a_weight_of_zero():
    """A component with the logit -inf is not there, in value or in gradient."""
    draw = Draw(3)
    x, (logits, mu, logvar) = draw.normal(4, 5), draw.mixture(3, 5)
    logits[0] = -INF
    logits.requires_grad_()
    value = latent.gmm_log_prob(x, logits, mu, logvar)
    assert_close(value, latent.gmm_log_prob(x, logits[1:], mu[1:], logvar[1:]))
    (slope,) = gradients(value.sum(), logits)
    assert_close(slope[0], number(0.0))
    assert_close(slope.sum(), number(0.0))


@pytest.mark.question("lvm.2")
@given(seed=seeds)
@some
def test_gmm_log_prob_treats_points_alone(seed):
    draw = Draw(seed)
    x, mixture = draw.normal(2, 4, 5), draw.mixture(3, 5)
    assert_close(latent.gmm_log_prob(x, *mixture)[1, 2], latent.gmm_log_prob(x[1, 2], *mixture))


# ---------------------------------------------------------------------------------------------------------------
# lvm.3 em_step


@pytest.mark.question("lvm.3")
def test_em_step_of_two_points():
    """Each point belongs to its own component, but for a share of exp(-4.5) / (1 + exp(-4.5)) = 0.011."""
    share = 1 / (1 + math.exp(4.5))
    logits, mu, var, log_lik = latent.em_step(
        number([[0.0], [3.0]]), numbers(0.0, 0.0), number([[0.0], [3.0]]), number([[1.0], [1.0]])
    )
    assert_close(logits, numbers(-math.log(2), -math.log(2)))
    assert_close(mu, number([[3 * share], [3 - 3 * share]]))
    assert_close(var, torch.full((2, 1), 9 * share * (1 - share), dtype=torch.float64))
    assert_close(log_lik, number(2 * math.log((1 + math.exp(-4.5)) / 2 / math.sqrt(2 * math.pi))))


@pytest.mark.question("lvm.3")
@given(seed=seeds)
@some
def test_em_step_with_one_component(seed):
    """All points belong to it: its mean and variance are those of the data."""
    draw = Draw(seed)
    x = draw.normal(7, 3)
    logits, mu, var, _ = latent.em_step(x, numbers(2.0), draw.normal(1, 3), draw.between(0.5, 2, 1, 3))
    assert_close(logits, numbers(0.0))
    assert_close(mu[0], x.mean(0))
    assert_close(var[0], x.var(0, correction=0))


@pytest.mark.question("lvm.3")
@given(seed=seeds)
@some
def test_em_step_keeps_the_moments_of_the_data(seed):
    """The weights sum to one, and the new mixture has the mean and the variance of the data."""
    draw = Draw(seed)
    x = draw.normal(11, 2)
    logits, mu, var, _ = latent.em_step(x, draw.normal(3), draw.normal(3, 2), draw.between(0.5, 2, 3, 2))
    weights = torch.exp(logits)
    assert_close(weights.sum(), number(1.0))
    assert_close(weights @ mu, x.mean(0))
    assert_close(weights @ (var + mu**2) - (weights @ mu) ** 2, x.var(0, correction=0))


@pytest.mark.question("lvm.3")
@given(seed=seeds)
@some
def test_em_step_never_lowers_the_likelihood(seed):
    draw = Draw(seed)
    x = torch.cat((draw.normal(20, 2) - 2, draw.normal(20, 2) + 2))
    parameters, values = (draw.normal(2), draw.normal(2, 2), torch.ones(2, 2, dtype=torch.float64)), []
    for _ in range(15):
        *parameters, log_lik = latent.em_step(x, *parameters, min_var=0.01)
        values.append(log_lik)
    rises = torch.stack(values).diff()
    assert (rises > -1e-9).all()
    assert rises[0] > 0


@pytest.mark.question("lvm.3")
@given(seed=seeds)
@some
def test_em_step_returns_the_likelihood_before(seed):
    """The sum of the log-densities of lvm.2 under the parameters that were given."""
    draw = Draw(seed)
    x, logits, mu, var = draw.normal(7, 3), draw.normal(2), draw.normal(2, 3), draw.between(0.5, 2, 2, 3)
    *_, log_lik = latent.em_step(x, logits, mu, var)
    assert_close(log_lik, latent.gmm_log_prob(x, logits, mu, var.log()).sum())


@pytest.mark.question("lvm.3")
def test_em_step_with_an_empty_component():
    """A component without points keeps its mean and its variance, which min_var does not touch."""
    x, mu = Draw(5).normal(7, 2), number([[0.0, 0.0], [1e5, 0.0]])
    var = number([[1.0, 1.0], [0.3, 0.7]])
    logits, new_mu, new_var, _ = latent.em_step(x, numbers(0.4, 1.0), mu, var, min_var=0.5)
    assert_close(logits, numbers(0.0, -INF))
    assert_close(new_mu[1], mu[1])
    assert_close(new_var[1], var[1])
    assert_close(new_mu[0], x.mean(0))


@pytest.mark.question("lvm.3")
def test_em_step_of_equal_points():
    """Their variance is zero, and becomes min_var."""
    x = torch.ones(5, 2, dtype=torch.float64)
    _, mu, var, _ = latent.em_step(x, numbers(0.0, 1.0), Draw(1).normal(2, 2), torch.ones(2, 2).double(), min_var=0.25)
    assert_close(mu, torch.ones(2, 2, dtype=torch.float64))
    assert_close(var, torch.full((2, 2), 0.25, dtype=torch.float64))


@pytest.mark.question("lvm.3")
def test_em_step_of_distant_points():
    """A point 1000 standard deviations from both components belongs to the nearer one."""
    mu, var = number([[0.0], [1.0]]), number([[1.0], [1.0]])
    logits, new_mu, _, _ = latent.em_step(numbers(1000.0, -999.0).unsqueeze(-1), numbers(0.0, 0.0), mu, var)
    assert_close(logits, numbers(-math.log(2), -math.log(2)))
    assert_close(new_mu, number([[-999.0], [1000.0]]))


# ---------------------------------------------------------------------------------------------------------------
# lvm.4 prior_mc_log_marginal and ancestral_sample


@pytest.mark.question("lvm.4")
def test_prior_mc_log_marginal_of_two_samples():
    assert_close(latent.prior_mc_log_marginal(numbers(0.0, math.log(3))), number(math.log(2)))


@pytest.mark.question("lvm.4")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_prior_mc_log_marginal_has_one_value_per_example(batch):
    """Samples come first. Five that agree on -1e4 estimate -1e4."""
    value = latent.prior_mc_log_marginal(torch.full((5, *batch), -1e4, dtype=torch.float64))
    assert_close(value, torch.full(batch, -1e4, dtype=torch.float64))


@pytest.mark.question("lvm.4")
@pytest.mark.parametrize("samples", [1, 2, 3])
def test_prior_mc_log_marginal_over_all_draws(samples):
    """Over every sequence of draws, exp of the estimate is p(x) on average, and the estimate is below log p(x)."""
    prior, likelihood = numbers(0.5, 0.3, 0.2), numbers(0.1, 0.02, 0.6)
    sequences = torch.tensor(list(itertools.product(range(3), repeat=samples))).T
    chances = prior[sequences].prod(0)
    estimates = latent.prior_mc_log_marginal(likelihood.log()[sequences])
    assert_close(chances @ estimates.exp(), prior @ likelihood)
    assert chances @ estimates < torch.log(prior @ likelihood) - 0.01


MODEL = (numbers(math.log(0.5), math.log(0.3), math.log(0.2)) + 3, number([[0.0, 1.0], [4.0, -2.0], [-5.0, 0.5]]))
LOGVAR = number([[math.log(4), -1.0], [0.5, 1.0], [-1.0, 0.0]])


def draws(seed, count):
    return latent.ancestral_sample(*MODEL, LOGVAR, count, generator=torch.Generator().manual_seed(seed))


@pytest.mark.question("lvm.4")
@pytest.mark.parametrize("count", [1, 5])
def test_ancestral_sample_has_the_right_shapes(count):
    x, z = draws(0, count)
    assert (x.shape, x.dtype) == ((count, 2), torch.float64)
    assert (z.shape, z.dtype) == ((count,), torch.int64)


@pytest.mark.question("lvm.4")
def test_ancestral_sample_draws_components_with_their_weights():
    """Within six standard errors of 20,000 draws."""
    _, z = draws(1, 20_000)
    assert_close(torch.bincount(z, minlength=3) / 20_000, torch.tensor([0.5, 0.3, 0.2]), 0.0213)


@pytest.mark.question("lvm.4")
def test_ancestral_sample_draws_points_of_their_component():
    """Standardised by its component, a row is independent standard normal noise."""
    x, z = draws(2, 20_000)
    noise = (x - MODEL[1][z]) / torch.exp(LOGVAR[z] / 2)
    assert_close(noise.mean(0), torch.zeros(2, dtype=torch.float64), 0.0425)
    assert_close(noise.T @ noise / 20_000, torch.eye(2, dtype=torch.float64), 0.06)


@pytest.mark.question("lvm.4")
def test_ancestral_sample_draws_rows_independently():
    """No two rows are equal, and neighbours are not correlated."""
    x, z = draws(3, 20_000)
    noise = (x - MODEL[1][z]) / torch.exp(LOGVAR[z] / 2)
    assert len(noise.unique(dim=0)) == 20_000
    assert_close((noise[1:] * noise[:-1]).mean(0), torch.zeros(2, dtype=torch.float64), 0.0425)
    same = (z[1:] == z[:-1]).double().mean()
    assert_close(same, number(0.5**2 + 0.3**2 + 0.2**2), 0.0206)


@pytest.mark.question("lvm.4")
def test_ancestral_sample_draws_from_its_generator():
    """One state, one result; another state, another; and nobody else's random numbers change."""
    before = torch.get_rng_state()
    first, again, other = draws(4, 5), draws(4, 5), draws(5, 5)
    assert torch.equal(torch.get_rng_state(), before)
    assert_close(again, first)
    assert not torch.equal(first[0], other[0])


# ---------------------------------------------------------------------------------------------------------------
# lvm.5 ppca_log_marginal


@pytest.mark.question("lvm.5")
def test_ppca_log_marginal_in_two_dimensions():
    """log N([3, 1]; [1, 0], [[4.5, 2], [2, 1.5]]): the determinant is 2.75, the quadratic form 2.5 / 2.75."""
    value = latent.ppca_log_marginal(numbers(3.0, 1.0), number([[2.0], [1.0]]), numbers(1.0, 0.0), number(0.5))
    assert_close(value, number(-math.log(2 * math.pi) - math.log(2.75) / 2 - 2.5 / 2.75 / 2))


@pytest.mark.question("lvm.5")
@pytest.mark.parametrize("latents", [0, 1, 3])
@given(seed=seeds)
@some
def test_ppca_log_marginal_in_one_dimension(latents, seed):
    """There x is N(b, sum of W^2 + noise_var)."""
    x, W, b, noise_var = Draw(seed).linear_model(1, latents, 4)
    var = W.square().sum() + noise_var
    expected = -0.5 * (torch.log(2 * math.pi * var) + (x - b).squeeze(-1) ** 2 / var)
    assert_close(latent.ppca_log_marginal(x, W, b, noise_var), expected)


@pytest.mark.question("lvm.5")
@given(seed=seeds)
@some
def test_ppca_log_marginal_ignores_rotations_of_the_latents(seed):
    draw = Draw(seed)
    x, W, b, noise_var = draw.linear_model(5, 2, 3)
    value = latent.ppca_log_marginal(x, W, b, noise_var)
    assert_close(latent.ppca_log_marginal(x, W @ draw.rotation(2), b, noise_var), value)
    unused = torch.cat((W, torch.zeros(5, 1, dtype=torch.float64)), dim=-1)
    assert_close(latent.ppca_log_marginal(x, unused, b, noise_var), value)
    assert (latent.ppca_log_marginal(x, 100 * W, b, noise_var) < value).all()


@pytest.mark.question("lvm.5")
def test_ppca_log_marginal_drops_rows_to_marginalise():
    """Integrating the second dimension out leaves the model of the first."""
    x, W, b, noise_var = Draw(4).linear_model(2, 3)
    axis = torch.linspace(-40, 40, 1601, dtype=torch.float64)
    points = torch.stack((x[0].expand(1601), axis), dim=-1)
    mass = torch.exp(latent.ppca_log_marginal(points, W, b, noise_var)).sum() * 0.05
    assert_close(torch.log(mass), latent.ppca_log_marginal(x[:1], W[:1], b[:1], noise_var))


@pytest.mark.question("lvm.5")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_ppca_log_marginal_has_one_value_per_point(batch):
    """At the mean, with W = 0 and noise_var = 1, five dimensions give -4.595."""
    value = latent.ppca_log_marginal(torch.ones(*batch, 5), torch.zeros(5, 2), torch.ones(5), torch.tensor(1.0))
    assert_close(value, torch.full(batch, -4.5946927), 1e-6)


@pytest.mark.question("lvm.5")
def test_ppca_log_marginal_with_little_noise():
    """W = [1, 0] and noise_var = 1e-8: the first dimension is N(0, 1 + 1e-8), the second N(0, 1e-8)."""
    value = latent.ppca_log_marginal(numbers(0.6, 2e-4), number([[1.0], [0.0]]), numbers(0.0, 0.0), number(1e-8))
    assert_close(value, number(-math.log(2 * math.pi) - 0.18 + 4 * math.log(10) - 2), 1e-6)


@pytest.mark.question("lvm.5")
def test_ppca_log_marginal_in_twenty_thousand_dimensions():
    """W = 0 leaves the noise, whose determinant no float holds."""
    dimensions, W = 20_000, torch.zeros(20_000, 3, dtype=torch.float64)
    zeros = torch.zeros(dimensions, dtype=torch.float64)
    value = latent.ppca_log_marginal(zeros, W, zeros, number(0.3))
    assert_close(value, number(-0.5 * dimensions * math.log(2 * math.pi * 0.3)))


@pytest.mark.question("lvm.5")
@given(seed=seeds)
@some
def test_ppca_log_marginal_has_the_slopes_of_its_mean(seed):
    """x and b pull in opposite directions, and scaling everything scales: the slopes obey Euler's relation."""
    inputs = [each.requires_grad_() for each in Draw(seed).linear_model(5, 2)]
    in_x, in_W, in_b, in_noise = gradients(latent.ppca_log_marginal(*inputs), *inputs)
    x, W, b, noise_var = (each.detach() for each in inputs)
    assert_close(in_x, -in_b)
    # In units that make x, W and b t times larger and noise_var t^2 times, the density of 5 dimensions is t^5 lower.
    change = (in_x * x).sum() + (in_W * W).sum() + (in_b * b).sum() + 2 * in_noise * noise_var
    assert_close(change, number(-5.0))


# ---------------------------------------------------------------------------------------------------------------
# lvm.6 ppca_posterior


@pytest.mark.question("lvm.6")
def test_ppca_posterior_in_two_dimensions():
    """M = 5.5 and W'(x - b) = 5."""
    mean, cov = latent.ppca_posterior(numbers(3.0, 1.0), number([[2.0], [1.0]]), numbers(1.0, 0.0), number(0.5))
    assert_close(mean, numbers(5 / 5.5))
    assert_close(cov, number([[0.5 / 5.5]]))


@pytest.mark.question("lvm.6")
@pytest.mark.parametrize("latents", [2, 7])
@given(seed=seeds)
@some
def test_ppca_posterior_obeys_bayes_rule(latents, seed):
    """log p(x|z) + log p(z) - log p(z|x) is log p(x) of lvm.5 for every z."""
    draw = Draw(seed)
    x, W, b, noise_var = draw.linear_model(5, latents)
    mean, cov = latent.ppca_posterior(x, W, b, noise_var)
    z = draw.normal(3, latents)
    residual = x - b - z @ W.T
    joint = -0.5 * (residual.square().sum(-1) / noise_var + 5 * torch.log(2 * math.pi * noise_var))
    joint = joint - 0.5 * (z.square().sum(-1) + latents * math.log(2 * math.pi))
    away = z - mean
    posterior = -0.5 * ((away * torch.linalg.solve(cov, away.T).T).sum(-1) + torch.logdet(2 * math.pi * cov))
    assert_close(joint - posterior, latent.ppca_log_marginal(x, W, b, noise_var).expand(3), 1e-8)


@pytest.mark.question("lvm.6")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_ppca_posterior_has_one_mean_per_point_and_one_covariance(batch):
    """At x = b the data say nothing against the prior mean."""
    mean, cov = latent.ppca_posterior(torch.ones(*batch, 5), torch.ones(5, 1), torch.ones(5), torch.tensor(0.5))
    assert_close(mean, torch.zeros(*batch, 1))
    assert_close(cov, torch.full((1, 1), 0.5 / 5.5), 1e-6)


@pytest.mark.question("lvm.6")
@given(seed=seeds)
@some
def test_ppca_posterior_without_noise_is_least_squares(seed):
    draw = Draw(seed)
    z, W, b = draw.normal(3, 2), draw.rotation(5)[:, :2] * 2, draw.normal(5)
    mean, cov = latent.ppca_posterior(z @ W.T + b, W, b, number(1e-9))
    assert_close(mean, z, 1e-6)
    assert_close(cov, torch.zeros(2, 2, dtype=torch.float64), 1e-6)


@pytest.mark.question("lvm.6")
@given(seed=seeds)
@some
def test_ppca_posterior_returns_to_the_prior(seed):
    """With very much noise the data say nothing."""
    x, W, b, _ = Draw(seed).linear_model(5, 2, 3)
    mean, cov = latent.ppca_posterior(x, W, b, number(1e9))
    assert_close(1e9 * mean, (x - b) @ W, 1e-6)
    assert_close(cov, torch.eye(2, dtype=torch.float64), 1e-6)


@pytest.mark.question("lvm.6")
@given(seed=seeds)
@some
def test_ppca_posterior_moves_the_mean_with_the_point(seed):
    """The slope of the mean in x is the gain: the covariance times W' over the noise. That in b is its negative."""
    x, W, b, noise_var = Draw(seed).linear_model(5, 2)
    x, b = x.requires_grad_(), b.requires_grad_()
    mean, cov = latent.ppca_posterior(x, W, b, noise_var)
    in_x, in_b = gradients(mean[1], x, b)
    assert_close(in_x, (cov @ W.T / noise_var)[1].detach())
    assert_close(in_b, -in_x)
