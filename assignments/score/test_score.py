"""Public tests of the assignment score: worked numbers, closed forms and laws.

`pytest test_score.py -k divergence` runs the tests of one function. The graded checks are others, and more.
"""

import math

import pytest
import score
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

some = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 2**32 - 1)


class Draw:
    """Random float64 tensors; one seed always gives the same ones."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape):
        return torch.randn(shape, dtype=torch.float64, generator=self.generator)

    def scale_tril(self, *shape):
        """Lower triangular matrices with a positive diagonal."""
        diagonal = 0.4 + torch.rand(shape, dtype=torch.float64, generator=self.generator)
        return 0.5 * torch.tril(self.normal(*shape, shape[-1]), -1) + torch.diag_embed(diagonal)

    def rotation(self, dim):
        return torch.linalg.qr(self.normal(dim, dim)).Q

    def network(self, dim):
        """A curved field, and the tensor that it depends on."""
        first, second = self.normal(4, dim), self.normal(dim, 4).requires_grad_()
        return (lambda x: torch.tanh(x @ first.T) @ second.T), second


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def linear(matrix, offset=0.0):
    return lambda x: x @ matrix.T + offset


A = numbers([1.0, 2.0], [3.0, 4.0])


def all_signs(dim):
    """Every vector of signs once, as [samples, 1, dim]."""
    return torch.cartesian_prod(*[numbers(-1.0, 1.0)] * dim).reshape(-1, 1, dim)


# ---------------------------------------------------------------------------------------------------------------
# score.1 gaussian_score


@pytest.mark.question("score.1")
def test_gaussian_score_in_one_dimension():
    """One unit above the mean, with variance 4, the slope is -1/4."""
    assert_close(score.gaussian_score(numbers(3.0), numbers(2.0), numbers([2.0])), numbers(-0.25))


@pytest.mark.question("score.1")
def test_gaussian_score_with_correlation():
    """L = [[1, 0], [1, 1]] has Sigma = [[1, 1], [1, 2]], and its inverse is [[2, -1], [-1, 1]]."""
    value = score.gaussian_score(numbers(1.0, 0.0), numbers(0.0, 0.0), numbers([1.0, 0.0], [1.0, 1.0]))
    assert_close(value, numbers(-2.0, 1.0))


@pytest.mark.question("score.1")
@given(seed=seeds)
@some
def test_gaussian_score_undoes_the_covariance(seed):
    """At x = mu + Sigma u the score is -u."""
    draw = Draw(seed)
    mu, scale, u = draw.normal(3, 5), draw.scale_tril(3, 5), draw.normal(3, 5)
    x = mu + torch.einsum("bij,bkj,bk->bi", scale, scale, u)
    assert_close(score.gaussian_score(x, mu, scale), -u, 1e-7)


@pytest.mark.question("score.1")
def test_gaussian_score_broadcasts():
    """One Gaussian serves a batch of points, and one point a batch of Gaussians."""
    draw = Draw(1)
    x, mu, scale = draw.normal(2, 3, 5), draw.normal(5), draw.scale_tril(5)
    each = score.gaussian_score(x, mu.expand(2, 3, 5), scale.expand(2, 3, 5, 5))
    assert_close(score.gaussian_score(x, mu, scale), each)
    assert score.gaussian_score(mu, x, scale).shape == (2, 3, 5)
    assert score.gaussian_score(x[:0], mu, scale).shape == (0, 3, 5)


@pytest.mark.question("score.1")
@given(seed=seeds)
@some
def test_gaussian_score_pulls_the_mean_as_it_pushes_the_point(seed):
    """It depends on x - mu alone: its gradients in the two are opposite, and neither is zero."""
    draw = Draw(seed)
    x, mu, scale = draw.normal(3, 5).requires_grad_(), draw.normal(3, 5).requires_grad_(), draw.scale_tril(3, 5)
    in_x, in_mu = torch.autograd.grad((score.gaussian_score(x, mu, scale) * draw.normal(3, 5)).sum(), (x, mu))
    assert_close(in_x, -in_mu)
    assert in_x.abs().min() > 0


@pytest.mark.question("score.1")
def test_gaussian_score_in_a_narrow_valley():
    """A variance of 1e-8 beside one of 1."""
    scale = numbers([1.0, 0.0], [0.5, 1e-4])
    x = numbers(0.3, 0.3 * 0.5)
    assert_close(score.gaussian_score(x, torch.zeros_like(x), scale), numbers(-0.3, 0.0), 1e-6)


# ---------------------------------------------------------------------------------------------------------------
# score.2 gmm_score

PAIR = numbers(0.0, 0.0), numbers([0.0], [2.0]), numbers([0.0], [0.0])


@pytest.mark.question("score.2")
def test_gmm_score_between_two_modes():
    """In the middle of two equal modes the pulls cancel; at 0.5 the nearer one has lost to the farther one's weight."""
    assert_close(score.gmm_score(numbers([1.0], [0.5]), *PAIR), numbers([0.0], [0.03788284273999]))


@pytest.mark.question("score.2")
@given(seed=seeds)
@some
def test_gmm_score_of_one_component(seed):
    """With one component it is the score of a Gaussian, whatever its logit."""
    draw = Draw(seed)
    x, mu, logvar = draw.normal(2, 3, 5), draw.normal(1, 5), draw.normal(1, 5)
    right = torch.stack([(mu[0, d] - x[..., d]) / math.exp(logvar[0, d]) for d in range(5)], dim=-1)
    assert_close(score.gmm_score(x, draw.normal(1), mu, logvar), right)


@pytest.mark.question("score.2")
@given(seed=seeds)
@some
def test_gmm_score_is_the_slope_of_the_log_density(seed):
    """Along a straight line, its integral is the difference of torch's own log-densities at the ends."""
    draw = Draw(seed)
    logits, mu, logvar = draw.normal(3), draw.normal(3, 5), 0.5 * draw.normal(3, 5)
    start, step = draw.normal(5), 0.2 * draw.normal(5)
    components = torch.distributions.Independent(torch.distributions.Normal(mu, torch.exp(logvar / 2)), 1)
    mixture = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(logits=logits), components)
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    slopes = score.gmm_score(start + t[:, None] * step, logits, mu, logvar) @ step
    assert_close(torch.trapezoid(slopes, t), mixture.log_prob(start + step) - mixture.log_prob(start), 1e-4)


@pytest.mark.question("score.2")
@given(seed=seeds)
@some
def test_gmm_score_of_a_split_component(seed):
    """Two copies of a component, each with half of its weight, are that component."""
    draw = Draw(seed)
    x, logits, mu, logvar = draw.normal(3, 5), draw.normal(2), draw.normal(2, 5), draw.normal(2, 5)
    halves = torch.cat((logits[:1] - math.log(2), logits[:1] - math.log(2), logits[1:]))
    copies = [torch.cat((each[:1], each)) for each in (mu, logvar)]
    assert_close(score.gmm_score(x, halves, *copies), score.gmm_score(x, logits, mu, logvar))


@pytest.mark.question("score.2")
def test_gmm_score_far_away():
    """At x = 1000 only the nearer component counts, in float32 too."""
    for dtype in (torch.float64, torch.float32):
        logits, mu, logvar = (each.to(dtype) for each in PAIR)
        assert_close(
            score.gmm_score(numbers([1000.0], dtype=dtype), logits, mu, logvar), numbers([-998.0], dtype=dtype)
        )


@pytest.mark.question("score.2")
def test_gmm_score_without_a_component():
    """A component of weight zero does not pull."""
    value = score.gmm_score(numbers([0.5]), numbers(-math.inf, 0.0), *PAIR[1:])
    assert_close(value, numbers([1.5]))


@pytest.mark.question("score.2")
def test_gmm_score_can_be_differentiated():
    """Half-way between modes at 0 and 2 with variance 1 the density has a saddle: its slope there is -1 + 1 = 0."""
    x = numbers([1.0]).requires_grad_()
    mu = PAIR[1].clone().requires_grad_()
    in_x, in_mu = torch.autograd.grad(score.gmm_score(x, PAIR[0], mu, PAIR[2]).sum(), (x, mu))
    assert_close(in_x, numbers([0.0]))
    assert_close(in_mu, numbers([0.0], [0.0]))
    off = numbers([0.5]).requires_grad_()
    (slope,) = torch.autograd.grad(score.gmm_score(off, *PAIR).sum(), off)
    share = 1 / (1 + math.e)
    assert_close(slope, numbers([-1 + 4 * share * (1 - share)]))


# ---------------------------------------------------------------------------------------------------------------
# score.3 log_prob_score, energy_score


def parabola(x):
    return -x.square().sum(-1)


@pytest.mark.question("score.3")
@pytest.mark.parametrize("rows", [1, 4])
def test_log_prob_score_of_a_parabola(rows):
    """-x^2 has the slope -6 at x = 3, for one row and for four."""
    x = numbers([3.0]).repeat(rows, 1)
    assert_close(score.log_prob_score(parabola, x), torch.full_like(x, -6.0))
    assert_close(score.energy_score(lambda x: -parabola(x), x), torch.full_like(x, -6.0))


@pytest.mark.question("score.3")
@given(seed=seeds, constant=st.sampled_from((-7.0, 300.0)))
@some
def test_energy_score_ignores_the_partition_function(seed, constant):
    """The energy 1/2 u^T P u has the score -P u, and a constant changes nothing."""
    draw = Draw(seed)
    scale, x = draw.scale_tril(5), draw.normal(3, 5)
    precision = scale @ scale.T

    def energy(points):
        return 0.5 * torch.einsum("bi,ij,bj->b", points, precision, points) + constant

    assert_close(score.energy_score(energy, x), -x @ precision)


@pytest.mark.question("score.3")
def test_scores_work_where_the_caller_has_no_grad():
    x = numbers([3.0], [-1.0])
    with torch.no_grad():
        assert_close(score.log_prob_score(parabola, x), -2 * x)
        assert_close(score.energy_score(lambda x: -parabola(x), x), -2 * x)


@pytest.mark.question("score.3")
def test_scores_leave_no_marks():
    """Neither requires_grad of x, nor .grad of a parameter, is other than before."""
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    x, leaf = numbers([0.3, -0.2]), numbers([0.3, -0.2]).requires_grad_()
    for function in (score.log_prob_score, score.energy_score):
        function(lambda x: net(x).squeeze(-1), x)
        function(lambda x: net(x).squeeze(-1), leaf)
    assert not x.requires_grad
    assert leaf.grad is None
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.question("score.3")
@given(seed=seeds)
@some
def test_scores_can_be_differentiated_again(seed):
    """For E(x) = w x^2 / 2 the score is -w x: its gradient in w is -sum x, and in x it is -w."""
    x, w = Draw(seed).normal(3, 1).requires_grad_(), numbers(1.7).requires_grad_()
    value = score.energy_score(lambda x: 0.5 * w * x.square().sum(-1), x, create_graph=True)
    in_w, in_x = torch.autograd.grad(value.sum(), (w, x))
    assert_close(in_w, -x.detach().sum()[None])
    assert_close(in_x, -w.detach().expand(3, 1))
    value = score.log_prob_score(lambda x: -0.5 * w * x.square().sum(-1), x, create_graph=True)
    assert_close(torch.autograd.grad(value.sum(), x)[0], -w.detach().expand(3, 1))


# ---------------------------------------------------------------------------------------------------------------
# score.4 divergence


@pytest.mark.question("score.4")
def test_divergence_of_a_linear_field():
    """That of A x is 1 + 4 everywhere; that of the shear (y, 0) is 0."""
    x = Draw(0).normal(3, 2)
    assert_close(score.divergence(linear(A), x), torch.full((3,), 5.0, dtype=torch.float64))
    shear = linear(numbers([0.0, 1.0], [0.0, 0.0]))
    assert_close(score.divergence(shear, x), torch.zeros(3, dtype=torch.float64))
    assert score.divergence(linear(A), x[:0]).shape == (0,)


@pytest.mark.question("score.4")
@given(seed=seeds)
@some
def test_divergence_of_separate_dimensions(seed):
    """That of (sin x_1, ..., sin x_5) is the sum of the cosines, at each point of a batch."""
    x = Draw(seed).normal(3, 5)
    assert_close(score.divergence(torch.sin, x), torch.cos(x).sum(-1))


@pytest.mark.question("score.4")
@given(seed=seeds)
@some
def test_divergence_in_turned_axes(seed):
    """A field seen from turned axes has the same divergence at the same place."""
    draw = Draw(seed)
    (field, _), rotation, x = draw.network(3), draw.rotation(3), draw.normal(4, 3)
    turned = score.divergence(lambda y: field(y @ rotation) @ rotation.T, x @ rotation.T)
    assert_close(turned, score.divergence(field, x))
    one_by_one = torch.cat([score.divergence(field, point[None]) for point in x])
    assert_close(score.divergence(field, x), one_by_one)


@pytest.mark.question("score.4")
def test_divergence_can_be_differentiated():
    """In w for s = w x^3 it is 3 x^2, in x it is 6 w x."""
    x, w = numbers([0.5], [-2.0]).requires_grad_(), numbers(1.5).requires_grad_()
    value = score.divergence(lambda x: w * x**3, x)
    in_w, in_x = torch.autograd.grad(value.sum(), (w, x))
    assert_close(in_w, numbers(3 * 0.25 + 3 * 4))
    assert_close(in_x, numbers([6 * 1.5 * 0.5], [6 * 1.5 * -2.0]))


# ---------------------------------------------------------------------------------------------------------------
# score.5 hutchinson_divergence, rademacher


@pytest.mark.question("score.5")
def test_hutchinson_divergence_of_a_linear_field():
    """v = (1, 1) adds up all entries of A, v = (1, -1) sees 1 - 2 - 3 + 4, and their mean is the trace."""
    x, v = numbers([0.3, -0.7]), numbers([[1.0, 1.0]], [[1.0, -1.0]])
    assert_close(score.hutchinson_divergence(linear(A), x, v[:1]), numbers(10.0))
    assert_close(score.hutchinson_divergence(linear(A), x, v[1:]), numbers(0.0))
    assert_close(score.hutchinson_divergence(linear(A), x, v), numbers(5.0))


@pytest.mark.question("score.5")
@given(seed=seeds)
@some
def test_hutchinson_divergence_is_unbiased(seed):
    """For (sin x_1 + x_2, sin x_2 - 3 x_1), the mean over all four vectors of signs is cos x_1 + cos x_2."""
    x = Draw(seed).normal(1, 2)
    twisted = numbers([0.0, 1.0], [-3.0, 0.0])
    value = score.hutchinson_divergence(lambda x: torch.sin(x) + x @ twisted.T, x, all_signs(2))
    assert_close(value, torch.cos(x).sum(-1))


@pytest.mark.question("score.5")
@given(seed=seeds)
@some
def test_hutchinson_divergence_gives_each_point_its_directions(seed):
    """A batch of three points has the estimates that the points have alone; a longer direction counts more."""
    draw = Draw(seed)
    (field, weight), x, v = draw.network(5), draw.normal(3, 5), draw.normal(2, 3, 5)
    together = score.hutchinson_divergence(field, x, v)
    alone = [score.hutchinson_divergence(field, x[b : b + 1], v[:, b : b + 1]) for b in range(3)]
    assert_close(together, torch.cat(alone))
    assert_close(score.hutchinson_divergence(field, x, 3 * v), 9 * together)
    (in_weight,) = torch.autograd.grad(together.sum(), weight)
    assert in_weight.abs().max() > 0


@pytest.mark.question("score.5")
def test_rademacher_draws_signs():
    signs = score.rademacher((2000, 3), generator=torch.Generator().manual_seed(4))
    assert signs.dtype == torch.get_default_dtype()
    assert signs.shape == (2000, 3)
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    # Means and correlations of independent signs are below 6 standard errors, 6 / sqrt(2000).
    assert signs.mean(0).abs().max() < 0.135
    assert (signs.T @ signs / 2000 - torch.eye(3)).abs().max() < 0.135


@pytest.mark.question("score.5")
def test_rademacher_uses_its_generator_alone():
    before = torch.get_rng_state()
    first, second, other = (
        score.rademacher((64,), generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


# ---------------------------------------------------------------------------------------------------------------
# score.6 ism_loss


@pytest.mark.question("score.6")
def test_ism_loss_of_a_gaussian_model():
    """s(x) = -x / 4 and the data -2 and 2: -1/4 + 1/8."""
    assert_close(score.ism_loss(lambda x: -x / 4, numbers([-2.0], [2.0])), torch.tensor(-0.125, dtype=torch.float64))


@pytest.mark.question("score.6")
def test_ism_loss_of_a_linear_field():
    """A x at x = (1, 0): the trace 5 and half of 1 + 9; at x = 0 the trace alone; then their mean."""
    x = numbers([1.0, 0.0], [0.0, 0.0])
    assert_close(score.ism_loss(linear(A), x[:1]), torch.tensor(10.0, dtype=torch.float64))
    assert_close(score.ism_loss(linear(A), x), torch.tensor(7.5, dtype=torch.float64))


@pytest.mark.question("score.6")
@given(seed=seeds)
@some
def test_ism_loss_is_least_at_the_moments_of_the_data(seed):
    """Among s(x) = -(x - m) / v there is no slope at mean and (biased) variance; beyond, it goes up."""
    x = Draw(seed).normal(7, 1)

    def slopes(m, v):
        m, v = m.clone().requires_grad_(), v.clone().requires_grad_()
        return torch.autograd.grad(score.ism_loss(lambda x: (m - x) / v, x), (m, v))

    mean, var = x.mean(), x.var(correction=0)
    in_m, in_v = slopes(mean, var)
    assert_close(in_m, torch.zeros_like(in_m), 1e-8)
    assert_close(in_v, torch.zeros_like(in_v), 1e-8)
    assert slopes(mean, 2 * var)[1] > 0 > slopes(mean, 0.7 * var)[1]


@pytest.mark.question("score.6")
def test_ism_loss_measures_the_distance_to_the_score():
    """Up to a constant it is 1/2 E (s - s_p)^2: for N(0, 1) and s(x) = a x + b that is ((a + 1)^2 + b^2) / 2 - 1/2."""
    x = numbers([-1.0], [1.0])  # mean 0 and variance 1, as far as quadratics see
    for a, b in ((-1.0, 0.0), (0.5, -2.0), (-3.0, 1.0)):
        value = score.ism_loss(lambda x, a=a, b=b: a * x + b, x)
        assert_close(value, torch.tensor(((a + 1) ** 2 + b**2) / 2 - 0.5, dtype=torch.float64))


# ---------------------------------------------------------------------------------------------------------------
# score.7 ssm_loss


@pytest.mark.question("score.7")
@pytest.mark.parametrize(("variance_reduced", "right"), [(False, 18.0), (True, 15.0)])
def test_ssm_loss_of_a_linear_field(variance_reduced, right):
    """At x = (1, 0), s is (1, 3); with v = (1, 1): 10 + 16 / 2, or 10 + 10 / 2. v may be [batch, dim]."""
    x, v = numbers([1.0, 0.0]), numbers([1.0, 1.0])
    for directions in (v, v[None]):
        value = score.ssm_loss(linear(A), x, directions, variance_reduced=variance_reduced)
        assert_close(value, torch.tensor(right, dtype=torch.float64))


@pytest.mark.question("score.7")
@pytest.mark.parametrize("variance_reduced", [False, True])
@given(seed=seeds)
@some
def test_ssm_loss_averages_to_the_implicit_loss(variance_reduced, seed):
    """For s = (sin x_1, sin x_2, sin x_3): the sum of cos x + sin^2 x / 2, over all signs."""
    x = Draw(seed).normal(1, 3)
    value = score.ssm_loss(torch.sin, x, all_signs(3), variance_reduced=variance_reduced)
    assert_close(value, (torch.cos(x) + torch.sin(x) ** 2 / 2).sum())


@pytest.mark.question("score.7")
@pytest.mark.parametrize("variance_reduced", [False, True])
@given(seed=seeds)
@some
def test_ssm_loss_is_a_mean_over_points_and_directions(variance_reduced, seed):
    draw = Draw(seed)
    (field, weight), x, v = draw.network(5), draw.normal(3, 5), draw.normal(2, 3, 5)
    value = score.ssm_loss(field, x, v, variance_reduced=variance_reduced)
    parts = [
        score.ssm_loss(field, x[b : b + 1], v[s, b : b + 1], variance_reduced=variance_reduced)
        for s in range(2)
        for b in range(3)
    ]
    assert_close(value, sum(parts) / 6)
    (in_weight,) = torch.autograd.grad(value, weight)
    assert in_weight.abs().max() > 0


@pytest.mark.question("score.7")
@pytest.mark.parametrize("variance_reduced", [False, True])
def test_ssm_loss_trains_both_terms(variance_reduced):
    """For s = w x, x = 2 and v = 1 it is w + 2 w^2: the slope at w = -1/4 is zero."""
    w = numbers(-0.25).requires_grad_()
    value = score.ssm_loss(lambda x: w * x, numbers([2.0]), numbers([1.0]), variance_reduced=variance_reduced)
    assert_close(torch.autograd.grad(value, w)[0], numbers(0.0))


# ---------------------------------------------------------------------------------------------------------------
# score.8 fit_gaussian_ism


@pytest.mark.question("score.8")
def test_fit_gaussian_ism_of_three_points():
    """The data 0, 0, 3 give the mean 1 and the variance 2, each dimension on its own."""
    m, v = score.fit_gaussian_ism(numbers([0.0, 5.0], [0.0, 5.0], [3.0, 5.0]))
    assert_close(m, numbers(1.0, 5.0))
    assert_close(v, numbers(2.0, 0.0))


@pytest.mark.question("score.8")
@given(seed=seeds)
@some
def test_fit_gaussian_ism_moves_with_the_data(seed):
    """Data that are moved by 10 and 3 times as wide have such a mean, and a variance 9 times as large."""
    x = Draw(seed).normal(7, 2)
    m, v = score.fit_gaussian_ism(x)
    moved_m, moved_v = score.fit_gaussian_ism(10 + 3 * x)
    assert_close(moved_m, 10 + 3 * m)
    assert_close(moved_v, 9 * v)
    assert v.min() > 0


@pytest.mark.question("score.8")
def test_fit_gaussian_ism_knows_its_data():
    """Moving one of three points by one moves the mean by a third."""
    x = numbers([0.0], [0.0], [3.0]).requires_grad_()
    m, v = score.fit_gaussian_ism(x)
    assert_close(torch.autograd.grad(m.sum(), x, retain_graph=True)[0], torch.full_like(x, 1 / 3))
    assert_close(torch.autograd.grad(v.sum(), x)[0], 2 / 3 * (x.detach() - 1))
