"""Public tests of the assignment gaussian_kl: worked numbers, closed forms and laws.

`pytest test_gaussian_kl.py -k kl_full` runs the tests of one function. The graded checks are others, and more.
"""

import math
import warnings

import gaussian_kl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

some = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


class Draw:
    """Random float64 tensors; one seed always gives the same ones."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(shape, dtype=torch.float64, generator=self.generator)

    def positive(self, *shape):
        return 0.3 + 2 * torch.rand(shape, dtype=torch.float64, generator=self.generator)

    def scale_tril(self, *shape):
        """Lower triangular matrices with a positive diagonal."""
        return 0.4 * torch.tril(self.normal(*shape, shape[-1]), -1) + torch.diag_embed(self.positive(*shape))


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def number(value, dtype=torch.float64):
    return torch.tensor(value, dtype=dtype)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def gradients(value, *inputs):
    return torch.autograd.grad(value, inputs)


def normal_log_density(x, mu, logvar):
    """Of a Gaussian with independent dimensions, summed over the last one."""
    return torch.distributions.Normal(mu, torch.exp(logvar / 2)).log_prob(x).sum(-1)


def integrate(function):
    """Over one dimension, from -40 to 40."""
    z = torch.linspace(-40, 40, 8001, dtype=torch.float64).unsqueeze(-1)
    return function(z).sum() * 0.01


# ---------------------------------------------------------------------------------------------------------------
# kl.1 kl_standard


@pytest.mark.question("kl.1")
def test_kl_standard_of_a_wide_gaussian():
    """A variance of 4 costs 0.807 nats for each latent."""
    mu, logvar = torch.zeros(3, dtype=torch.float64), torch.full((3,), math.log(4), dtype=torch.float64)
    assert_close(gaussian_kl.kl_standard(mu, logvar), number(3 * 0.8068528194400547))


@pytest.mark.question("kl.1")
def test_kl_standard_of_a_moved_gaussian():
    """A mean of 2 at the prior's variance costs 2 nats, a mean of -3 costs 4.5."""
    assert_close(gaussian_kl.kl_standard(numbers(2.0, -3.0), numbers(0.0, 0.0)), number(6.5))


@pytest.mark.question("kl.1")
@given(seed=seeds)
@some
def test_kl_standard_is_the_expected_log_ratio(seed):
    """The definition, integrated on a grid."""
    draw = Draw(seed)
    mu, logvar = draw.normal(1), draw.normal(1)

    def integrand(z):
        log_q = normal_log_density(z, mu, logvar)
        return log_q.exp() * (log_q - normal_log_density(z, torch.zeros(1), torch.zeros(1)))

    assert_close(gaussian_kl.kl_standard(mu, logvar), integrate(integrand))


@pytest.mark.question("kl.1")
@given(seed=seeds)
@some
def test_kl_standard_adds_up_over_latents(seed):
    """Every latent pays for itself, whatever the batch holds, and latents at the prior pay nothing."""
    draw = Draw(seed)
    mu, logvar = draw.normal(2, 3, 5), draw.normal(2, 3, 5)
    parts = [gaussian_kl.kl_standard(mu[..., [d]], logvar[..., [d]]) for d in range(5)]
    prior = torch.zeros(2, 3, 2, dtype=torch.float64)
    total = gaussian_kl.kl_standard(torch.cat((mu, prior), -1), torch.cat((logvar, prior), -1))
    assert (total > 0).all()
    assert_close(total, sum(parts))
    assert_close(total[1, 2], gaussian_kl.kl_standard(mu[1, 2], logvar[1, 2]))


@pytest.mark.question("kl.1")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_kl_standard_has_one_value_per_example(batch):
    assert_close(gaussian_kl.kl_standard(torch.ones(*batch, 4), torch.zeros(*batch, 4)), torch.full(batch, 2.0), 1e-6)


@pytest.mark.question("kl.1")
@given(seed=seeds)
@some
def test_kl_standard_pulls_towards_the_prior(seed):
    """The slope in mu is mu; the slope in logvar is (sigma^2 - 1) / 2."""
    draw = Draw(seed)
    mu, logvar = draw.normal(3, 5).requires_grad_(), draw.normal(3, 5).requires_grad_()
    in_mu, in_logvar = gradients(gaussian_kl.kl_standard(mu, logvar).sum(), mu, logvar)
    assert_close(in_mu, mu.detach())
    assert_close(in_logvar, (logvar.detach().exp() - 1) / 2)


@pytest.mark.question("kl.1")
def test_kl_standard_of_a_gaussian_without_width():
    """logvar = -200 costs 99.5 nats in float32, with a slope of -1/2."""
    mu, logvar = torch.zeros(1), torch.tensor([-200.0], requires_grad=True)
    value = gaussian_kl.kl_standard(mu, logvar)
    assert_close(value.detach(), torch.tensor(99.5), 1e-5)
    assert_close(gradients(value, logvar)[0], torch.tensor([-0.5]), 1e-5)


# ---------------------------------------------------------------------------------------------------------------
# kl.2 kl_diag


@pytest.mark.question("kl.2")
def test_kl_diag_of_two_gaussians():
    """N(1, 1) against N(0, 4) costs 0.443 nats, and 1.307 with the two exchanged."""
    q, p = (numbers(1.0), numbers(0.0)), (numbers(0.0), numbers(math.log(4)))
    assert_close(gaussian_kl.kl_diag(*q, *p), number(0.44314718055994530))
    assert_close(gaussian_kl.kl_diag(*p, *q), number(1.30685281944005470))


@pytest.mark.question("kl.2")
@given(seed=seeds)
@some
def test_kl_diag_is_the_expected_log_ratio(seed):
    """The definition, integrated on a grid."""
    draw = Draw(seed)
    q, p = (draw.normal(1), draw.normal(1)), (draw.normal(1), draw.normal(1))

    def integrand(z):
        log_q = normal_log_density(z, *q)
        return log_q.exp() * (log_q - normal_log_density(z, *p))

    assert_close(gaussian_kl.kl_diag(*q, *p), integrate(integrand), 1e-8)


@pytest.mark.question("kl.2")
@given(seed=seeds)
@some
def test_kl_diag_vanishes_only_where_both_agree(seed):
    draw = Draw(seed)
    mu, logvar, other = draw.normal(3, 5), draw.normal(3, 5), draw.positive(3, 5)
    assert_close(gaussian_kl.kl_diag(mu, logvar, mu, logvar), torch.zeros(3, dtype=torch.float64))
    assert (gaussian_kl.kl_diag(mu, logvar, mu + other, logvar) > 0).all()
    assert (gaussian_kl.kl_diag(mu, logvar, mu, logvar + other) > 0).all()


@pytest.mark.question("kl.2")
@given(seed=seeds, unit=st.sampled_from((0.1, 3.0, 20.0)))
@some
def test_kl_diag_in_other_units(seed, unit):
    """Units and origin do not matter."""
    draw = Draw(seed)
    mu_q, logvar_q, mu_p, logvar_p = (draw.normal(3, 5) for _ in range(4))
    wider = 2 * math.log(unit)
    scaled = gaussian_kl.kl_diag(unit * mu_q + 2, logvar_q + wider, unit * mu_p + 2, logvar_p + wider)
    assert_close(scaled, gaussian_kl.kl_diag(mu_q, logvar_q, mu_p, logvar_p))
    assert (scaled > 0).all()


@pytest.mark.question("kl.2")
def test_kl_diag_broadcasts():
    """One prior serves a whole batch."""
    draw = Draw(1)
    mu_q, logvar_q, mu_p, logvar_p = draw.normal(2, 3, 5), draw.normal(2, 3, 5), draw.normal(5), draw.normal(5)
    together = gaussian_kl.kl_diag(mu_q, logvar_q, mu_p, logvar_p)
    one = gaussian_kl.kl_diag(mu_q[1, 2], logvar_q[1, 2], mu_p, logvar_p)
    assert together.shape == (2, 3)
    assert_close(together[1, 2], one)


@pytest.mark.question("kl.2")
@given(seed=seeds)
@some
def test_kl_diag_passes_gradients_to_all_arguments(seed):
    """Moving both means together changes nothing, and so does scaling both spreads with the distance."""
    draw = Draw(seed)
    inputs = [draw.normal(3, 5).requires_grad_() for _ in range(4)]
    in_mu_q, in_logvar_q, in_mu_p, in_logvar_p = gradients(gaussian_kl.kl_diag(*inputs).sum(), *inputs)
    distance = (inputs[0] - inputs[2]).detach()
    assert_close(in_mu_q, -in_mu_p)
    assert_close(in_mu_q, distance * torch.exp(-inputs[3].detach()))
    assert_close(in_logvar_q + in_logvar_p, -distance * in_mu_q / 2)


@pytest.mark.question("kl.2")
@pytest.mark.parametrize("logvar", [-95.0, 95.0])
def test_kl_diag_with_extreme_variances(logvar):
    """A q that is half as wide as p costs 0.318 nats, also where float32 holds neither variance."""
    mu, narrow, wide = torch.tensor([0.3]), torch.tensor([logvar]), torch.tensor([logvar + math.log(4)])
    assert_close(gaussian_kl.kl_diag(mu, narrow, mu, wide), torch.tensor(0.3181472), 1e-5)


# ---------------------------------------------------------------------------------------------------------------
# kl.3 kl_full


@pytest.mark.question("kl.3")
def test_kl_full_of_two_gaussians():
    """The handout's worked number: 1.5."""
    factor = numbers(1.0, 0.0, 1.0, 1.0).reshape(2, 2)
    identity = torch.eye(2, dtype=torch.float64)
    value = gaussian_kl.kl_full(numbers(1.0, 0.0), identity, numbers(0.0, 0.0), factor)
    assert_close(value, number(1.5))


@pytest.mark.question("kl.3")
def test_kl_full_of_one_dimension():
    """N(1, 1) against N(0, 4), of scale 2: 0.443 nats."""
    value = gaussian_kl.kl_full(numbers(1.0), torch.ones(1, 1).double(), numbers(0.0), torch.full((1, 1), 2.0).double())
    assert_close(value, number(0.44314718055994530))


@pytest.mark.question("kl.3")
@given(seed=seeds)
@some
def test_kl_full_of_diagonal_covariances(seed):
    """Agrees with kl_diag where both covariances are diagonal."""
    draw = Draw(seed)
    mu_q, logvar_q, mu_p, logvar_p = (draw.normal(2, 3, 5) for _ in range(4))
    scale_q, scale_p = torch.diag_embed(torch.exp(logvar_q / 2)), torch.diag_embed(torch.exp(logvar_p / 2))
    value = gaussian_kl.kl_full(mu_q, scale_q, mu_p, scale_p)
    assert_close(value, gaussian_kl.kl_diag(mu_q, logvar_q, mu_p, logvar_p))
    assert (value > 0).all()


@pytest.mark.question("kl.3")
@given(seed=seeds)
@some
def test_kl_full_in_other_coordinates(seed):
    """Rotating and stretching space changes both Gaussians and not the divergence."""
    draw = Draw(seed)
    mu_q, scale_q, mu_p, scale_p = draw.normal(3, 5), draw.scale_tril(3, 5), draw.normal(3, 5), draw.scale_tril(3, 5)
    matrix = torch.linalg.qr(draw.normal(5, 5)).Q * draw.positive(5)
    turned_q, turned_p = (torch.linalg.cholesky(matrix @ L @ L.mT @ matrix.mT) for L in (scale_q, scale_p))
    turned = gaussian_kl.kl_full(mu_q @ matrix.mT, turned_q, mu_p @ matrix.mT, turned_p)
    assert_close(turned, gaussian_kl.kl_full(mu_q, scale_q, mu_p, scale_p), 1e-8)
    assert (turned > 0).all()


@pytest.mark.question("kl.3")
@given(seed=seeds)
@some
def test_kl_full_vanishes_only_where_both_agree(seed):
    draw = Draw(seed)
    mu, scale, other = draw.normal(3, 5), draw.scale_tril(3, 5), draw.positive(3, 5)
    assert_close(gaussian_kl.kl_full(mu, scale, mu, scale), torch.zeros(3, dtype=torch.float64))
    assert (gaussian_kl.kl_full(mu, scale, mu + other, scale) > 0).all()
    assert (gaussian_kl.kl_full(mu, scale, mu, 2 * scale) > 0).all()


@pytest.mark.question("kl.3")
def test_kl_full_treats_every_example_alone():
    """Three examples at once give what each gives alone; one p serves all of them."""
    draw = Draw(1)
    mu_q, scale_q, mu_p, scale_p = draw.normal(3, 5), draw.scale_tril(3, 5), draw.normal(5), draw.scale_tril(5)
    alone = [gaussian_kl.kl_full(mu_q[i], scale_q[i], mu_p, scale_p) for i in range(3)]
    assert_close(gaussian_kl.kl_full(mu_q, scale_q, mu_p, scale_p), torch.stack(alone))
    assert gaussian_kl.kl_full(mu_q[:0], scale_q[:0], mu_p, scale_p).shape == (0,)


@pytest.mark.question("kl.3")
@given(seed=seeds)
@some
def test_kl_full_has_no_slope_where_both_agree(seed):
    """There, and with a pull towards p elsewhere: the slope in mu_q is what solves Sigma_p slope = mu_q - mu_p."""
    draw = Draw(seed)
    mu, scale, away = draw.normal(5), draw.scale_tril(5), draw.normal(5)
    inputs = [mu.clone().requires_grad_(), scale.clone().requires_grad_(), mu, scale]
    in_mu, in_scale = gradients(gaussian_kl.kl_full(*inputs), *inputs[:2])
    assert_close(in_mu, torch.zeros(5, dtype=torch.float64))
    assert_close(in_scale.tril(), torch.zeros(5, 5, dtype=torch.float64))
    moved = (mu + away).requires_grad_()
    (pull,) = gradients(gaussian_kl.kl_full(moved, scale, mu, scale), moved)
    assert_close(scale @ scale.mT @ pull, away)


# ---------------------------------------------------------------------------------------------------------------
# kl.4 kl_mc


@pytest.mark.question("kl.4")
def test_kl_mc_of_two_samples():
    """The handout's worked numbers: 0.5 with an error of 0.5, and 0.184 with an error of 0.184."""
    log_q, log_p = numbers(-1.0, -2.0), numbers(-2.0, -2.0)
    assert_close(torch.stack(list(gaussian_kl.kl_mc(log_q, log_p))), numbers(0.5, 0.5))
    k3 = gaussian_kl.kl_mc(log_q, log_p, kind="k3")
    assert_close(torch.stack(list(k3)), numbers(0.5 / math.e, 0.5 / math.e))


@pytest.mark.question("kl.4")
@pytest.mark.parametrize("kind", ["k1", "k3"])
def test_kl_mc_is_unbiased(kind):
    """Six samples in exact proportion to q = (1/2, 1/3, 1/6) give the KL itself."""
    q, p = numbers(3.0, 2.0, 1.0) / 6, numbers(0.2, 0.3, 0.5)
    samples = torch.tensor([0, 0, 0, 1, 1, 2])
    estimate, _ = gaussian_kl.kl_mc(q.log()[samples], p.log()[samples], kind=kind)
    assert_close(estimate, (q * (q / p).log()).sum())


@pytest.mark.question("kl.4")
@pytest.mark.parametrize("kind", ["k1", "k3"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kl_mc_finds_the_closed_form(kind, seed):
    """1000 samples come within six standard errors of kl_diag's answer; the same samples in every run."""
    draw = Draw(seed)
    mu_q, logvar_q = draw.normal(2), draw.normal(2)
    sigma_q = torch.exp(logvar_q / 2)
    mu_p, logvar_p = mu_q + 0.5 * sigma_q, logvar_q + 0.3
    z = mu_q + sigma_q * draw.normal(1000, 2)
    log_q, log_p = normal_log_density(z, mu_q, logvar_q), normal_log_density(z, mu_p, logvar_p)
    estimate, error = gaussian_kl.kl_mc(log_q, log_p, kind=kind)
    assert 0 < error < 0.05
    assert (estimate - gaussian_kl.kl_diag(mu_q, logvar_q, mu_p, logvar_p)).abs() < 6 * error


@pytest.mark.question("kl.4")
@given(seed=seeds)
@some
def test_kl_mc_of_kind_k3_is_never_negative(seed):
    """Each sample counts as a batch of one: k3 is positive for each of them, k1 only for some."""
    draw = Draw(seed)
    log_q = draw.normal(1, 20)
    log_p = log_q + draw.normal(1, 20)
    estimate, _ = one_sample(log_q, log_p, kind="k3")
    assert (estimate > 0).all()
    assert_close(one_sample(log_q, log_p)[0], -one_sample(log_p, log_q)[0])


@pytest.mark.question("kl.4")
def test_kl_mc_knows_no_error_from_one_sample():
    _, error = one_sample(numbers(-1.0), numbers(-2.0))
    assert torch.isnan(error)


def one_sample(*args, **kwargs):
    """torch.std may warn that one sample has no spread; that is what these tests are about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return gaussian_kl.kl_mc(*args, **kwargs)


@pytest.mark.question("kl.4")
@pytest.mark.parametrize("kind", ["k1", "k3"])
@pytest.mark.parametrize("dim", [1, -2])
@given(seed=seeds)
@some
def test_kl_mc_averages_along_dim(kind, dim, seed):
    """Samples along the middle dimension; every row and column has its own estimate and its own error."""
    draw = Draw(seed)
    log_q, log_p = draw.normal(2, 7, 3), draw.normal(2, 7, 3)
    estimate, error = gaussian_kl.kl_mc(log_q, log_p, dim=dim, kind=kind)
    one_estimate, one_error = gaussian_kl.kl_mc(log_q[1, :, 2], log_p[1, :, 2], kind=kind)
    assert estimate.shape == error.shape == (2, 3)
    assert_close((estimate[1, 2], error[1, 2]), (one_estimate, one_error))


@pytest.mark.question("kl.4")
def test_kl_mc_of_tiny_densities():
    """exp(-10000) is 0 in every dtype; the ratio of two of them is not."""
    log_q = numbers(-10000.0, -10001.0)
    for kind, expected in (("k1", 0.5), ("k3", math.exp(-0.5) - 0.5)):
        estimate, error = gaussian_kl.kl_mc(log_q, log_q - 0.5, kind=kind)
        assert_close((estimate, error), (number(expected), number(0.0)))


@pytest.mark.question("kl.4")
@given(seed=seeds)
@some
def test_kl_mc_can_be_differentiated(seed):
    """k1 is linear in the log-densities; k3's slope in log p is (e^r - 1) / n."""
    draw = Draw(seed)
    log_q, log_p = draw.normal(5).requires_grad_(), draw.normal(5).requires_grad_()
    in_q, in_p = gradients(gaussian_kl.kl_mc(log_q, log_p)[0], log_q, log_p)
    assert_close(in_q, torch.full((5,), 0.2, dtype=torch.float64))
    assert_close(in_p, torch.full((5,), -0.2, dtype=torch.float64))
    in_q, in_p = gradients(gaussian_kl.kl_mc(log_q, log_p, kind="k3")[0], log_q, log_p)
    assert_close(in_p, ((log_p - log_q).detach().exp() - 1) / 5)
    assert_close(in_q, -in_p)


# ---------------------------------------------------------------------------------------------------------------
# kl.5 moment_match


@pytest.mark.question("kl.5")
def test_moment_match_of_two_components():
    """Weights 1/4 and 3/4, means 0 and 4, variances 1 and 2: mean 3, variance 4.75."""
    log_weights = numbers(0.0, math.log(3))
    mean, var = gaussian_kl.moment_match(log_weights, numbers(0.0, 4.0)[:, None], numbers(1.0, 2.0)[:, None])
    assert_close((mean, var), (numbers(3.0), numbers(4.75)))


@pytest.mark.question("kl.5")
def test_moment_match_of_one_component():
    """One component is matched exactly, whatever its log-weight."""
    mu, var = numbers(1.0, -2.0), numbers(4.0, 0.5)
    assert_close(gaussian_kl.moment_match(numbers(-1.7), mu[None], var[None]), (mu, var))


@pytest.mark.question("kl.5")
@given(seed=seeds, constant=st.sampled_from((-2.0, 1.0, 30.0)))
@some
def test_moment_match_ignores_a_constant_in_the_log_weights(seed, constant):
    draw = Draw(seed)
    log_weights, mu, var = draw.normal(3), draw.normal(3, 5), draw.positive(3, 5)
    mean, variance = gaussian_kl.moment_match(log_weights, mu, var)
    assert_close(gaussian_kl.moment_match(log_weights + constant, mu, var), (mean, variance))
    assert not torch.allclose(mean, mu.mean(0))


@pytest.mark.question("kl.5")
@given(seed=seeds)
@some
def test_moment_match_follows_units(seed):
    """A mixture scaled by -3 and moved by 7: the mean follows, the variance is 9 times larger."""
    draw = Draw(seed)
    log_weights, mu, var = draw.normal(3), draw.normal(3, 5), draw.positive(3, 5)
    mean, variance = gaussian_kl.moment_match(log_weights, mu, var)
    assert_close(gaussian_kl.moment_match(log_weights, 7 - 3 * mu, 9 * var), (7 - 3 * mean, 9 * variance))


@pytest.mark.question("kl.5")
@given(seed=seeds)
@some
def test_moment_match_has_the_moments_of_the_mixture(seed):
    """Mean and mean square, integrated on a grid."""
    draw = Draw(seed)
    log_weights, mu, var = draw.normal(3), draw.normal(3, 1), draw.positive(3, 1)

    def density(x):
        log_components = normal_log_density(x[:, None], mu, var.log())
        return torch.exp(torch.logsumexp(torch.log_softmax(log_weights, 0) + log_components, 1))

    mean, variance = gaussian_kl.moment_match(log_weights, mu, var)
    assert_close(mean[0], integrate(lambda x: density(x) * x[:, 0]))
    assert_close((variance + mean**2)[0], integrate(lambda x: density(x) * x[:, 0] ** 2))


@pytest.mark.question("kl.5")
@given(seed=seeds)
@some
def test_moment_match_passes_gradients_to_all_arguments(seed):
    """The slopes of mean and variance that can be told from the handout's worked number."""
    log_weights = numbers(0.0, math.log(3)).requires_grad_()
    mu, var = numbers(0.0, 4.0)[:, None].requires_grad_(), numbers(1.0, 2.0)[:, None].requires_grad_()
    mean, variance = gaussian_kl.moment_match(log_weights + Draw(seed).normal(), mu, var)
    assert_close(gradients(mean, log_weights)[0], numbers(-0.75, 0.75))
    mean, variance = gaussian_kl.moment_match(log_weights, mu, var)
    in_mu, in_var = gradients(variance, mu, var)
    assert_close(in_mu[:, 0], numbers(-1.5, 1.5))
    assert_close(in_var[:, 0], numbers(0.25, 0.75))


# ---------------------------------------------------------------------------------------------------------------
# kl.6 reverse_kl_fit


def standardised(samples, dim):
    """Noise, [samples, dim], whose columns differ and have mean 0 and mean square 1."""
    columns = [torch.linspace(-1, 1, samples, dtype=torch.float64) ** power for power in range(1, 2 * dim, 2)]
    noise = torch.stack([column.roll(shift) for shift, column in enumerate(columns)], dim=1)
    return noise / noise.square().mean(0).sqrt()


def two_modes(dim=1):
    """Log-weights, means and log-variances of two components, 9 apart in every dimension."""
    mu = numbers(-4.0, 5.0)[:, None].expand(2, dim)
    return numbers(0.0, 0.4), mu, numbers(-0.3, 0.2)[:, None].expand(2, dim)


@pytest.mark.question("kl.6")
def test_reverse_kl_fit_takes_one_step():
    """The handout's worked number: from 0 half of the way to 2, with a loss of 2 at the start."""
    target = numbers(0.0), numbers(2.0)[:, None], numbers(0.0)[:, None]
    eps = numbers(-1.0, 1.0)[:, None]
    m, v, trace = gaussian_kl.reverse_kl_fit(*target, numbers(0.0), numbers(0.0), steps=1, lr=0.5, eps=eps)
    assert_close((m, v, trace), (numbers(1.0), numbers(0.0), numbers(2.0)))


@pytest.mark.question("kl.6")
def test_reverse_kl_fit_to_one_gaussian():
    """With one component the loss is kl_diag's, and each step goes down its slope, in every dimension."""
    draw = Draw(3)
    mu, logvar, init_mu, init_logvar = draw.normal(2), draw.normal(2), draw.normal(2), draw.normal(2)
    m, v = init_mu.clone(), init_logvar.clone()
    losses = []
    for _ in range(4):
        m.requires_grad_()
        v.requires_grad_()
        loss = gaussian_kl.kl_diag(m, v, mu, logvar)
        losses.append(loss.detach())
        in_m, in_v = gradients(loss, m, v)
        m, v = (m - 0.1 * in_m).detach(), (v - 0.1 * in_v).detach()
    target = numbers(1.3), mu[None], logvar[None]
    fit = gaussian_kl.reverse_kl_fit(*target, init_mu, init_logvar, steps=4, lr=0.1, eps=standardised(7, 2))
    assert_close(fit, (m, v, torch.stack(losses)), 1e-8)


@pytest.mark.question("kl.6")
@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("mode", [0, 1])
def test_reverse_kl_fit_settles_on_the_mode_it_starts_near(mode, dim):
    """Two far modes: the fit is one of the two components, and its loss is what the other one's weight costs."""
    logits, mu, logvar = two_modes(dim)
    m, v, trace = gaussian_kl.reverse_kl_fit(
        logits, mu, logvar, mu[mode] + 1, logvar[mode] + 0.5, steps=100, lr=0.3, eps=standardised(9, dim)
    )
    assert_close((m, v), (mu[mode], logvar[mode]), 1e-3)
    assert_close(trace[-1], -torch.log_softmax(logits, 0)[mode], 1e-3)
    assert (trace.diff() < 1e-9).all()


@pytest.mark.question("kl.6")
def test_reverse_kl_fit_leaves_what_it_is_given():
    target, eps = two_modes(), standardised(9, 1)
    start = numbers(0.5), numbers(0.1)
    m, v, trace = gaussian_kl.reverse_kl_fit(*target, *start, steps=3, lr=0.1, eps=eps)
    assert_close(start, (numbers(0.5), numbers(0.1)))
    assert m.shape == v.shape == (1,)
    assert trace.shape == (3,)
    assert not any(result.requires_grad for result in (m, v, trace))


@pytest.mark.question("kl.6")
def test_reverse_kl_fit_from_far_away():
    """At a distance of 80 the mixture's density is 0 in every dtype, and its logarithm is -3200."""
    target = numbers(0.0, 0.0), numbers(0.0, 0.0)[:, None], numbers(0.0, 0.0)[:, None]
    m, v, trace = gaussian_kl.reverse_kl_fit(
        *target, numbers(80.0), numbers(0.0), steps=1, lr=0.1, eps=standardised(9, 1)
    )
    assert_close((m, v, trace), (numbers(72.0), numbers(0.0), numbers(3200.0)))
