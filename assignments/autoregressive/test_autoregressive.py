"""Public tests of the assignment autoregressive: worked numbers, closed forms and laws.

Run them with `pytest test_autoregressive.py`; `-k made_masks` runs the tests of one function. The graded checks are
others, and more.
"""

import itertools
import math

import autoregressive as ar
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

    def classes(self, *shape, count):
        return torch.randint(count, shape, generator=self.generator)

    def order(self, size):
        return torch.randperm(size, generator=self.generator)

    def table(self, *shape):
        return torch.softmax(self.normal(math.prod(shape)), 0).reshape(shape)


def numbers(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def number(value):
    return torch.tensor(value, dtype=torch.float64)


def assert_close(actual, expected, tolerance=1e-9):
    """Equal shapes, dtypes and values; nothing is broadcast."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def refuses(function, *given):
    """Whether the function raises ValueError."""
    try:
        function(*given)
    except ValueError:
        return True
    return False


def states(*sizes):
    """All outcomes of variables with so many values each, [outcomes, variables]."""
    return torch.tensor(list(itertools.product(*map(range, sizes))))


# ---------------------------------------------------------------------------------------------------------------
# ar.1 joint_to_conditionals, chain_log_prob


@pytest.mark.question("ar.1")
def test_joint_to_conditionals_of_two_coins():
    first, second = ar.joint_to_conditionals(numbers(0.1, 0.3, 0.6, 0.0).reshape(2, 2))
    assert_close(first, numbers(0.4, 0.6))
    assert_close(second, numbers(0.25, 0.75, 1.0, 0.0).reshape(2, 2))


@pytest.mark.question("ar.1")
def test_joint_to_conditionals_after_what_never_occurs():
    """The first variable is never 1; what follows it is uniform."""
    first, second = ar.joint_to_conditionals(numbers(0.1, 0.3, 0.6, 0.0, 0.0, 0.0).reshape(2, 3))
    assert_close(first, numbers(1.0, 0.0))
    assert_close(second[1], numbers(1 / 3, 1 / 3, 1 / 3))


@pytest.mark.question("ar.1")
def test_joint_to_conditionals_of_an_exclusive_or():
    """Each pair of x1, x2, x3 = x1 xor x2 is independent; the last variable is certain given the two others."""
    table = torch.zeros(2, 2, 2, dtype=torch.float64)
    for a, b in itertools.product(range(2), repeat=2):
        table[a, b, a ^ b] = 0.25
    first, second, third = ar.joint_to_conditionals(table)
    assert_close(first, torch.full((2,), 0.5, dtype=torch.float64))
    assert_close(second, torch.full((2, 2), 0.5, dtype=torch.float64))
    assert_close(third, 4 * table)


@pytest.mark.question("ar.1")
def test_chain_log_prob_of_two_coins():
    conds = [numbers(0.4, 0.6), numbers(0.25, 0.75, 1.0, 0.0).reshape(2, 2)]
    value = ar.chain_log_prob(conds, torch.tensor([[0, 1], [1, 1], [1, 0]]))
    assert_close(value, numbers(math.log(0.3), -math.inf, math.log(0.6)))


@pytest.mark.question("ar.1")
@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 7), (0,)])
def test_chain_log_prob_has_one_value_per_example(batch):
    """A fair coin and a fair die: log 12 whatever comes."""
    conds = [torch.full((2,), 1 / 2), torch.full((2, 6), 1 / 6)]
    x = torch.ones(*batch, 2, dtype=torch.int64)
    assert_close(ar.chain_log_prob(conds, x), torch.full(batch, -math.log(12)), 1e-6)


@pytest.mark.question("ar.1")
@given(seed=seeds)
@some
def test_joint_to_conditionals_and_chain_log_prob_give_the_table_back(seed):
    """In any order of the variables."""
    draw = Draw(seed)
    table = draw.table(2, 3, 5).permute(*draw.order(3).tolist())
    conds = ar.joint_to_conditionals(table)
    for cond in conds:
        assert_close(cond.sum(-1), torch.ones(cond.shape[:-1], dtype=torch.float64))
    log_p = ar.chain_log_prob(conds, states(*table.shape))
    assert_close(log_p.exp(), table.flatten())


@pytest.mark.question("ar.1")
def test_chain_log_prob_passes_gradients():
    """d log p / dp = 1 / p for the entries that are looked up, and nothing else."""
    conds = [numbers(0.4, 0.6).requires_grad_(), numbers(0.25, 0.75, 0.5, 0.5).reshape(2, 2).requires_grad_()]
    first, second = torch.autograd.grad(ar.chain_log_prob(conds, torch.tensor([0, 1])), conds)
    assert_close(first, numbers(2.5, 0.0))
    assert_close(second, numbers(0.0, 4 / 3, 0.0, 0.0).reshape(2, 2))


# ---------------------------------------------------------------------------------------------------------------
# ar.2 gaussian_ar_nll, gaussian_ar_fit


@pytest.mark.question("ar.2")
def test_gaussian_ar_nll_of_two_variables():
    """Both are one standard deviation from their mean; what stands on and above the diagonal does not count."""
    W = numbers(9.0, 9.0, 2.0, 9.0).reshape(2, 2)
    value = ar.gaussian_ar_nll(numbers(1.0, 3.0), W, numbers(0.0, 0.0), numbers(0.0, 0.0))
    assert_close(value, number(1 + math.log(2 * math.pi)))


@pytest.mark.question("ar.2")
@pytest.mark.parametrize("log_sigma", [math.log(2), torch.tensor(math.log(2), dtype=torch.float64)])
def test_gaussian_ar_nll_with_one_sigma(log_sigma):
    """Three dimensions at their means cost three times log(2 sqrt(2 pi))."""
    value = ar.gaussian_ar_nll(torch.zeros(2, 3).double(), torch.zeros(3, 3).double(), numbers(0, 0, 0), log_sigma)
    assert_close(value, torch.full((2,), 3 * (math.log(2) + 0.5 * math.log(2 * math.pi)), dtype=torch.float64))


@pytest.mark.question("ar.2")
@given(seed=seeds)
@some
def test_gaussian_ar_nll_is_that_of_one_normal(seed):
    """x = (I - W)^-1 (b + sigma eps) is normal, with the precision (I - W)' diag(sigma^-2) (I - W)."""
    draw = Draw(seed)
    x, W, b, log_sigma = draw.normal(4, 3), draw.normal(3, 3), draw.normal(3), 0.5 * draw.normal(3)
    away = torch.eye(3, dtype=torch.float64) - W.tril(-1)
    precision = away.T @ torch.diag(torch.exp(-2 * log_sigma)) @ away
    normal = torch.distributions.MultivariateNormal(torch.linalg.solve(away, b), precision_matrix=precision)
    assert_close(ar.gaussian_ar_nll(x, W, b, log_sigma), -normal.log_prob(x), 1e-8)


@pytest.mark.question("ar.2")
@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 3), (0,)])
def test_gaussian_ar_nll_has_one_value_per_example(batch):
    x, W, b = torch.zeros(*batch, 5), torch.zeros(5, 5), torch.zeros(5)
    assert_close(ar.gaussian_ar_nll(x, W, b, torch.zeros(5)), torch.full(batch, 4.5946927), 1e-6)


@pytest.mark.question("ar.2")
def test_gaussian_ar_nll_has_no_gradient_on_and_above_the_diagonal():
    draw = Draw(3)
    W = draw.normal(4, 4).requires_grad_()
    loss = ar.gaussian_ar_nll(draw.normal(5, 4), W, draw.normal(4), 0.3).sum()
    (gradient,) = torch.autograd.grad(loss, W)
    assert_close(gradient.triu(), torch.zeros(4, 4, dtype=torch.float64))
    assert (gradient.abs() + torch.ones(4, 4).triu() > 0).all()


@pytest.mark.question("ar.2")
def test_gaussian_ar_fit_of_a_line():
    """x2 = 1 + 2 x1."""
    W, b = ar.gaussian_ar_fit(numbers(0.0, 1.0, 2.0, 5.0, 4.0, 9.0).reshape(3, 2))
    assert_close(W, numbers(0.0, 0.0, 2.0, 0.0).reshape(2, 2))
    assert_close(b, numbers(2.0, 1.0))


@pytest.mark.question("ar.2")
def test_gaussian_ar_fit_of_a_single_point():
    """Of all lines through (1, 4) the shortest is 2 + 2 x."""
    W, b = ar.gaussian_ar_fit(numbers(1.0, 4.0).reshape(1, 2))
    assert_close(W, numbers(0.0, 0.0, 2.0, 0.0).reshape(2, 2))
    assert_close(b, numbers(1.0, 2.0))


@pytest.mark.question("ar.2")
@given(seed=seeds)
@some
def test_gaussian_ar_fit_leaves_errors_that_nothing_known_explains(seed):
    """The errors of each dimension average to zero and are orthogonal to all dimensions before it."""
    x = Draw(seed).normal(30, 4) + 5
    W, b = ar.gaussian_ar_fit(x)
    assert_close(W.triu(), torch.zeros(4, 4, dtype=torch.float64))
    errors = x - b - x @ W.T
    assert_close(errors.mean(0), torch.zeros(4, dtype=torch.float64), 1e-7)
    assert_close((errors.T @ x).tril(-1), torch.zeros(4, 4, dtype=torch.float64), 1e-6)


# ---------------------------------------------------------------------------------------------------------------
# ar.3 made_masks


def paths(masks):
    """How many paths of kept weights lead from each input to each output."""
    product = masks[0].double()
    for mask in masks[1:]:
        product = mask.double() @ product
    return product


@pytest.mark.question("ar.3")
def test_made_masks_of_two_variables():
    """Input 1 comes first: all units see it, and output 0 sees the units."""
    first, last = ar.made_masks(torch.tensor([1, 0]), [torch.tensor([0, 0, 0])])
    assert first.dtype == last.dtype == torch.bool
    assert first.tolist() == [[False, True]] * 3
    assert last.tolist() == [[True, True, True], [False, False, False]]


@pytest.mark.question("ar.3")
def test_made_masks_have_the_paths_of_the_handout():
    masks = ar.made_masks(torch.tensor([0, 1, 2]), [torch.tensor([0, 1, 0, 1])])
    assert paths(masks).tolist() == [[0, 0, 0], [2, 0, 0], [4, 2, 0]]


@pytest.mark.question("ar.3")
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@given(seed=seeds)
@some
def test_made_masks_show_exactly_what_comes_before(depth, seed):
    """With every degree in every layer, an output sees an input where that comes before it in the order."""
    draw = Draw(seed)
    order = draw.order(5)
    degrees = [draw.order(units) % 4 for units in (11, 13, 8)[:depth]]
    masks = ar.made_masks(order, degrees)
    sizes = [5, *map(len, degrees), 5]
    assert [tuple(mask.shape) for mask in masks] == list(zip(sizes[1:], sizes[:-1], strict=True))
    assert torch.equal(paths(masks) > 0, order[:, None] > order[None, :])


@pytest.mark.question("ar.3")
def test_made_masks_come_in_blocks():
    """First a row for each variable, then again a row for each variable."""
    order, degrees = torch.tensor([2, 0, 1]), [torch.tensor([0, 1, 1, 0])]
    (_, once), (_, thrice) = ar.made_masks(order, degrees), ar.made_masks(order, degrees, 3)
    assert torch.equal(thrice, torch.cat((once, once, once)))


@pytest.mark.question("ar.3")
def test_made_masks_of_a_single_variable():
    masks = ar.made_masks(torch.tensor([0]), [torch.tensor([0, 0])], 2)
    assert paths(masks).tolist() == [[0], [0]]


# ---------------------------------------------------------------------------------------------------------------
# ar.4 pixelcnn_mask


@pytest.mark.question("ar.4")
def test_pixelcnn_mask_of_one_channel():
    above, left = [[True] * 3], [True, False, False]
    first, later = ar.pixelcnn_mask("A", 1, 1, 3), ar.pixelcnn_mask("B", 1, 1, 3)
    assert first.dtype == later.dtype == torch.bool
    assert first[0, 0].tolist() == [*above, left, [False] * 3]
    assert later[0, 0].tolist() == [*above, [True, True, False], [False] * 3]


@pytest.mark.question("ar.4")
def test_pixelcnn_mask_of_three_colors():
    """Two channels a colour: 0 and 1 are of the first one."""
    first = ar.pixelcnn_mask("A", 3, 6, 1, 3)[:, :, 0, 0].long()
    later = ar.pixelcnn_mask("B", 3, 6, 1, 3)[:, :, 0, 0].long()
    assert first.tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert later.tolist() == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]]


@pytest.mark.question("ar.4")
@pytest.mark.parametrize("colors", [1, 3])
def test_pixelcnn_mask_keeps_the_future_out(colors):
    """Through three layers, an output does not change with its own pixel's colour or anything after it."""
    masks = [
        ar.pixelcnn_mask("A", colors, 2 * colors, 3, colors),
        ar.pixelcnn_mask("B", 2 * colors, 2 * colors, 3, colors),
    ]
    masks.append(ar.pixelcnn_mask("B", 2 * colors, colors, 1, colors))
    image = torch.zeros(1, colors, 5, 5, dtype=torch.float64, requires_grad=True)
    values = image
    for mask in masks:
        values = torch.conv2d(values, mask.double(), None, 1, mask.shape[-1] // 2)
    for color in range(colors):
        (seen,) = torch.autograd.grad(values[0, color, 2, 2], image, retain_graph=True)
        in_order = seen[0].permute(1, 2, 0).flatten() > 0
        now = 12 * colors + color
        assert not in_order[now:].any()
        assert in_order[now - colors]


@pytest.mark.question("ar.4")
@pytest.mark.parametrize(("in_ch", "out_ch", "k", "colors"), [(1, 1, 4, 1), (3, 4, 3, 3), (4, 3, 3, 3)])
def test_pixelcnn_mask_refuses_what_makes_no_sense(in_ch, out_ch, k, colors):
    assert not refuses(ar.pixelcnn_mask, "A", 3, 3, 3, 3)
    assert refuses(ar.pixelcnn_mask, "A", in_ch, out_ch, k, colors)


# ---------------------------------------------------------------------------------------------------------------
# ar.5 causal_attention


@pytest.mark.question("ar.5")
def test_causal_attention_of_two_times():
    """The second query weighs the two values 1/4 and 3/4."""
    q, k, v = numbers(1.0, 1.0)[:, None], numbers(0.0, math.log(3))[:, None], numbers(0.0, 4.0)[:, None]
    assert_close(ar.causal_attention(q, k, v), numbers(0.0, 3.0)[:, None])


@pytest.mark.question("ar.5")
def test_causal_attention_scales_by_the_root_of_the_dimension():
    """With d = 4, the scores 2 log 3 and 0 become log 3 and 0."""
    q = torch.ones(1, 4, dtype=torch.float64)
    k = torch.stack((torch.full((4,), math.log(3) / 2), torch.zeros(4))).double()
    assert_close(ar.causal_attention(q, k, numbers(4.0, 0.0)[:, None]), numbers(3.0)[:, None], 1e-6)


@pytest.mark.question("ar.5")
@given(seed=seeds)
@some
def test_causal_attention_does_not_see_the_future(seed):
    """The output at time t has no gradient in keys and values after t, and one in those up to t."""
    draw = Draw(seed)
    q, k, v = draw.normal(2, 5, 3), draw.normal(2, 5, 3).requires_grad_(), draw.normal(2, 5, 4).requires_grad_()
    for t in range(1, 5):
        in_k, in_v = torch.autograd.grad(ar.causal_attention(q, k, v)[:, t].sum(), (k, v))
        for gradient in (in_k, in_v):
            size = gradient.abs().sum((0, 2))
            assert (size[t + 1 :] == 0).all()
            assert (size[: t + 1] > 0).all()


@pytest.mark.question("ar.5")
@given(seed=seeds)
@some
def test_causal_attention_with_a_cache(seed):
    """The last queries alone get what they get among all."""
    draw = Draw(seed)
    q, k, v = draw.normal(2, 7, 3), draw.normal(2, 7, 3), draw.normal(2, 7, 4)
    everything = ar.causal_attention(q, k, v)
    assert_close(ar.causal_attention(q[:, -2:], k, v), everything[:, -2:])
    assert not torch.allclose(everything[:, 1:], everything[:, :-1])


@pytest.mark.question("ar.5")
@given(seed=seeds)
@some
def test_causal_attention_with_padding(seed):
    """Marked keys count as little as if they were not there."""
    draw = Draw(seed)
    q, k, v = draw.normal(2, 1, 3), draw.normal(2, 5, 3), draw.normal(2, 5, 4)
    padding = torch.tensor([False, True, False, True, False])
    kept = ar.causal_attention(q, k[:, ~padding], v[:, ~padding])
    assert_close(ar.causal_attention(q, k, v, key_padding_mask=padding.expand(2, 5)), kept)
    assert not torch.allclose(ar.causal_attention(q, k, v), kept)


@pytest.mark.question("ar.5")
def test_causal_attention_with_nothing_to_see():
    """Zeros, with gradients of zero."""
    draw = Draw(5)
    q, k, v = (draw.normal(2, 3, 4).requires_grad_() for _ in range(3))
    value = ar.causal_attention(q, k, v, key_padding_mask=torch.tensor([[True] * 3, [False] * 3]))
    assert_close(value[0], torch.zeros(3, 4, dtype=torch.float64))
    assert (value[1] != 0).all()
    for gradient in torch.autograd.grad(value.sum(), (q, k, v)):
        assert_close(gradient[0], torch.zeros(3, 4, dtype=torch.float64))


@pytest.mark.question("ar.5")
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_causal_attention_in_few_digits(dtype):
    """Where all scores are alike, outputs are running averages."""
    q, v = torch.ones(3, 2, dtype=dtype), torch.tensor([[0.0], [2.0], [4.0]], dtype=dtype)
    assert_close(ar.causal_attention(q, q, v), torch.tensor([[0.0], [1.0], [2.0]], dtype=dtype), 1e-2)


# ---------------------------------------------------------------------------------------------------------------
# ar.6 lm_loss


@pytest.mark.question("ar.6")
def test_lm_loss_of_three_tokens():
    logits = numbers(0.0, math.log(3), 0.0, 0.0, 5.0, 0.0).reshape(3, 2)
    loss = ar.lm_loss(logits, torch.tensor([0, 1, 1]))
    assert_close(loss, number((math.log(4 / 3) + math.log(2)) / 2))


@pytest.mark.question("ar.6")
def test_lm_loss_of_a_model_that_copies():
    """0, 1, 2, 3, 0, ...: repeating the token is wrong every time; naming the next one is right."""
    tokens = torch.arange(8).remainder(4).expand(2, 8)
    copies = 20.0 * torch.eye(4, dtype=torch.float64)[tokens]
    assert ar.lm_loss(copies, tokens) > 19
    assert ar.lm_loss(copies.roll(-1, dims=1), tokens) < 1e-6


@pytest.mark.question("ar.6")
def test_lm_loss_does_not_count_padding():
    """Three targets are left; a short sequence does not weigh more than a long one, per token."""
    logits = torch.zeros(2, 4, 3, dtype=torch.float64)
    logits[:, 0, 1] = math.log(2)
    tokens = torch.tensor([[0, 1, 2, 2], [0, 1, 0, 2]])
    loss = ar.lm_loss(logits, tokens, pad_id=2)
    assert_close(loss, number((2 * math.log(2) + math.log(3)) / 3))


@pytest.mark.question("ar.6")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3)])
def test_lm_loss_of_equal_logits(batch):
    """Log of the vocabulary, one number for all sequences."""
    logits, tokens = torch.ones(*batch, 5, 7), torch.zeros(*batch, 5, dtype=torch.int64)
    assert_close(ar.lm_loss(logits, tokens), torch.tensor(math.log(7)), 1e-6)


@pytest.mark.question("ar.6")
def test_lm_loss_of_nothing():
    """All padding, or no sequence at all."""
    logits, tokens = torch.ones(2, 3, 4), torch.ones(2, 3, dtype=torch.int64)
    assert_close(ar.lm_loss(logits, tokens, pad_id=1), torch.tensor(0.0))
    assert_close(ar.lm_loss(logits[:0], tokens[:0]), torch.tensor(0.0))


@pytest.mark.question("ar.6")
def test_lm_loss_refuses_a_single_token():
    assert refuses(ar.lm_loss, torch.ones(2, 1, 4), torch.ones(2, 1, dtype=torch.int64))


@pytest.mark.question("ar.6")
@given(seed=seeds)
@some
def test_lm_loss_has_gradients_where_something_is_predicted(seed):
    """Everywhere but at the last place; they sum to zero over the vocabulary."""
    draw = Draw(seed)
    logits = draw.normal(3, 5, 7).requires_grad_()
    (gradient,) = torch.autograd.grad(ar.lm_loss(logits, draw.classes(3, 5, count=7)), logits)
    assert (gradient[:, -1] == 0).all()
    assert (gradient[:, :-1].abs().amax(-1) > 0).all()
    assert_close(gradient.sum(-1), torch.zeros(3, 5, dtype=torch.float64))


# ---------------------------------------------------------------------------------------------------------------
# ar.7 ar_sample


class Switch:
    """Three bits: the first is 1 three times of four, each later one is the opposite of the one before it."""

    def __init__(self):
        self.asked = []

    def __call__(self, x):
        self.asked.append(tuple(x.shape))
        logits = torch.zeros(*x.shape, 2)
        logits[:, 0, 1] = math.log(3)
        logits[:, 1:, 1] = 60.0 - 120.0 * (x[:, :-1] == 1).float()
        return logits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.question("ar.7")
def test_ar_sample_draws_from_the_joint():
    """Of the eight outcomes only 010 and 101 come, the second one three times of four (3000 draws: +-5%)."""
    x = ar.ar_sample(Switch(), 3000, 3, generator=generator())
    assert x.dtype == torch.int64
    assert x.shape == (3000, 3)
    assert torch.equal(x[:, 1], 1 - x[:, 0])
    assert torch.equal(x[:, 2], x[:, 0])
    assert abs(x[:, 0].double().mean() - 0.75) < 0.05


@pytest.mark.question("ar.7")
@pytest.mark.parametrize("prefix", [torch.tensor([1, 1]), torch.tensor([1, 1]).repeat(5, 1)])
def test_ar_sample_goes_on_after_a_prefix(prefix):
    model = Switch()
    x = ar.ar_sample(model, 5, 3, generator=generator(), prefix=prefix)
    assert x.tolist() == [[1, 1, 0]] * 5
    assert model.asked == [(5, 3)]


@pytest.mark.question("ar.7")
def test_ar_sample_calls_the_model_once_a_variable():
    model = Switch()
    ar.ar_sample(model, 5, 3, generator=generator())
    assert model.asked == [(5, 3)] * 3


@pytest.mark.question("ar.7")
def test_ar_sample_with_a_temperature():
    """At 1/2 the odds of 3 to 1 are 9 to 1; at 0 the likelier value always comes."""
    cold = ar.ar_sample(Switch(), 3000, 3, generator=generator(), temperature=0.5)
    assert abs(cold[:, 0].double().mean() - 0.9) < 0.04
    frozen = ar.ar_sample(Switch(), 50, 3, generator=generator(), temperature=0.0)
    assert frozen.tolist() == [[1, 0, 1]] * 50


@pytest.mark.question("ar.7")
def test_ar_sample_draws_from_its_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (ar.ar_sample(Switch(), 99, 3, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


# ---------------------------------------------------------------------------------------------------------------
# ar.8 bits_per_dim


@pytest.mark.question("ar.8")
def test_bits_per_dim_of_256_levels():
    """Three dimensions that are uniform over 256 levels, as probabilities and as densities on [0, 1]."""
    log_prob = numbers(-3 * math.log(256), -3 * math.log(16))
    assert_close(ar.bits_per_dim(log_prob, 3), numbers(8.0, 4.0))
    assert_close(ar.bits_per_dim(number(0.0), 3, scale_levels=256), number(8.0))


@pytest.mark.question("ar.8")
@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3), (0,)])
def test_bits_per_dim_has_one_value_per_example(batch):
    value = ar.bits_per_dim(torch.full(batch, -2 * math.log(2)), 2, scale_levels=4)
    assert_close(value, torch.full(batch, 3.0), 1e-6)


@pytest.mark.question("ar.8")
def test_bits_per_dim_of_likelier_data():
    """One nat more in one dimension is 1.443 bits less; the slope is the same everywhere."""
    log_prob = numbers(-5.0, -4.0).requires_grad_()
    value = ar.bits_per_dim(log_prob, 1)
    assert_close(value[0] - value[1], number(1 / math.log(2)))
    (gradient,) = torch.autograd.grad(value.sum(), log_prob)
    assert_close(gradient, torch.full((2,), -1 / math.log(2), dtype=torch.float64))


# ---------------------------------------------------------------------------------------------------------------
# ar.9 train_made

BITS = states(*[2] * 12)
FLIP = 0.1
"""After two fair coins, each bit is the exclusive or of the two before it, turned round one time of ten."""


def log_prob_of_the_law(x):
    flipped = x[:, 2:] ^ x[:, 1:-1] ^ x[:, :-2]
    chances = numbers(math.log(1 - FLIP), math.log(FLIP))[flipped]
    return chances.sum(-1) - 2 * math.log(2)


@pytest.fixture(scope="module")
def logits():
    """Of a trained model, for all 4096 examples."""
    law = log_prob_of_the_law(BITS).exp()
    data = BITS[torch.multinomial(law, 20_000, replacement=True, generator=generator(7))].float()
    return ar.train_made(data, generator=generator(8), budget_s=30.0).eval()(BITS.float()).detach().double()


@pytest.mark.question("ar.9")
def test_train_made_gives_probabilities_that_sum_to_one(logits):
    log_p = (BITS * logits - torch.nn.functional.softplus(logits)).sum(-1)
    assert_close(log_p.exp().sum(), number(1.0), 1e-3)
    assert log_p.std() > 0.1


@pytest.mark.question("ar.9")
def test_train_made_sees_the_past_alone(logits):
    """All examples that begin alike have the same logits there; the logits of the last bit differ."""
    for i in range(12):
        alike = logits[:, i].reshape(2**i, -1)
        assert_close(alike, alike[:, :1].expand_as(alike), 1e-3)
    assert logits[:, 11].std() > 0.1


@pytest.mark.question("ar.9")
def test_train_made_comes_near_the_entropy(logits):
    """The entropy is 2 log 2 + 10 times that of a coin with 0.1 and 0.9: 4.637 nats."""
    law = log_prob_of_the_law(BITS)
    assert_close(-(law.exp() * law).sum(), number(4.637124095), 1e-8)
    gap = (law.exp() * (law - (BITS * logits - torch.nn.functional.softplus(logits)).sum(-1))).sum()
    assert -1e-3 < gap < 0.25
