"""Public tests of the assignment elbo: worked numbers, closed forms and laws.

`pytest test_elbo.py -k iwae` runs the tests of one question. The graded checks are others, and more.
"""

import itertools
import math

import elbo
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

    def binary(self, *shape):
        return (torch.rand(shape, dtype=torch.float64, generator=self.generator) > 0.6).double()

    def log_probabilities(self, *shape):
        """Logarithms of rows that sum to one."""
        return torch.log_softmax(self.normal(*shape), dim=-1)

    def covariances(self, *shape):
        """Symmetric positive definite matrices, shape [*shape, last, last]."""
        factor = 0.4 * torch.tril(self.normal(*shape, shape[-1]), -1) + torch.diag_embed(self.positive(*shape))
        return factor @ factor.mT


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
# elbo.1 discrete_elbo


@pytest.mark.question("elbo.1")
def test_discrete_elbo_of_two_states():
    """The handout's worked numbers, with a uniform q."""
    values = elbo.discrete_elbo(numbers(0.3, 0.1).log(), numbers(0.5, 0.5).log())
    assert_close(torch.stack(list(values)), numbers(-1.0601317681, -0.9162907319, 0.1438410362), 1e-8)


@pytest.mark.question("elbo.1")
@given(seed=seeds)
@some
def test_discrete_elbo_is_below_the_evidence_by_the_gap(seed):
    draw = Draw(seed)
    bound, log_px, gap = elbo.discrete_elbo(draw.normal(2, 3, 5), draw.log_probabilities(2, 3, 5))
    assert (gap > 0).all()
    assert_close(log_px - bound, gap)


@pytest.mark.question("elbo.1")
@given(seed=seeds)
@some
def test_discrete_elbo_touches_at_the_posterior(seed):
    log_joint = Draw(seed).normal(3, 5)
    bound, log_px, gap = elbo.discrete_elbo(log_joint, torch.log_softmax(log_joint, dim=-1))
    assert_close(bound, log_px)
    assert_close(gap, torch.zeros_like(gap))
    assert_close(log_px.exp(), log_joint.exp().sum(-1))


@pytest.mark.question("elbo.1")
def test_discrete_elbo_rewards_a_q_that_spreads():
    """Four equally likely states: knowing one of them costs the bound log 4."""
    log_joint = torch.full((4,), -1.5, dtype=torch.float64)
    spread = elbo.discrete_elbo(log_joint, torch.full((4,), -math.log(4), dtype=torch.float64))
    certain = elbo.discrete_elbo(log_joint, numbers(0.0, -math.inf, -math.inf, -math.inf))
    assert_close(spread[0] - certain[0], number(math.log(4)))


@pytest.mark.question("elbo.1")
def test_discrete_elbo_of_states_that_cannot_be():
    """A state with q = 0 adds nothing, even if its joint is 0; a state with q > 0 and a joint of 0 costs everything."""
    log_joint = numbers(0.2, 0.0, 0.1).log()
    bound, log_px, gap = elbo.discrete_elbo(log_joint, numbers(0.5, 0.0, 0.5).log())
    assert_close(bound, 0.5 * numbers(0.2, 0.1).log().sum() + math.log(2))
    assert_close(log_px - bound, gap)
    bound, log_px, gap = elbo.discrete_elbo(log_joint, numbers(0.5, 0.5, 0.0).log())
    assert (bound.item(), gap.item()) == (-math.inf, math.inf)
    assert_close(log_px, number(math.log(0.3)))


@pytest.mark.question("elbo.1")
@given(seed=seeds)
@some
def test_discrete_elbo_has_the_gradient_q_in_the_log_joint(seed):
    draw = Draw(seed)
    log_joint, log_q = draw.normal(3, 5).requires_grad_(), draw.log_probabilities(3, 5)
    bound, log_px, _ = elbo.discrete_elbo(log_joint, log_q)
    assert_close(gradients(bound.sum(), log_joint)[0], log_q.exp())
    assert_close(gradients(log_px.sum(), log_joint)[0], torch.softmax(log_joint, -1).detach())


@pytest.mark.question("elbo.1")
@given(seed=seeds)
@some
def test_discrete_elbo_is_flat_at_the_posterior(seed):
    """Moving q away from the posterior, by any change of its logits, changes nothing to first order."""
    log_joint = Draw(seed).normal(5)
    logits = log_joint.clone().requires_grad_()
    bound, _, gap = elbo.discrete_elbo(log_joint, torch.log_softmax(logits, -1))
    assert_close(gradients(bound + gap - gap, logits)[0], torch.zeros(5, dtype=torch.float64))
    other = Draw(seed).positive(5).requires_grad_()
    bound, _, _ = elbo.discrete_elbo(log_joint, torch.log_softmax(other, -1))
    assert gradients(bound, other)[0].abs().max() > 1e-6


# ---------------------------------------------------------------------------------------------------------------
# elbo.2 vae_elbo


def autoencoder(draw, *batch, pixels=5, latent=2):
    """x, logits, mu, logvar."""
    mu, logvar = draw.normal(*batch, latent), draw.normal(*batch, latent)
    return draw.binary(*batch, pixels), draw.normal(*batch, pixels), mu, logvar


@pytest.mark.question("elbo.2")
def test_vae_elbo_of_two_pixels():
    """The handout's worked numbers."""
    logits = numbers(3.0, 3.0).log()
    values = elbo.vae_elbo(numbers(1.0, 0.0), logits, numbers(1.0), numbers(0.0))
    recon = math.log(0.75) + math.log(0.25)
    assert_close(torch.stack(list(values)), numbers(recon - 0.5, recon, 0.5))


@pytest.mark.question("elbo.2")
def test_vae_elbo_pays_for_a_wide_q():
    """A variance of 4 costs 0.807 nats for each latent."""
    q = torch.zeros(3, dtype=torch.float64), torch.full((3,), math.log(4), dtype=torch.float64)
    _, _, kl = elbo.vae_elbo(numbers(1.0), numbers(0.2), *q)
    assert_close(kl, number(3 * 0.8068528194400547))


@pytest.mark.question("elbo.2")
@given(seed=seeds)
@some
def test_vae_elbo_is_a_probability_of_images(seed):
    """exp(recon), summed over all images of three pixels, is one."""
    images = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    draw = Draw(seed)
    logits, q = draw.normal(3).expand(8, 3), draw.normal(2, 8, 1)
    bound, recon, kl = elbo.vae_elbo(images, logits, *q)
    assert_close(recon.exp().sum(), number(1.0))
    assert (kl > 0).all()
    assert_close(bound, recon - kl)


@pytest.mark.question("elbo.2")
@given(seed=seeds)
@some
def test_vae_elbo_adds_up_over_pixels_and_latents(seed):
    """Halves of an image and of a latent vector add up; latents at the prior are free."""
    x, logits, mu, logvar = autoencoder(Draw(seed), 2, 3, pixels=5, latent=4)
    bound, recon, kl = elbo.vae_elbo(x, logits, mu, logvar)
    first = elbo.vae_elbo(x[..., :2], logits[..., :2], mu[..., :1], logvar[..., :1])
    rest = elbo.vae_elbo(x[..., 2:], logits[..., 2:], mu[..., 1:], logvar[..., 1:])
    for whole, one, other in zip((bound, recon, kl), first, rest, strict=True):
        assert_close(one + other, whole)
    prior = torch.zeros(2, 3, 3, dtype=torch.float64)
    padded = elbo.vae_elbo(x, logits, torch.cat((mu, prior), -1), torch.cat((logvar, prior), -1))
    assert_close(padded[0], bound)
    assert (recon < 0).all()
    assert (kl > 0).all()


@pytest.mark.question("elbo.2")
def test_vae_elbo_of_certain_decoders():
    """A logit of 200 costs nothing if it is right and 200 nats if it is wrong, in float32 too."""
    x, logits = torch.tensor([[1.0], [0.0], [1.0], [0.0]]), torch.tensor([[200.0], [200.0], [-200.0], [-200.0]])
    logits.requires_grad_()
    _, recon, _ = elbo.vae_elbo(x, logits, torch.zeros(4, 1), torch.zeros(4, 1))
    assert_close(recon.detach(), torch.tensor([0.0, -200.0, -200.0, 0.0]), 1e-5)
    assert_close(gradients(recon.sum(), logits)[0], torch.tensor([[0.0], [-1.0], [1.0], [0.0]]), 1e-5)


@pytest.mark.question("elbo.2")
def test_vae_elbo_of_a_grey_pixel():
    """A pixel of 0.3 is 30 percent of a 1 and 70 percent of a 0."""
    outcomes = [elbo.vae_elbo(numbers(x), numbers(0.7), numbers(0.0), numbers(0.0))[1] for x in (0.0, 0.3, 1.0)]
    assert_close(outcomes[1], 0.7 * outcomes[0] + 0.3 * outcomes[2])
    assert outcomes[0] != outcomes[2]


@pytest.mark.question("elbo.2")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_vae_elbo_has_three_values_per_example(batch):
    values = elbo.vae_elbo(torch.ones(*batch, 4), torch.zeros(*batch, 4), torch.ones(*batch, 2), torch.zeros(*batch, 2))
    for value, expected in zip(values, (-4 * math.log(2) - 1, -4 * math.log(2), 1.0), strict=True):
        assert_close(value, torch.full(batch, expected), 1e-6)


@pytest.mark.question("elbo.2")
@given(seed=seeds)
@some
def test_vae_elbo_teaches_decoder_and_encoder(seed):
    """The slope in a logit is x - p; the slopes in mu and logvar are those of -kl."""
    x, *rest = autoencoder(Draw(seed), 3)
    logits, mu, logvar = (part.requires_grad_() for part in rest)
    in_logits, in_mu, in_logvar = gradients(elbo.vae_elbo(x, logits, mu, logvar)[0].sum(), logits, mu, logvar)
    assert_close(in_logits, (x - torch.sigmoid(logits)).detach())
    assert_close(in_mu, -mu.detach())
    assert_close(in_logvar, (1 - logvar.exp()).detach() / 2)


# ---------------------------------------------------------------------------------------------------------------
# elbo.3 iwae_bound and vae_iwae


@pytest.mark.question("elbo.3")
def test_iwae_bound_of_two_weights():
    """Weights 1 and 3 have the mean 2."""
    assert_close(elbo.iwae_bound(numbers(0.0, math.log(3))), number(math.log(2)))


@pytest.mark.question("elbo.3")
@pytest.mark.parametrize("count", [1, 2, 100])
def test_iwae_bound_of_identical_samples(count):
    """They say no more than one of them does."""
    assert_close(elbo.iwae_bound(torch.full((count, 3), -7.3, dtype=torch.float64)), numbers(-7.3, -7.3, -7.3))


@pytest.mark.question("elbo.3")
def test_iwae_bound_rises_with_the_number_of_samples():
    """The handout's table: the mean over all tuples of draws from q is the ELBO at first, and rises to log p(x)."""
    joint, q = numbers(0.05, 0.10, 0.25), numbers(0.5, 0.3, 0.2)
    bounds = []
    for count in (1, 2, 4):
        draws = torch.cartesian_prod(*[torch.arange(3)] * count).reshape(-1, count).T.contiguous()
        bounds.append((q[draws].prod(0) * elbo.iwae_bound((joint / q).log()[draws])).sum())
    assert_close(bounds[0], (q * (joint / q).log()).sum())
    assert bounds[0] < bounds[1] < bounds[2] < math.log(0.4)


@pytest.mark.question("elbo.3")
@pytest.mark.parametrize("dim", [1, -2])
@given(seed=seeds)
@some
def test_iwae_bound_averages_along_dim(dim, seed):
    log_w = Draw(seed).normal(2, 7, 3)
    bound = elbo.iwae_bound(log_w, dim=dim)
    assert bound.shape == (2, 3)
    assert_close(bound[1, 2].exp(), log_w[1, :, 2].exp().mean())


@pytest.mark.question("elbo.3")
def test_iwae_bound_of_weights_far_apart():
    """exp(-3000) is 0 and exp(3000) is inf in every dtype; the bound is an ordinary number."""
    log_w = torch.tensor([[-3000.0, 3000.0], [-3001.0, 2000.0], [-math.inf, -math.inf]])
    expected = torch.tensor([-3000 + math.log1p(math.exp(-1)), 3000.0]) - math.log(3)
    assert_close(elbo.iwae_bound(log_w), expected, 1e-6)


@pytest.mark.question("elbo.3")
@given(seed=seeds)
@some
def test_iwae_bound_has_the_normalised_weights_as_gradient(seed):
    log_w = Draw(seed).normal(7, 3).requires_grad_()
    assert_close(gradients(elbo.iwae_bound(log_w).sum(), log_w)[0], torch.softmax(log_w, 0).detach())


def samples(draw, *batch, count=4, pixels=5, latent=2):
    """x, logits, z, mu, logvar, with z drawn from q."""
    mu, logvar = 1 + draw.normal(*batch, latent), draw.normal(*batch, latent)
    z = mu + torch.exp(logvar / 2) * draw.normal(count, *batch, latent)
    return draw.binary(*batch, pixels), draw.normal(count, *batch, pixels), z, mu, logvar


def log_weights(x, logits, z, mu, logvar):
    """Density by density, with torch.distributions."""
    log_px_given_z = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(-1)
    log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    return log_px_given_z + log_prior - torch.distributions.Normal(mu, torch.exp(logvar / 2)).log_prob(z).sum(-1)


@pytest.mark.question("elbo.3")
def test_vae_iwae_of_two_samples():
    """The handout's worked number."""
    z, logits = numbers(0.0, 2.0)[:, None], numbers(3.0, 3.0).log()[:, None]
    value = elbo.vae_iwae(numbers(1.0), logits, z, numbers(1.0), numbers(0.0))
    assert_close(value, number(math.log(0.75 * (math.exp(0.5) + math.exp(-1.5)) / 2)))


@pytest.mark.question("elbo.3")
@given(seed=seeds)
@some
def test_vae_iwae_with_one_sample_is_its_log_weight(seed):
    inputs = samples(Draw(seed), 2, 3, count=1)
    assert_close(elbo.vae_iwae(*inputs), log_weights(*inputs)[0])


@pytest.mark.question("elbo.3")
@given(seed=seeds)
@some
def test_vae_iwae_averages_weights(seed):
    """Each example has its own samples and its own bound."""
    inputs = samples(Draw(seed), 3)
    bound = elbo.vae_iwae(*inputs)
    assert_close(bound.exp(), log_weights(*inputs).exp().mean(0))
    x, logits, z, mu, logvar = inputs
    assert_close(elbo.vae_iwae(x[1], logits[:, 1], z[:, 1], mu[1], logvar[1]), bound[1])


@pytest.mark.question("elbo.3")
@pytest.mark.parametrize("q", [(0.0, 0.0), (0.8, -0.7), (-1.1, 0.4)])
def test_vae_iwae_estimates_the_probability_of_x_without_bias(q):
    """For one sample, the mean of exp(bound) under any q is p(x); integrated over z on a grid."""
    mu, logvar = (number(value).expand(401, 1) for value in q)
    z = torch.linspace(-10, 10, 401, dtype=torch.float64).unsqueeze(-1)
    x, logits = torch.ones_like(z), 1.3 * z - 0.4
    bound = elbo.vae_iwae(x, logits[None], z[None], mu, logvar)
    log_q = torch.distributions.Normal(mu, torch.exp(logvar / 2)).log_prob(z).sum(-1)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).exp()
    assert_close((bound + log_q).exp().sum() * 0.05, (torch.sigmoid(logits) * prior).sum() * 0.05)


@pytest.mark.question("elbo.3")
@given(seed=seeds)
@some
def test_vae_iwae_passes_gradients_to_everything(seed):
    x, *rest = samples(Draw(seed), 3)
    inputs = [part.requires_grad_() for part in rest]
    actual = gradients(elbo.vae_iwae(x, *inputs).sum(), *inputs)
    expected = gradients(torch.logsumexp(log_weights(x, *inputs), 0).sum(), *inputs)
    assert_close(list(actual), list(expected))


# ---------------------------------------------------------------------------------------------------------------
# elbo.4 importance_weights


@pytest.mark.question("elbo.4")
def test_importance_weights_of_two_samples():
    """Weights 1/4 and 3/4 are worth 1.6 samples."""
    weights, size = elbo.importance_weights(numbers(0.0, math.log(3)))
    assert_close(weights, numbers(0.25, 0.75))
    assert_close(size, number(1.6))


@pytest.mark.question("elbo.4")
@pytest.mark.parametrize("count", [1, 2, 10])
def test_importance_weights_of_equal_samples(count):
    """K equal samples are worth K."""
    weights, size = elbo.importance_weights(torch.full((count, 3), -7.3, dtype=torch.float64))
    assert_close(weights, torch.full((count, 3), 1 / count, dtype=torch.float64))
    assert_close(size, torch.full((3,), count, dtype=torch.float64))


@pytest.mark.question("elbo.4")
@given(seed=seeds)
@some
def test_importance_weights_are_normalised_for_each_example(seed):
    log_w = Draw(seed).normal(2, 7, 3)
    weights, size = elbo.importance_weights(log_w, dim=1)
    assert_close(weights.sum(1), torch.ones(2, 3, dtype=torch.float64))
    assert_close(weights[1, 3, 2] / weights[1, 5, 2], torch.exp(log_w[1, 3, 2] - log_w[1, 5, 2]))
    assert ((size > 1) & (size < 7)).all()
    w = log_w[1, :, 2].exp()
    assert_close(size[1, 2], w.sum() ** 2 / (w**2).sum())


@pytest.mark.question("elbo.4")
@given(seed=seeds, shift=st.sampled_from((-5000.0, -1.0, 5000.0)))
@some
def test_importance_weights_ignore_a_common_factor(seed, shift):
    """However small or large it is."""
    log_w = Draw(seed).normal(7, 3)
    weights, size = elbo.importance_weights(log_w)
    shifted_weights, shifted_size = elbo.importance_weights(log_w + shift)
    assert_close(shifted_weights, weights)
    assert_close(shifted_size, size)
    assert weights.max() > 0.2


@pytest.mark.question("elbo.4")
def test_importance_weights_of_a_sample_that_is_all():
    weights, size = elbo.importance_weights(torch.tensor([0.0, 1000.0, -math.inf]))
    assert_close(weights, torch.tensor([0.0, 1.0, 0.0]), 1e-6)
    assert_close(size, torch.tensor(1.0), 1e-6)


@pytest.mark.question("elbo.4")
def test_importance_weights_can_be_differentiated():
    """Slopes at the worked number, by hand."""
    log_w = numbers(0.0, math.log(3)).requires_grad_()
    weights, size = elbo.importance_weights(log_w)
    assert_close(gradients(weights[0], log_w)[0], numbers(0.1875, -0.1875))
    weights, size = elbo.importance_weights(log_w)
    assert_close(gradients(size, log_w)[0], numbers(0.48, -0.48))


# ---------------------------------------------------------------------------------------------------------------
# elbo.5 elbo_gap_ppca


def linear_model(draw, dim=5, latent=2):
    """W, b, noise_var."""
    return draw.normal(dim, latent), draw.normal(dim), draw.positive()


def posterior(x, W, b, noise_var):
    """By conditioning the joint Gaussian of x and z."""
    covariance = W @ W.mT + noise_var * torch.eye(len(W), dtype=torch.float64)
    gain = torch.linalg.solve(covariance, W).mT
    return (x - b) @ gain.mT, torch.eye(W.shape[1], dtype=torch.float64) - gain @ W


@pytest.mark.question("elbo.5")
def test_elbo_gap_ppca_of_one_dimension():
    """The handout's worked numbers, with the prior as q."""
    one, zero = numbers(1.0), numbers(0.0)
    values = elbo.elbo_gap_ppca(one, numbers(2.0)[:, None], zero, number(1.0), zero, one[:, None])
    log_px = -0.5 * (math.log(2 * math.pi) + math.log(5) + 0.2)
    bound = -0.5 * (math.log(2 * math.pi) + 5)
    assert_close(torch.stack(list(values)), numbers(log_px, bound, log_px - bound))


@pytest.mark.question("elbo.5")
@given(seed=seeds)
@some
def test_elbo_gap_ppca_adds_up(seed):
    draw = Draw(seed)
    inputs = draw.normal(3, 5), *linear_model(draw), draw.normal(3, 2), draw.covariances(3, 2)
    log_px, bound, kl = elbo.elbo_gap_ppca(*inputs)
    assert (kl > 0).all()
    assert_close(log_px - bound, kl, 1e-8)


@pytest.mark.question("elbo.5")
@pytest.mark.parametrize("sizes", [(5, 2), (2, 5), (1, 1)])
@given(seed=seeds)
@some
def test_elbo_gap_ppca_knows_the_density_of_x(sizes, seed):
    draw = Draw(seed)
    W, b, noise_var = linear_model(draw, *sizes)
    x = draw.normal(3, sizes[0])
    log_px, _, _ = elbo.elbo_gap_ppca(x, W, b, noise_var, draw.normal(3, sizes[1]), draw.covariances(3, sizes[1]))
    covariance = W @ W.mT + noise_var * torch.eye(len(W), dtype=torch.float64)
    assert_close(log_px, torch.distributions.MultivariateNormal(b, covariance).log_prob(x), 1e-8)


@pytest.mark.question("elbo.5")
@given(seed=seeds)
@some
def test_elbo_gap_ppca_touches_at_the_posterior(seed):
    """There the gap is zero, and the bound is as high as it can be."""
    draw = Draw(seed)
    x, model = draw.normal(3, 5), linear_model(draw)
    mean, covariance = posterior(x, *model)
    q = mean.clone().requires_grad_(), covariance.expand(3, 2, 2).clone().requires_grad_()
    log_px, bound, kl = elbo.elbo_gap_ppca(x, *model, *q)
    assert_close(bound.detach(), log_px.detach(), 1e-8)
    assert_close(kl.detach(), torch.zeros(3, dtype=torch.float64), 1e-8)
    in_mean, in_cov = gradients(bound.sum(), *q)
    assert_close(in_mean, torch.zeros(3, 2, dtype=torch.float64), 1e-8)
    assert_close(in_cov + in_cov.mT, torch.zeros(3, 2, 2, dtype=torch.float64), 1e-7)


@pytest.mark.question("elbo.5")
@given(seed=seeds)
@some
def test_elbo_gap_ppca_is_the_divergence_from_the_posterior(seed):
    draw = Draw(seed)
    x, model, q = draw.normal(5), linear_model(draw), (draw.normal(2), draw.covariances(2))
    _, _, kl = elbo.elbo_gap_ppca(x, *model, *q)
    normal = torch.distributions.MultivariateNormal
    mean, covariance = posterior(x, *model)
    expected = torch.distributions.kl_divergence(normal(*q), normal(mean, (covariance + covariance.mT) / 2))
    assert_close(kl, expected, 1e-7)


@pytest.mark.question("elbo.5")
@given(seed=seeds)
@some
def test_elbo_gap_ppca_is_an_expectation(seed):
    """One latent: the ELBO, integrated over z on a grid."""
    draw = Draw(seed)
    W, b, noise_var = linear_model(draw, 3, 1)
    x, mean, variance = draw.normal(3), draw.normal(1), draw.positive(1)
    z = torch.linspace(-40, 40, 8001, dtype=torch.float64).unsqueeze(-1)
    log_q = torch.distributions.Normal(mean, variance.sqrt()).log_prob(z).sum(-1)
    log_joint = torch.distributions.Normal(z @ W.mT + b, noise_var.sqrt()).log_prob(x).sum(-1)
    log_joint = log_joint + torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    _, bound, _ = elbo.elbo_gap_ppca(x, W, b, noise_var, mean, variance[:, None])
    assert_close(bound, (log_q.exp() * (log_joint - log_q)).sum() * 0.01, 1e-8)


@pytest.mark.question("elbo.5")
def test_elbo_gap_ppca_treats_every_example_alone():
    draw = Draw(1)
    x, model, mean, cov = draw.normal(3, 5), linear_model(draw), draw.normal(3, 2), draw.covariances(3, 2)
    together = elbo.elbo_gap_ppca(x, *model, mean, cov)
    for i in range(3):
        for value, alone in zip(together, elbo.elbo_gap_ppca(x[i], *model, mean[i], cov[i]), strict=True):
            assert_close(value[i], alone)
    assert [part.shape for part in elbo.elbo_gap_ppca(x[:0], *model, mean[:0], cov[:0])] == [(0,)] * 3
