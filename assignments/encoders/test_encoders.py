"""Public tests of the assignment encoders: worked numbers, closed forms and laws.

`pytest test_encoders.py -k reparameterize` runs the tests of one function. The graded checks are others, and more.
"""

import math

import encoders
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

some = settings(max_examples=20, deadline=None)
few = settings(max_examples=5, deadline=None)
seeds = st.integers(0, 2**32 - 1)
LOG_4 = math.log(4)


class Draw:
    """Random float64 tensors; one seed always gives the same ones."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(shape, dtype=torch.float64, generator=self.generator)

    def standardised(self, samples, *shape):
        """Noise with mean 0 and mean square 1 over the samples."""
        noise = self.normal(samples, *shape)
        noise = noise - noise.mean(0)
        return noise / noise.square().mean(0).sqrt()


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


# ---------------------------------------------------------------------------------------------------------------
# enc.1 reparameterize


@pytest.mark.question("enc.1")
def test_reparameterize_moves_and_stretches_the_noise():
    """Half a standard deviation of 2 below a mean of 1 is 0."""
    z = encoders.reparameterize(numbers(1.0), numbers(LOG_4), eps=numbers(-0.5)[None])
    assert_close(z, numbers(0.0)[None])


@pytest.mark.question("enc.1")
@some
@given(seed=seeds)
def test_reparameterize_has_the_slopes_of_the_chain_rule(seed):
    """dz/dmu is 1, and dz/dlogvar half of what z is away from mu."""
    draw = Draw(seed)
    mu, logvar, eps = draw.normal(3, 5).requires_grad_(), draw.normal(3, 5).requires_grad_(), draw.normal(4, 3, 5)
    z = encoders.reparameterize(mu, logvar, eps=eps, n_samples=4)
    weights = draw.normal(4, 3, 5)
    in_mu, in_logvar = torch.autograd.grad(z, (mu, logvar), weights)
    assert_close(in_mu, weights.sum(0))
    assert_close(in_logvar, (0.5 * weights * (z - mu)).sum(0).detach())


@pytest.mark.question("enc.1")
def test_reparameterize_gives_every_entry_noise_of_its_own():
    """No two numbers of 4 samples, 3 examples and 2 latents are made of the same noise."""
    mu, logvar = Draw(0).normal(3, 2), Draw(1).normal(3, 2)
    z = encoders.reparameterize(mu, logvar, n_samples=4, generator=seeded(2))
    assert z.shape == (4, 3, 2)
    noise = ((z - mu) / torch.exp(logvar / 2)).flatten()
    apart = (noise[:, None] - noise).abs() + torch.eye(24, dtype=torch.float64)
    assert apart.min() > 1e-6


@pytest.mark.question("enc.1")
def test_reparameterize_draws_from_the_right_gaussian():
    """Mean, spread and tails of 4000 samples."""
    mu, logvar = numbers(0.7, -1.2), numbers(LOG_4, -1.0)
    z = encoders.reparameterize(mu, logvar, n_samples=4000, generator=seeded(3))
    noise = (z - mu) / torch.exp(logvar / 2)
    assert (noise.mean(0).abs() < 0.1).all()
    assert ((noise.square().mean(0) - 1).abs() < 0.15).all()
    assert ((noise.abs() > 2).double().mean(0) - 0.0455).abs().max() < 0.03
    assert noise.prod(-1).mean().abs() < 0.1


@pytest.mark.question("enc.1")
def test_reparameterize_draws_from_the_generator_alone():
    """The same state gives the same samples, another one others; torch's global state stays."""
    mu, logvar = Draw(0).normal(3, 2), Draw(1).normal(3, 2)
    before = torch.get_rng_state()
    one, again, other = (encoders.reparameterize(mu, logvar, generator=seeded(seed)) for seed in (5, 5, 6))
    assert_close(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())
    with torch.no_grad():
        assert_close(encoders.reparameterize(mu, logvar, generator=seeded(5)), one)


@pytest.mark.question("enc.1")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reparameterize_of_a_vanishing_variance(dtype):
    """At logvar = -200 the sample is the mean, and the gradients are finite."""
    mu, logvar = numbers(0.3, -0.7, dtype=dtype).requires_grad_(), numbers(-200.0, -200.0, dtype=dtype).requires_grad_()
    z = encoders.reparameterize(mu, logvar, eps=numbers(1.0, -2.0, dtype=dtype)[None])
    assert_close(z[0].detach(), mu.detach())
    assert all(torch.isfinite(gradient).all() for gradient in torch.autograd.grad(z.sum(), (mu, logvar)))


@pytest.mark.question("enc.1")
@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 3, 5), (0, 5)])
def test_reparameterize_of_any_batch(shape):
    """Samples come first; noise says how many there are."""
    mu, eps = Draw(7).normal(*shape), Draw(8).normal(3, *shape)
    assert_close(encoders.reparameterize(mu, torch.zeros_like(mu), eps=eps), mu + eps)
    drawn = encoders.reparameterize(mu.half(), mu.half(), generator=seeded(1))
    assert (drawn.shape, drawn.dtype) == ((1, *shape), torch.float16)


# ---------------------------------------------------------------------------------------------------------------
# enc.2 GaussianEncoder


@pytest.fixture
def encoder():
    """5 numbers in, 2 latents, 7 hidden units, in float64, with random weights."""
    module, draw = encoders.GaussianEncoder(5, 2, 7).double(), Draw(4)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.6 * draw.normal(*parameter.shape))
    return module


@pytest.mark.question("enc.2")
def test_encoder_without_weights_returns_its_biases(encoder):
    """Means of -1 and log-variances of -2, whatever x is."""
    state = {name: torch.zeros_like(tensor) for name, tensor in encoder.state_dict().items()}
    state["mu_head.bias"], state["logvar_head.bias"] = numbers(-1.0, -1.0), numbers(-2.0, -2.0)
    encoder.load_state_dict(state)
    mu, logvar = encoder(Draw(1).normal(3, 5))
    assert_close(mu, torch.full((3, 2), -1.0, dtype=torch.float64))
    assert_close(logvar, torch.full((3, 2), -2.0, dtype=torch.float64))


@pytest.mark.question("enc.2")
def test_encoder_holds_three_layers(encoder):
    """Under the names that the question gives, and nothing else; all of it can be trained."""
    layers = {"trunk": ((7, 5), (7,)), "mu_head": ((2, 7), (2,)), "logvar_head": ((2, 7), (2,))}
    wanted = {
        f"{name}.{part}": s for name, both in layers.items() for part, s in zip(("weight", "bias"), both, strict=True)
    }
    assert {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()} == wanted
    assert {name for name, _ in encoder.named_parameters()} == wanted.keys()


@pytest.mark.question("enc.2")
def test_encoder_heads_are_odd_and_separate(encoder):
    """Turning the sign of one head turns the sign of its result, and leaves the other one alone."""
    x = Draw(2).normal(3, 5)
    mu, logvar = encoder(x)
    with torch.no_grad():
        encoder.logvar_head.weight.neg_()
        encoder.logvar_head.bias.neg_()
    turned_mu, turned_logvar = encoder(x)
    assert_close(turned_mu, mu)
    assert_close(turned_logvar, -logvar)
    assert (logvar.abs() > 1e-6).all()


@pytest.mark.question("enc.2")
def test_encoder_bounds_nothing(encoder):
    """With large biases, means and log-variances of any size come out."""
    with torch.no_grad():
        encoder.mu_head.bias.fill_(30.0)
        encoder.logvar_head.bias.fill_(-30.0)
    mu, logvar = encoder(Draw(2).normal(3, 5))
    assert (mu > 15).all()
    assert (logvar < -15).all()


@pytest.mark.question("enc.2")
def test_encoder_hidden_layer_saturates(encoder):
    """tanh of a large number is 1, so doubling a large x changes little."""
    x = 1e4 * Draw(2).normal(3, 5)
    for one, two in zip(encoder(x), encoder(2 * x), strict=True):
        assert_close(two, one, tolerance=1e-6)


@pytest.mark.question("enc.2")
def test_encoder_treats_examples_independently(encoder):
    """Alone, in a batch, in a batch of batches, training or not: the answer for an x is the same."""
    x = Draw(3).normal(2, 3, 5)
    together = encoder(x)
    for training in (True, False):
        alone = encoder.train(training)(x[1, 2])
        for one, many in zip(alone, together, strict=True):
            assert many.shape == (2, 3, 2)
            assert_close(one, many[1, 2])
    assert encoder(x[:, :0])[0].shape == (2, 0, 2)


# ---------------------------------------------------------------------------------------------------------------
# enc.3 reparam_grad, score_function_grad


def square(z):
    return z.square().sum(-1)


@pytest.mark.question("enc.3")
def test_reparam_grad_of_a_square():
    """With z = 2 and z = 0."""
    found = encoders.reparam_grad(square, numbers(1.0), numbers(LOG_4), numbers(0.5, -0.5)[:, None])
    assert_close(found[0], numbers(2.0))
    assert_close(found[1], numbers(1.0))


@pytest.mark.question("enc.3")
@pytest.mark.parametrize(("baseline", "in_logvar"), [(None, -0.75), (1.0, -0.375), (numbers(1.0)[0], -0.375)])
def test_score_function_grad_of_a_square(baseline, in_logvar):
    """With z = 2 and z = 0, with and without a baseline."""
    eps = numbers(0.5, -0.5)[:, None]
    found = encoders.score_function_grad(square, numbers(1.0), numbers(LOG_4), eps, baseline)
    assert_close(found[0], numbers(0.5))
    assert_close(found[1], numbers(in_logvar))


@pytest.mark.question("enc.3")
@some
@given(seed=seeds)
def test_reparam_grad_is_exact_for_quadratics(seed):
    """With noise of mean 0 and mean square 1: E[(z - a)^2] = (mu - a)^2 + sigma^2."""
    draw = Draw(seed)
    a, mu, logvar, eps = draw.normal(5), draw.normal(3, 5), draw.normal(3, 5), draw.standardised(4, 3, 5)
    in_mu, in_logvar = encoders.reparam_grad(lambda z: square(z - a), mu, logvar, eps)
    assert_close(in_mu, 2 * (mu - a))
    assert_close(in_logvar, torch.exp(logvar))


@pytest.mark.question("enc.3")
def test_both_estimators_have_the_same_mean():
    """Over all noise, both give the derivative of E[sin z] = exp(-sigma^2 / 2) sin(mu)."""
    mu, logvar = numbers(0.8), numbers(-0.3)
    quantiles = torch.special.ndtri((torch.arange(4001, dtype=torch.float64) + 0.5) / 4001)[:, None]
    var = torch.exp(logvar)
    exact = (torch.exp(-var / 2) * torch.cos(mu), -var / 2 * torch.exp(-var / 2) * torch.sin(mu))
    for estimator in (encoders.reparam_grad, encoders.score_function_grad):
        for found, right in zip(estimator(lambda z: torch.sin(z).sum(-1), mu, logvar, quantiles), exact, strict=True):
            assert_close(found.detach(), right, tolerance=5e-3)


@pytest.mark.question("enc.3")
def test_a_step_has_a_score_function_gradient_and_no_path():
    """P(z > 0) grows with mu by the density at 0; where it is defined, the slope of a step is 0."""
    mu, logvar = numbers(0.4), numbers(0.0)
    quantiles = torch.special.ndtri((torch.arange(4001, dtype=torch.float64) + 0.5) / 4001)[:, None]

    def step(z):
        return (z > 0).to(z.dtype).sum(-1)

    in_mu, _ = encoders.score_function_grad(step, mu, logvar, quantiles)
    assert_close(in_mu, torch.exp(-mu.square() / 2) / math.sqrt(2 * math.pi), tolerance=5e-3)
    for zero in encoders.reparam_grad(step, mu, logvar, quantiles):
        assert_close(zero, numbers(0.0))


@pytest.mark.question("enc.3")
@some
@given(seed=seeds, baseline=st.floats(-5, 5))
def test_a_baseline_moves_no_mean(seed, baseline):
    """With noise of mean 0 and mean square 1 the mean score is 0, and a baseline changes nothing."""
    draw = Draw(seed)
    mu, logvar, eps = draw.normal(3, 5), draw.normal(3, 5), draw.standardised(4, 3, 5)
    without = encoders.score_function_grad(square, mu, logvar, eps)
    for one, other in zip(encoders.score_function_grad(square, mu, logvar, eps, baseline), without, strict=True):
        assert_close(one, other, tolerance=1e-8)
    assert without[0].abs().max() > 1e-3


@pytest.mark.question("enc.3")
@pytest.mark.parametrize("name", ["reparam_grad", "score_function_grad"])
def test_estimators_treat_examples_and_entries_alone(name):
    """One example alone has the gradient that it has in a batch; so has one entry, where f acts on entries."""
    estimator, draw = getattr(encoders, name), Draw(9)
    mu, logvar, eps = draw.normal(3, 5), draw.normal(3, 5), draw.normal(4, 3, 5)
    together = estimator(square, mu, logvar, eps)
    for many, one in zip(together, estimator(square, mu[1], logvar[1], eps[:, 1]), strict=True):
        assert many.shape == (3, 5)
        assert_close(one, many[1])
    entries = estimator(torch.sin, mu, logvar, eps)
    alone = estimator(torch.sin, mu[..., 2:3], logvar[..., 2:3], eps[..., 2:3])
    for many, one in zip(entries, alone, strict=True):
        assert_close(one, many[..., 2:3])


# ---------------------------------------------------------------------------------------------------------------
# enc.4 fit_local_posterior, amortization_gap


def parabola(z):
    """log p(x, z) of one latent whose posterior is N(1, 1/4)."""
    return -2 * (z - 1).square().sum(-1)


SIGNS = numbers(-1.0, 1.0)[:, None]


@pytest.mark.question("enc.4")
def test_fit_local_posterior_takes_one_step():
    mu, logvar = encoders.fit_local_posterior(parabola, numbers(0.0), numbers(0.0), SIGNS, 1, 0.1)
    assert_close(mu, numbers(0.4))
    assert_close(logvar, numbers(-0.15))


@pytest.mark.question("enc.4")
def test_fit_local_posterior_ends_at_the_posterior():
    mu, logvar = encoders.fit_local_posterior(parabola, numbers(-0.5), numbers(0.5), SIGNS, 300, 0.1)
    assert_close(mu, numbers(1.0), tolerance=1e-4)
    assert_close(logvar, numbers(-LOG_4), tolerance=1e-4)


@pytest.mark.question("enc.4")
def test_fit_local_posterior_of_correlated_latents():
    """The best variances are 1 over the diagonal of the precision matrix."""
    precision = torch.tensor([[4.0, 2.0], [2.0, 3.0]], dtype=torch.float64)
    mean = numbers(0.5, -1.0)

    def log_joint(z):
        return -0.5 * (((z - mean) @ precision) * (z - mean)).sum(-1)

    eps = torch.cartesian_prod(SIGNS[:, 0], SIGNS[:, 0])
    start = torch.zeros(2, dtype=torch.float64)
    mu, logvar = encoders.fit_local_posterior(log_joint, start, start, eps, 400, 0.1)
    assert_close(mu, mean, tolerance=1e-4)
    assert_close(torch.exp(-logvar), precision.diagonal(), tolerance=1e-3)


@pytest.mark.question("enc.4")
@few
@given(seed=seeds)
def test_fit_local_posterior_treats_examples_independently(seed):
    """An example ends where it ends alone, with noise of its own or shared."""
    draw = Draw(seed)
    target, mu, logvar = draw.normal(3, 2), draw.normal(3, 2), draw.normal(3, 2)
    for eps in (draw.standardised(4, 3, 2), draw.standardised(4, 2)):
        together = encoders.fit_local_posterior(lambda z: -square(z - target), mu, logvar, eps, 3, 0.1)
        mine = eps[:, 1] if eps.dim() == 3 else eps
        alone = encoders.fit_local_posterior(lambda z: -square(z - target[1]), mu[1], logvar[1], mine, 3, 0.1)
        for many, one in zip(together, alone, strict=True):
            assert many.shape == (3, 2)
            assert not many.requires_grad
            assert_close(one, many[1])


@pytest.mark.question("enc.4")
def test_fit_local_posterior_leaves_its_start_alone():
    start = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    mu, _ = encoders.fit_local_posterior(lambda z: -square(z - 1), start, start, Draw(1).standardised(4, 3, 2), 2, 0.1)
    assert start.abs().max() == 0
    assert mu.abs().min() > 0.1


@pytest.mark.question("enc.4")
def test_amortization_gap_is_a_difference():
    """Also where the local fit is the worse one."""
    gap = encoders.amortization_gap(numbers(-8.5, -9.0), numbers(-9.0, -8.75))
    assert_close(gap, numbers(0.5, -0.25))


# ---------------------------------------------------------------------------------------------------------------
# enc.5 train_vae


class World:
    """x = W z + b + 0.5 noise, in float64, and what can be known of it."""

    def __init__(self, seed):
        draw = Draw(seed)
        self.weight = torch.linalg.qr(draw.normal(8, 2)).Q * numbers(2.0, 1.5)
        self.bias, self.draw = 0.5 * draw.normal(8), draw

    def data(self, count):
        return self.draw.normal(count, 2) @ self.weight.T + self.bias + 0.5 * self.draw.normal(count, 8)

    def log_evidence(self, x):
        covariance = self.weight @ self.weight.T + 0.25 * torch.eye(8, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(self.bias, covariance).log_prob(x)


def elbo(encoder, decoder, x):
    """Of 20 samples for each x."""
    q_mean, q_logvar = encoder(x)
    eps = torch.randn((20, *q_mean.shape), generator=seeded(11))
    x_mean, x_logvar = decoder(q_mean + torch.exp(q_logvar / 2) * eps)
    likelihood = torch.distributions.Normal(x_mean, torch.exp(x_logvar / 2)).log_prob(x).sum(-1).mean(0)
    q = torch.distributions.Normal(q_mean, torch.exp(q_logvar / 2))
    prior = torch.distributions.Normal(torch.zeros_like(q_mean), torch.ones_like(q_mean))
    return likelihood - torch.distributions.kl_divergence(q, prior).sum(-1)


@pytest.fixture(scope="module")
def trained():
    """Trained once for all tests: the world, both modules, and torch's random state before and after."""
    world = World(5)
    x, before = world.data(4000).float(), torch.get_rng_state()
    copy = x.clone()
    modules = encoders.train_vae(x, d_latent=2, generator=seeded(6), budget_s=60)
    assert torch.equal(x, copy)
    return world, modules, before, torch.get_rng_state()


@pytest.mark.question("enc.5")
def test_train_vae_comes_near_the_evidence(trained):
    """On points that it has not seen: full points within 0.15 nats, half of them within 0.25."""
    world, (encoder, decoder), *_ = trained
    x = world.data(4000)
    with torch.no_grad():
        differences = elbo(encoder.eval(), decoder.eval(), x.float()).double() - world.log_evidence(x)
    assert differences.mean() > -0.15
    assert differences.mean() < 6 * differences.std() / math.sqrt(4000)


@pytest.mark.question("enc.5")
def test_train_vae_returns_two_modules_of_two_results(trained):
    _, (encoder, decoder), *_ = trained
    for module, size, out in ((encoder, 8, 2), (decoder, 2, 8)):
        for shape in ((), (3,), (4, 3)):
            results = module.eval()(torch.zeros(*shape, size))
            assert [(tuple(one.shape), one.dtype) for one in results] == [((*shape, out), torch.float32)] * 2


@pytest.mark.question("enc.5")
def test_train_vae_leaves_the_global_state_alone(trained):
    *_, before, after = trained
    assert torch.equal(before, after)
