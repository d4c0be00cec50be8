"""Public tests of the assignment mle: worked numbers, closed forms and laws. Run them with `pytest test_mle.py`.

`pytest test_mle.py -k categorical` runs the tests of one function. The graded checks are others, and more.
"""

import itertools
import math

import mle
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

    def classes(self, *shape, count):
        return torch.randint(count, shape, generator=self.generator)


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def gradients(value, *inputs):
    return torch.autograd.grad(value, inputs)


# ---------------------------------------------------------------------------------------------------------------
# mle.1 gaussian_log_prob


@pytest.mark.question("mle.1")
def test_gaussian_log_prob_of_one_dimension():
    """x - mu = 1 and a variance of 4 give -1.737."""
    value = mle.gaussian_log_prob(numbers(3.0), numbers(2.0), numbers(math.log(4)))
    assert_close(value, torch.tensor(-1.737085713764618, dtype=torch.float64))


@pytest.mark.question("mle.1")
def test_gaussian_log_prob_of_two_dimensions():
    """The second dimension is two standard deviations from its mean: -1.737 - 2.919."""
    value = mle.gaussian_log_prob(numbers(1.0, 3.0), numbers(0.0, 1.0), numbers(math.log(4), 0.0))
    assert_close(value, torch.tensor(-4.656024246969291, dtype=torch.float64))


@pytest.mark.question("mle.1")
@pytest.mark.parametrize("event", [1, 2])
@given(seed=seeds)
@some
def test_gaussian_log_prob_is_a_density(event, seed):
    """exp of it integrates to one."""
    draw = Draw(seed)
    mu, logvar = draw.normal(event), draw.normal(event)
    sigma = torch.exp(logvar / 2)
    steps = torch.linspace(-8, 8, 41, dtype=torch.float64)
    grid = torch.stack([axis.flatten() for axis in torch.meshgrid([steps] * event, indexing="ij")], dim=-1)
    density = torch.exp(mle.gaussian_log_prob(mu + sigma * grid, mu.expand_as(grid), logvar.expand_as(grid)))
    cell = torch.prod(sigma * (steps[1] - steps[0]))
    assert_close(density.sum() * cell, torch.ones((), dtype=torch.float64))


@pytest.mark.question("mle.1")
@given(seed=seeds, unit=st.sampled_from((0.1, 3.0, 20.0)))
@some
def test_gaussian_log_prob_in_other_units(seed, unit):
    """In units that make numbers a times larger, a density of D dimensions is a^D times lower."""
    draw = Draw(seed)
    x, mu, logvar = draw.normal(3, 5), draw.normal(3, 5), draw.normal(3, 5)
    scaled = mle.gaussian_log_prob(unit * x, unit * mu, logvar + 2 * math.log(unit))
    assert_close(scaled, mle.gaussian_log_prob(x, mu, logvar) - 5 * math.log(unit))


@pytest.mark.question("mle.1")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_gaussian_log_prob_has_one_value_per_example(batch):
    """Five dimensions with x = mu = logvar = 1 give -7.095."""
    x, mu, logvar = (torch.ones(*batch, 5) for _ in range(3))
    assert_close(mle.gaussian_log_prob(x, mu, logvar), torch.full(batch, -7.0946927), 1e-6)


@pytest.mark.question("mle.1")
def test_gaussian_log_prob_broadcasts():
    """A log-variance of shape [1] is shared by all five dimensions, a mean of shape [5] by all three examples."""
    mu = Draw(1).normal(5)
    value = mle.gaussian_log_prob(mu.repeat(3, 1), mu, numbers(1.0))
    assert_close(value, torch.full((3,), -7.094692666, dtype=torch.float64))


@pytest.mark.question("mle.1")
@given(seed=seeds)
@some
def test_gaussian_log_prob_has_the_slopes_of_a_gaussian(seed):
    """At one standard deviation above the mean the slope in x is -1 / sigma, in mu 1 / sigma, in logvar 0."""
    draw = Draw(seed)
    mu, logvar = draw.normal(5).requires_grad_(), draw.normal(5).requires_grad_()
    sigma = torch.exp(logvar.detach() / 2)
    x = (mu.detach() + sigma).requires_grad_()
    in_x, in_mu, in_logvar = gradients(mle.gaussian_log_prob(x, mu, logvar), x, mu, logvar)
    assert_close(in_x, -1 / sigma)
    assert_close(in_mu, 1 / sigma)
    assert_close(in_logvar, torch.zeros_like(sigma))


@pytest.mark.question("mle.1")
@pytest.mark.parametrize("logvar", [-100.0, 100.0])
def test_gaussian_log_prob_with_extreme_variances(logvar):
    """At the mean only the normaliser is left, and float32 can hold it."""
    mu = torch.tensor([0.3])
    value = mle.gaussian_log_prob(mu, mu, torch.tensor([logvar]))
    assert_close(value, torch.tensor(-0.918938533 - logvar / 2), 1e-5)


# ---------------------------------------------------------------------------------------------------------------
# mle.2 gaussian_mle


@pytest.mark.question("mle.2")
def test_gaussian_mle_of_three_points():
    """The data 0, 0, 3 have the mean 1 and the variance 2."""
    mu, var = mle.gaussian_mle(numbers(0.0, 0.0, 3.0))
    assert_close(mu, torch.tensor(1.0, dtype=torch.float64))
    assert_close(var, torch.tensor(2.0, dtype=torch.float64))


@pytest.mark.question("mle.2")
def test_gaussian_mle_of_weighted_points():
    """Weights 2 and 1 say the same as two copies, and 20 and 10 say the same as 2 and 1."""
    for weights in (numbers(2.0, 1.0), numbers(20.0, 10.0)):
        mu, var = mle.gaussian_mle(numbers(0.0, 3.0), weights)
        assert_close(mu, torch.tensor(1.0, dtype=torch.float64))
        assert_close(var, torch.tensor(2.0, dtype=torch.float64))


@pytest.mark.question("mle.2")
@given(seed=seeds)
@some
def test_gaussian_mle_counts_weights_as_copies(seed):
    draw = Draw(seed)
    x, copies = draw.normal(4, 3), torch.tensor([3, 1, 2, 5])
    weighted = mle.gaussian_mle(x, copies.double())
    repeated = mle.gaussian_mle(x.repeat_interleave(copies, dim=0))
    assert_close(weighted, repeated)
    plain, _ = mle.gaussian_mle(x)
    assert not torch.allclose(weighted[0], plain)


@pytest.mark.question("mle.2")
@given(seed=seeds)
@some
def test_gaussian_mle_estimates_every_entry_alone(seed):
    """Each entry of an event has the estimate that it would have without the others."""
    draw = Draw(seed)
    x, weights = draw.normal(5, 2, 3), draw.positive(5)
    mu, var = mle.gaussian_mle(x, weights)
    one_mu, one_var = mle.gaussian_mle(x[:, 1, 2], weights)
    assert mu.shape == var.shape == (2, 3)
    assert_close((mu[1, 2], var[1, 2]), (one_mu, one_var))
    assert not torch.allclose(mu, one_mu)


@pytest.mark.question("mle.2")
@given(seed=seeds)
@some
def test_gaussian_mle_follows_units(seed):
    """Data scaled by -3 and shifted by 7: the mean follows, the variance is 9 times larger."""
    draw = Draw(seed)
    x, weights = draw.normal(5, 2), draw.positive(5)
    mu, var = mle.gaussian_mle(x, weights)
    assert_close(mle.gaussian_mle(7 - 3 * x, weights), (7 - 3 * mu, 9 * var))


@pytest.mark.question("mle.2")
def test_gaussian_mle_survives_a_large_mean():
    """1000, 1001, 1002 in float32 have the variance 2/3."""
    _, var = mle.gaussian_mle(torch.tensor([1000.0, 1001.0, 1002.0]))
    assert_close(var, torch.tensor(2 / 3), 1e-5)


@pytest.mark.question("mle.2")
def test_gaussian_mle_of_one_point():
    mu, var = mle.gaussian_mle(numbers(2.5).reshape(1, 1))
    assert_close((mu, var), (numbers(2.5), numbers(0.0)))


@pytest.mark.question("mle.2")
def test_gaussian_mle_passes_gradients_to_the_weights():
    """Of the points 0 and 3 with weights 2 and 1, the first one's weight pulls the mean down by 1/3."""
    x, weights = numbers(0.0, 3.0).requires_grad_(), numbers(2.0, 1.0).requires_grad_()
    mu, _ = mle.gaussian_mle(x, weights)
    in_x, in_weights = gradients(mu, x, weights)
    assert_close(in_x, numbers(2 / 3, 1 / 3))
    assert_close(in_weights, numbers(-1 / 3, 2 / 3))


# ---------------------------------------------------------------------------------------------------------------
# mle.3 categorical_nll


@pytest.mark.question("mle.3")
def test_categorical_nll_of_two_classes():
    """Logits 0 and log 3 are the probabilities 1/4 and 3/4."""
    logits = numbers(0.0, math.log(3)).repeat(2, 1)
    assert_close(mle.categorical_nll(logits, torch.tensor([0, 1])), numbers(math.log(4), math.log(4 / 3)))


@pytest.mark.question("mle.3")
@given(seed=seeds)
@some
def test_categorical_nll_normalises_over_classes(seed):
    """The probabilities of all classes sum to one, for every example of a batch."""
    draw = Draw(seed)
    logits = 3 * draw.normal(2, 3, 5)
    losses = torch.stack([mle.categorical_nll(logits, torch.full((2, 3), target)) for target in range(5)])
    assert_close(torch.exp(-losses).sum(0), torch.ones(2, 3, dtype=torch.float64))


@pytest.mark.question("mle.3")
@given(seed=seeds)
@some
def test_categorical_nll_compares_logits(seed):
    """Between two targets the loss differs by the difference of their logits, whatever else the batch holds."""
    draw = Draw(seed)
    logits = 3 * draw.normal(2, 3, 5)
    first, second = draw.classes(2, 3, count=5), draw.classes(2, 3, count=5)
    gap = torch.stack([logits[i, j, second[i, j]] - logits[i, j, first[i, j]] for i in range(2) for j in range(3)])
    assert_close(mle.categorical_nll(logits, first) - mle.categorical_nll(logits, second), gap.reshape(2, 3))


@pytest.mark.question("mle.3")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_categorical_nll_has_one_value_per_example(batch):
    logits, targets = torch.ones(*batch, 4), torch.zeros(batch, dtype=torch.int64)
    assert_close(mle.categorical_nll(logits, targets), torch.full(batch, math.log(4)), 1e-6)


@pytest.mark.question("mle.3")
def test_categorical_nll_of_large_logits():
    """Losses as large as the logits, each example untouched by the others."""
    logits = numbers(0.0, -50.0, 1e4, 0.0, -1e4, -1e4 + 3).reshape(3, 2)
    losses = mle.categorical_nll(logits, torch.tensor([1, 1, 0]))
    assert_close(losses, numbers(50.0, 1e4, 3 + math.log1p(math.exp(-3))))


@pytest.mark.question("mle.3")
@given(seed=seeds)
@some
def test_categorical_nll_has_a_gradient_that_sums_to_zero(seed):
    """Raising all logits alike changes nothing; raising the target's alone lowers the loss."""
    draw = Draw(seed)
    logits, targets = draw.normal(3, 5).requires_grad_(), draw.classes(3, count=5)
    (gradient,) = gradients(mle.categorical_nll(logits, targets).sum(), logits)
    assert_close(gradient.sum(-1), torch.zeros(3, dtype=torch.float64))
    assert torch.equal(gradient.argmin(-1), targets)


# ---------------------------------------------------------------------------------------------------------------
# mle.4 nll_kl_decomposition


@pytest.mark.question("mle.4")
def test_nll_kl_decomposition_of_a_fair_coin():
    """A model with the probabilities 1/4 and 3/4 pays 0.837 nats for a fair coin, of which 0.693 are the coin's."""
    results = mle.nll_kl_decomposition(numbers(0.5, 0.5), numbers(0.0, math.log(3)))
    expected = [(math.log(4) + math.log(4 / 3)) / 2, math.log(2), math.log(4 / 3) / 2]
    assert_close(torch.stack(list(results)), numbers(*expected))


@pytest.mark.question("mle.4")
def test_nll_kl_decomposition_of_certain_data():
    """Data that are always the second class have no entropy: all of the cost, 1.386 nats, is the model's."""
    results = mle.nll_kl_decomposition(numbers(0.0, 1.0, 0.0), numbers(1.0, 1.0, 1.0 + math.log(2)))
    assert_close(torch.stack(list(results)), numbers(math.log(4), 0.0, math.log(4)))


@pytest.mark.question("mle.4")
@given(seed=seeds)
@some
def test_nll_kl_decomposition_of_the_right_model(seed):
    """A model that is right adds nothing, and its cost is the entropy."""
    draw = Draw(seed)
    logits = draw.normal(2, 3, 5)
    cross_entropy, entropy, kl = mle.nll_kl_decomposition(torch.softmax(logits, dim=-1), logits + 2)
    assert_close(kl, torch.zeros(2, 3, dtype=torch.float64))
    assert_close(cross_entropy, entropy)
    assert (entropy > 0).all()


@pytest.mark.question("mle.4")
@given(seed=seeds)
@some
def test_nll_kl_decomposition_adds_up(seed):
    """The entropy is the data's alone, KL is not negative, and the two add up to the cross-entropy."""
    draw = Draw(seed)
    p = torch.softmax(2 * draw.normal(3, 5), dim=-1)
    entropies = []
    for logits in (draw.normal(3, 5), draw.normal(3, 5)):
        cross_entropy, entropy, kl = mle.nll_kl_decomposition(p, logits)
        assert_close(cross_entropy, entropy + kl)
        assert (kl > 0).all()
        entropies.append(entropy)
    assert_close(entropies[0], entropies[1])


@pytest.mark.question("mle.4")
def test_nll_kl_decomposition_of_large_logits():
    """A class that never occurs may have any logit; one that does occur costs what its logit says."""
    cross_entropy, entropy, kl = mle.nll_kl_decomposition(numbers(1.0, 0.0), numbers(-1000.0, 1000.0))
    assert_close(torch.stack([cross_entropy, entropy, kl]), numbers(2000.0, 0.0, 2000.0))


@pytest.mark.question("mle.4")
def test_nll_kl_decomposition_ignores_impossible_classes():
    """A class that neither the data nor the model expects changes none of the three."""
    three = mle.nll_kl_decomposition(numbers(0.5, 0.5, 0.0), numbers(0.0, math.log(3), -1000.0))
    two = mle.nll_kl_decomposition(numbers(0.5, 0.5), numbers(0.0, math.log(3)))
    assert_close(torch.stack(list(three)), torch.stack(list(two)))
    assert_close(three[1], torch.tensor(math.log(2), dtype=torch.float64))


@pytest.mark.question("mle.4")
@given(seed=seeds)
@some
def test_nll_kl_decomposition_has_the_gradient_of_a_classifier(seed):
    """In the logits, cross-entropy and KL have the gradient q - p, and the entropy has none."""
    draw = Draw(seed)
    p, logits = torch.softmax(draw.normal(3, 5), dim=-1), draw.normal(3, 5).requires_grad_()
    cross_entropy, entropy, kl = mle.nll_kl_decomposition(p, logits)
    wanted = torch.softmax(logits.detach(), dim=-1) - p
    (in_both,) = gradients((cross_entropy + 2 * kl + 3 * entropy).sum(), logits)
    assert_close(in_both, 3 * wanted)


@pytest.mark.question("mle.4")
@given(seed=seeds)
@some
def test_nll_kl_decomposition_has_its_smallest_kl_where_data_and_model_agree(seed):
    """There KL does not change when probability moves from one class to another: all classes have one slope."""
    logits = Draw(seed).normal(3, 5)
    p = torch.softmax(logits, dim=-1).requires_grad_()
    _, _, kl = mle.nll_kl_decomposition(p, logits)
    (slopes,) = gradients(kl.sum(), p)
    assert_close(slopes, slopes.mean(-1, keepdim=True).expand(3, 5))


# ---------------------------------------------------------------------------------------------------------------
# mle.5 ridge_map


@pytest.mark.question("mle.5")
def test_ridge_map_of_one_feature():
    """X'X = 5, X'y = 5, noise 0.5 and precision 4 leave 5 / (5 + 2)."""
    w = mle.ridge_map(numbers(1.0, 2.0).reshape(2, 1), numbers(1.0, 2.0), 0.5, 4.0)
    assert_close(w, numbers(5 / 7))


@pytest.mark.question("mle.5")
@given(seed=seeds, noise_var=st.sampled_from((0.2, 3.0)), precision=st.sampled_from((0.3, 5.0)))
@some
def test_ridge_map_is_stationary(seed, noise_var, precision):
    """At the mode the log-posterior has no slope."""
    draw = Draw(seed)
    X, y = draw.normal(7, 3), draw.normal(7)
    w = mle.ridge_map(X, y, noise_var, precision).detach().requires_grad_()
    log_likelihood = -((y - X @ w) ** 2).sum() / (2 * noise_var)
    log_prior = -precision * (w**2).sum() / 2
    (slope,) = gradients(log_likelihood + log_prior, w)
    assert_close(slope, torch.zeros(3, dtype=torch.float64))


@pytest.mark.question("mle.5")
@given(seed=seeds)
@some
def test_ridge_map_with_fewer_points_than_features(seed):
    """One point and two features: w lies along x and solves the problem of one feature there."""
    draw = Draw(seed)
    length = draw.positive()
    w = mle.ridge_map(length * numbers(0.6, 0.8).reshape(1, 2), numbers(2.0), 0.5, 4.0)
    assert_close(w, numbers(0.6, 0.8) * 2 * length / (length**2 + 2))


@pytest.mark.question("mle.5")
def test_ridge_map_with_equal_columns():
    """Two equal columns share the weight."""
    X = numbers(1.0, 1.0, 2.0, 2.0).reshape(2, 2)
    assert_close(mle.ridge_map(X, numbers(1.0, 2.0), 0.5, 4.0), numbers(5 / 12, 5 / 12))


@pytest.mark.question("mle.5")
@given(seed=seeds)
@some
def test_ridge_map_solves_each_problem_of_a_batch(seed):
    draw = Draw(seed)
    X, y = draw.normal(2, 3, 7, 4), draw.normal(2, 3, 7)
    w = mle.ridge_map(X, y, 0.5, 4.0)
    assert w.shape == (2, 3, 4)
    assert_close(w[1, 2], mle.ridge_map(X[1, 2], y[1, 2], 0.5, 4.0))
    assert not torch.allclose(w[1, 2], w[0, 1])


@pytest.mark.question("mle.5")
@given(seed=seeds)
@some
def test_ridge_map_passes_gradients(seed):
    """Orthogonal columns of length 1 and 3: each weight is its column times y, divided by length^2 + 2."""
    draw = Draw(seed)
    X = (torch.linalg.qr(draw.normal(5, 2)).Q * numbers(1.0, 3.0)).requires_grad_()
    y = draw.normal(5).requires_grad_()
    w = mle.ridge_map(X, y, 0.5, 4.0)
    columns = X.detach().mT
    assert_close(w, torch.stack([columns[0] @ y.detach() / 3, columns[1] @ y.detach() / 11]))
    in_X, in_y = gradients(w[1], X, y)
    assert_close(in_y, columns[1] / 11)
    # With X a times as large, the second weight is a / (9 a^2 + 2) times what it was times 11.
    assert_close((in_X * X.detach()).sum(), w[1].detach() * (1 - 18 / 11))


# ---------------------------------------------------------------------------------------------------------------
# mle.6 map_objective


@pytest.mark.question("mle.6")
def test_map_objective_of_one_parameter():
    """Losses 1 and 3, a parameter 2 under a prior of precision 5, ten data points: 2 + 5 * 4 / 20."""
    loss = mle.map_objective(numbers(-1.0, -3.0), [numbers(2.0)], 5.0, 10)
    assert_close(loss, torch.tensor(3.0, dtype=torch.float64))


@pytest.mark.question("mle.6")
@given(seed=seeds)
@some
def test_map_objective_is_unbiased(seed):
    """Over all minibatches of two out of five, it is on average the loss of all five."""
    draw = Draw(seed)
    log_lik, params = draw.normal(5), [draw.normal(2, 3)]
    losses = [mle.map_objective(log_lik[list(pair)], params, 4.0, 5) for pair in itertools.combinations(range(5), 2)]
    assert_close(torch.stack(losses).mean(), mle.map_objective(log_lik, params, 4.0, 5))
    assert max(losses) > min(losses)


@pytest.mark.question("mle.6")
@given(seed=seeds)
@some
def test_map_objective_counts_all_parameters(seed):
    """Cut into pieces, parameters cost what they cost in one tensor."""
    draw = Draw(seed)
    log_lik, theta = draw.normal(3), draw.normal(4, 3)
    pieces = [theta[0], theta[1:, :2], theta[1:, 2]]
    whole = mle.map_objective(log_lik, [theta], 4.0, 9)
    assert_close(mle.map_objective(log_lik, pieces, 4.0, 9), whole)
    assert mle.map_objective(log_lik, pieces[:2], 4.0, 9) < whole


@pytest.mark.question("mle.6")
@given(seed=seeds)
@some
def test_map_objective_passes_gradients(seed):
    """Each log-likelihood has the gradient -1 / M, each parameter theta the gradient precision / N theta."""
    draw = Draw(seed)
    log_lik = draw.normal(4).requires_grad_()
    params = [draw.normal(2, 3).requires_grad_(), draw.normal(3).requires_grad_()]
    in_data, *in_params = gradients(mle.map_objective(log_lik, params, 5.0, 20), log_lik, *params)
    assert_close(in_data, torch.full((4,), -0.25, dtype=torch.float64))
    assert_close(in_params, [0.25 * theta.detach() for theta in params])


@pytest.mark.question("mle.6")
def test_map_objective_starts_at_zero():
    """Parameters that are all zeros cost nothing and have a gradient of zero."""
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    loss = mle.map_objective(numbers(-1.0, -3.0), [bias], 5.0, 10)
    assert_close(loss.detach(), torch.tensor(2.0, dtype=torch.float64))
    assert_close(gradients(loss, bias)[0], torch.zeros(3, dtype=torch.float64))
