"""The oracles of autoregressive against sources that share no code with them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import mpmath
import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from grader import catalog
from grader.question import Question
from grader.standard import Arguments
from grader.worker.families.tables import table_logits, table_logits_in_turn
from reference.autoregressive import (
    ar_sample,
    bits_per_dim,
    causal_attention,
    gaussian_ar_nll,
    joint_to_conditionals,
    lm_loss,
    made_masks,
    pixelcnn_mask,
    train_made,
)
from reference.autoregressive._binary_law import ENTROPY, STATES, BinaryLaw, log_probs, mean_gap

QUESTIONS: Sequence[tuple[Question, str, float]] = (
    (joint_to_conditionals.question, "ar.1", 10),
    (gaussian_ar_nll.question, "ar.2", 10),
    (made_masks.question, "ar.3", 15),
    (pixelcnn_mask.question, "ar.4", 10),
    (causal_attention.question, "ar.5", 15),
    (lm_loss.question, "ar.6", 10),
    (ar_sample.question, "ar.7", 10),
    (bits_per_dim.question, "ar.8", 5),
    (train_made.question, "ar.9", 10),
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def exactly(actual: Tensor, expected: object, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected), rtol=rtol, atol=1e-13)


@pytest.mark.parametrize(("question", "question_id", "points"), QUESTIONS, ids=[row[1] for row in QUESTIONS])
def test_a_question_is_worth_what_the_catalogue_says(question: Question, question_id: str, points: float) -> None:
    assert (question.id, question.points) == (question_id, points)
    assert all(check.points * 4 == int(check.points * 4) > 0 for check in question.checks)


def test_the_assignment_is_worth_a_hundred(request: pytest.FixtureRequest) -> None:
    assignment = catalog.load(request.config.rootpath, "autoregressive")
    assert [question.id for question in assignment.questions] == [row[1] for row in QUESTIONS]
    assert [(written.id, written.points) for written in assignment.written] == [("C3", 5)]
    assert sum(question.points for question in (*assignment.questions, *assignment.written)) == 100


@pytest.mark.parametrize("question", [row[0] for row in QUESTIONS], ids=lambda question: question.id)
def test_the_first_check_requires_no_other(question: Question) -> None:
    assert question.checks[0].kind in ("value", "training")
    assert not question.checks[0].requires


# ar.1


def test_conditionals_are_ratios_of_sums(random: np.random.Generator) -> None:
    """By definition: p(prefix, value) / p(prefix), one entry after another, with numpy's sums."""
    table = random.dirichlet(np.ones(2 * 3 * 4)).reshape(2, 3, 4)
    table[1, 2] = 0
    table /= table.sum()
    conds = joint_to_conditionals.joint_to_conditionals(torch.from_numpy(table))
    for length, cond in enumerate(conds, start=1):
        for place in itertools.product(*map(range, table.shape[:length])):
            prefix = table[place[:-1]].sum()
            expected = table[place].sum() / prefix if prefix else 1 / table.shape[length - 1]
            assert float(cond[place]) == pytest.approx(expected, rel=1e-12)


def test_chain_log_prob_is_the_logarithm_of_the_table(random: np.random.Generator) -> None:
    """The table that the conditionals were made of, by numpy."""
    table = random.dirichlet(np.ones(2 * 3 * 4)).reshape(2, 3, 4)
    first = table.sum((1, 2))
    second = table.sum(2) / first[:, None]
    third = table / table.sum(2, keepdims=True)
    x = np.array(list(itertools.product(range(2), range(3), range(4)))).reshape(6, 4, 3)
    value = joint_to_conditionals.chain_log_prob([*map(torch.from_numpy, (first, second, third))], torch.from_numpy(x))
    exactly(value, np.log(table).reshape(6, 4))


# ar.2


def test_gaussian_ar_nll_is_that_of_one_multivariate_normal(random: np.random.Generator) -> None:
    """scipy's, with the covariance (I - W)^-1 diag(sigma^2) (I - W)^-T."""
    x, W, b, log_sigma = (random.normal(size=shape) for shape in ((5, 4), (4, 4), 4, 4))
    inverse = np.linalg.inv(np.eye(4) - np.tril(W, -1))
    law = scipy.stats.multivariate_normal(inverse @ b, inverse @ np.diag(np.exp(2 * log_sigma)) @ inverse.T)
    exactly(gaussian_ar_nll.gaussian_ar_nll(*map(torch.from_numpy, (x, W, b, log_sigma))), -law.logpdf(x), rtol=1e-9)


def test_gaussian_ar_fit_maximises_the_likelihood(random: np.random.Generator) -> None:
    """The likelihood is scipy.stats', its maximum scipy.optimize's."""
    x = random.normal(size=(12, 3)) @ np.triu(random.normal(size=(3, 3)) + np.eye(3))
    below = np.tril_indices(3, -1)

    def loss(parameters: np.ndarray) -> float:
        W = np.zeros((3, 3))
        W[below] = parameters[:3]
        return float(-scipy.stats.norm.logpdf(x, parameters[3:] + x @ W.T, 0.7).sum())

    found = scipy.optimize.minimize(loss, np.zeros(6), tol=1e-12).x
    W, b = gaussian_ar_nll.gaussian_ar_fit(torch.from_numpy(x))
    np.testing.assert_allclose(W.numpy()[below], found[:3], atol=1e-5)
    np.testing.assert_allclose(b.numpy(), found[3:], atol=1e-5)
    assert not W.triu().any()


def test_gaussian_ar_fit_is_the_shortest_of_the_best(random: np.random.Generator) -> None:
    """numpy's pseudo-inverse, where there are fewer points than unknowns."""
    x = random.normal(size=(2, 4))
    W, b = gaussian_ar_nll.gaussian_ar_fit(torch.from_numpy(x))
    solution = np.linalg.pinv(np.hstack((np.ones((2, 1)), x[:, :3]))) @ x[:, 3]
    exactly(b[3], solution[0], rtol=1e-9)
    exactly(W[3, :3], solution[1:], rtol=1e-9)


def test_no_data_are_drawn_on_which_lapack_may_stop_early() -> None:
    x = torch.tensor([[0.3, 0.5, 1.8, 2.0, 3.0], [-0.7, 0.5, 0.8, -1.0, 2.0]], dtype=torch.float64)
    design, wanted = np.hstack((np.ones((2, 1)), x[:, :2])), np.vstack((x[:, 2:3], [[0.0]]))
    ranks = [
        scipy.linalg.lapack.dgelsy(design, wanted, np.array(begin), 1e-15, 100)[3] for begin in ([0, 0, 0], [1, 0, 1])
    ]
    assert ranks == [2, 1]
    assert not gaussian_ar_nll.is_in_general_position(x)
    x[1, 1] = 0.6
    assert gaussian_ar_nll.is_in_general_position(x)


@given(inputs=gaussian_ar_nll.few_data(), begin=st.lists(st.booleans(), min_size=5, max_size=5))
def test_several_best_fits_are_told_apart_whichever_columns_lapack_begins_with(
    inputs: Arguments, begin: list[bool]
) -> None:
    """LAPACK's gelsy, told to begin with any columns, as torch's lstsq tells it by accident."""
    x = inputs.args[0].numpy()
    W, b = gaussian_ar_nll.gaussian_ar_fit(inputs.args[0])
    for i in range(x.shape[1]):
        design = np.hstack((np.ones((len(x), 1)), x[:, :i]))
        wanted = np.zeros((max(design.shape), 1))
        wanted[: len(x)] = x[:, i : i + 1]
        lwork = 100
        _, solution, *_ = scipy.linalg.lapack.dgelsy(design, wanted, np.array(begin[: i + 1]), 1e-15, lwork)
        exactly(b[i], solution[0, 0], rtol=1e-9)
        exactly(W[i, :i], solution[1 : i + 1, 0], rtol=1e-9)


# ar.3


@pytest.mark.parametrize("degrees", [[], [5], [7, 6], [6, 9, 8]])
def test_made_masks_give_the_dependencies_of_the_order(degrees: list[int], random: np.random.Generator) -> None:
    """The Jacobian of a network with random weights, at 64 random inputs; twice the outputs, in blocks."""
    order = torch.from_numpy(random.permutation(5))
    hidden = [torch.from_numpy(random.permutation(units) % 4) for units in degrees]
    masks = made_masks.made_masks(order, hidden, 2)
    weights = [torch.from_numpy(random.normal(size=tuple(mask.shape))) * mask for mask in masks]

    def network(x: Tensor) -> Tensor:
        for weight in weights[:-1]:
            x = torch.tanh(weight @ x)
        return weights[-1] @ x

    inputs = torch.from_numpy(random.normal(size=(64, 5)))
    jacobians = torch.stack([torch.autograd.functional.jacobian(network, x) for x in inputs])
    seen = (jacobians != 0).any(0)
    before = [[bool(order[j] < order[i]) for j in range(5)] for i in range(5)]
    assert seen.tolist() == before * 2


# ar.4


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize(("in_ch", "out_ch", "k", "n_colors"), [(1, 1, 3, 1), (3, 6, 5, 3), (6, 3, 1, 3), (4, 2, 3, 2)])
def test_pixelcnn_mask_orders_subpixels(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int) -> None:
    """With a number for each (row, column, colour) in the order of drawing, a kept weight leads from a lower one."""
    image = np.arange(k * k * n_colors).reshape(k, k, n_colors)
    now = image[k // 2, k // 2]
    mask = pixelcnn_mask.pixelcnn_mask(kind, in_ch, out_ch, k, n_colors).numpy()
    blocks_out, blocks_in = (np.repeat(np.arange(n_colors), channels // n_colors) for channels in (out_ch, in_ch))
    for out, into in itertools.product(range(out_ch), range(in_ch)):
        times = image[:, :, blocks_in[into]]
        own = now[blocks_out[out]]
        np.testing.assert_array_equal(mask[out, into], times < own if kind == "A" else times <= own)


# ar.5


@pytest.mark.parametrize(("queries", "keys"), [(5, 5), (2, 7), (1, 1)])
def test_causal_attention_is_the_librarys(queries: int, keys: int, random: np.random.Generator) -> None:
    """torch's scaled_dot_product_attention with an explicit mask."""
    q, k, v = (torch.from_numpy(random.normal(size=(2, 3, n, d))) for n, d in ((queries, 4), (keys, 4), (keys, 6)))
    padding = torch.from_numpy(random.integers(2, size=(2, 3, keys)).astype(bool))
    padding[..., 0] = False
    visible = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries) & ~padding[..., None, :]
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=visible)
    exactly(causal_attention.causal_attention(q, k, v, key_padding_mask=padding), expected, rtol=1e-10)


def test_causal_attention_of_nothing_is_zero() -> None:
    """By the settled reading: more queries than keys, and padding alone."""
    ones = torch.ones(3, 2, dtype=torch.float64)
    exactly(causal_attention.causal_attention(ones, ones[:2], ones[:2]), [[0, 0], [1, 1], [1, 1]])
    padding = torch.tensor([True, True, True])
    exactly(causal_attention.causal_attention(ones, ones, ones, key_padding_mask=padding), np.zeros((3, 2)))


# ar.6


@pytest.mark.parametrize("pad_id", [None, 2])
def test_lm_loss_is_a_double_loop(pad_id: int | None, random: np.random.Generator) -> None:
    """One token after another, with scipy's log_softmax."""
    logits, tokens = 2 * random.normal(size=(3, 6, 4)), random.integers(4, size=(3, 6))
    costs = [
        -scipy.special.log_softmax(logits[n, t])[tokens[n, t + 1]]
        for n, t in itertools.product(range(3), range(5))
        if tokens[n, t + 1] != pad_id
    ]
    exactly(lm_loss.lm_loss(torch.from_numpy(logits), torch.from_numpy(tokens), pad_id=pad_id), np.mean(costs))


def test_lm_loss_of_large_logits_is_exact() -> None:
    """Against mpmath."""
    logits = torch.tensor([[1e4, -1e4, 9999.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    with mpmath.workdps(60):
        expected = float(mpmath.log(mpmath.fsum(map(mpmath.exp, logits[0].tolist()))) - 9999)
    exactly(lm_loss.lm_loss(logits, torch.tensor([0, 2])), expected)


# ar.7


def test_the_law_of_a_model_is_enumerated(random: np.random.Generator) -> None:
    """The product of softmaxes, one outcome after another, by scipy; and the family gives these logits."""
    tables = [random.normal(size=(3,) * (i + 1)) for i in range(3)]
    model = ar_sample.Model([torch.from_numpy(table) for table in tables], 0)
    outcomes = list(itertools.product(range(3), repeat=3))
    expected = [
        math.prod(scipy.special.softmax(table[x[:i]] / 0.5)[x[i]] for i, table in enumerate(tables)) for x in outcomes
    ]
    exactly(model.law(0.5), expected)
    x = torch.tensor(outcomes)
    assert model.numbered(x).tolist() == list(range(27))
    logits = table_logits(model.tables)(x)
    exactly(logits, [[table[place[:i]] for i, table in enumerate(tables)] for place in outcomes])
    in_turn = table_logits_in_turn(model.tables, 1)
    for turn in (1, 2):
        answer = in_turn(x)
        exactly(answer[:, turn], logits[:, turn])
        assert (answer[:, 0].argmax(-1) == 2).all()


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_ar_sample_draws_from_the_law(temperature: float, random: np.random.Generator) -> None:
    """scipy's chi-square test, for 20,000 samples of 27 outcomes."""
    model = ar_sample.Model([torch.from_numpy(random.normal(size=(3,) * (i + 1))) for i in range(3)], 0)
    generator = torch.Generator().manual_seed(3)
    x = ar_sample.ar_sample(table_logits(model.tables), 20_000, 3, generator=generator, temperature=temperature)
    counts = np.bincount(model.numbered(x).numpy(), minlength=27)
    assert scipy.stats.chisquare(counts, 20_000 * model.law(temperature).numpy()).pvalue > 1e-4


# ar.8


def test_bits_per_dim_is_what_a_uniform_code_needs() -> None:
    """Exact: 2^n levels take n bits, and a density on [0, 1] is 2^-n of a level's."""
    with mpmath.workdps(40):
        log_prob = torch.tensor(float(-5 * mpmath.log(2**7)), dtype=torch.float64)
    exactly(bits_per_dim.bits_per_dim(log_prob, 5), 7.0)
    exactly(bits_per_dim.bits_per_dim(torch.zeros(2, dtype=torch.float64), 5, scale_levels=2**7), [7.0, 7.0])


# ar.9


@pytest.fixture(params=[0, 5])
def law(request: pytest.FixtureRequest) -> BinaryLaw:
    return BinaryLaw(request.param)


def test_the_binary_law_is_autoregressive(law: BinaryLaw) -> None:
    """It sums to one, each logit is the same wherever the variables before it are, and the entropy is as stated."""
    logits = law.logits(STATES)
    p = log_probs(logits).exp().numpy()
    assert p.sum() == pytest.approx(1, rel=1e-12)
    assert scipy.stats.entropy(p) == pytest.approx(ENTROPY, abs=1e-4)
    for i in range(12):
        exactly(logits[:, i].reshape(2**i, -1).std(-1), np.zeros(2**i))


def test_the_binary_laws_of_two_seeds_rename_each_others_outcomes() -> None:
    first, second = (log_probs(BinaryLaw(seed).logits(STATES)) for seed in (0, 5))
    assert not torch.allclose(first, second)
    exactly(first.sort().values, second.sort().values, rtol=1e-9)


def test_examples_come_from_the_binary_law(law: BinaryLaw) -> None:
    """scipy's chi-square test, over the 64 states of the last six variables."""
    x = law.sample(20_000)
    p = log_probs(law.logits(STATES)).exp().numpy().reshape(64, 64).sum(0)
    counts = np.bincount((x[:, 6:].numpy() @ 2 ** np.arange(5, -1, -1)).astype(int), minlength=64)
    assert scipy.stats.chisquare(counts, len(x) * p).pvalue > 1e-4


def test_the_gap_is_scipys_relative_entropy(law: BinaryLaw, random: np.random.Generator) -> None:
    other = law.logits(STATES) + torch.from_numpy(random.normal(size=12))
    p, q = (log_probs(logits).exp().numpy() for logits in (law.logits(STATES), other))
    assert mean_gap(other, law) == pytest.approx(scipy.stats.entropy(p, q), rel=1e-9)
    assert mean_gap(law(STATES.float()), law) == pytest.approx(0, abs=1e-6)


def test_the_handout_says_how_far_simple_models_get(request: pytest.FixtureRequest, law: BinaryLaw) -> None:
    """Each variable by itself, and given the one before it: by the entropies of their marginal tables."""
    p = log_probs(law.logits(STATES)).exp().numpy().reshape((2,) * 12)
    singles = [p.sum(tuple(j for j in range(12) if j != i)) for i in range(12)]
    pairs = [p.sum(tuple(j for j in range(12) if j not in (i - 1, i))) for i in range(1, 12)]
    alone = sum(map(scipy.stats.entropy, singles)) - ENTROPY
    chained = sum(scipy.stats.entropy(pair.ravel()) for pair in pairs) - ENTROPY
    chained -= sum(map(scipy.stats.entropy, singles[1:-1]))
    text = (request.config.rootpath / "assignments/autoregressive/README.md").read_text()
    assert f"| each variable on its own | {alone:.2f} |" in text
    assert f"| each variable given the one before it | {chained:.2f} |" in text


def test_the_handout_counts_the_paths_of_a_small_network(request: pytest.FixtureRequest) -> None:
    first, last = made_masks.made_masks(torch.tensor([0, 1, 2]), [torch.tensor([0, 1, 0, 1])])
    counts = last.numpy().astype(int) @ first.numpy().astype(int)
    text = (request.config.rootpath / "assignments/autoregressive/README.md").read_text()
    for i, row in enumerate(counts):
        assert f"| to output {i} | " + " | ".join(map(str, row)) + " |" in text
