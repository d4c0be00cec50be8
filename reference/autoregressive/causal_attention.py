"""ar.5: scaled dot-product attention under a causal mask (Vaswani et al. 2017, eq. 1 and section 3.2.3).

out_i = sum_j w_ij v_j,  w_i = softmax over the visible j of q_i . k_j / sqrt(d),  visible: j <= i + Tk - Tq
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    avoids_forbidden_names,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.autoregressive._attention_mistakes import SENTENCES

question = Question(
    id="ar.5",
    functions=["causal_attention"],
    title="Causal attention, with a cache and with padding",
    forbidden=["torch.nn.functional.scaled_dot_product_attention", "torch.nn.MultiheadAttention"],
)


@question.oracle
def causal_attention(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    """Averages [*batch, Tq, dv] of v [*batch, Tk, dv]; zeros for a query that sees no key; True in the mask hides."""
    behind = k.shape[-2] - q.shape[-2]
    hidden = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).triu(behind + 1)
    if key_padding_mask is not None:
        hidden = hidden | key_padding_mask.unsqueeze(-2)
    scores = torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.shape[-1])
    weights = torch.softmax(torch.where(hidden, -1e300 if q.dtype == torch.float64 else -1e30, scores), dim=-1)
    return torch.einsum("...ij,...jd->...id", torch.where(hidden, 0.0, weights), v)


# Values of either sign average out: an error is small beside the values, not beside their average.
AVERAGED = Tolerance(rtol=1e-6, atol=1e-6)

SQUARE = ((5, 5), (2, 2), (1, 1))
CACHED = ((2, 7), (1, 5), (3, 5))
"""Numbers of queries and keys."""


@st.composite
def attentions(
    draw: st.DrawFn,
    *,
    times: Sequence[tuple[int, int]] = SQUARE,
    batches: Sequence[Shape] = ((), (1,), (3,), (2, 3)),
    padded: bool = False,
    scale: float = 1.0,
) -> Arguments:
    """Arguments (q, k, v[, key_padding_mask]); each key is padded or not, the first one of an example never."""
    (queries, keys), batch, source = draw(st.sampled_from(times)), draw(st.sampled_from(batches)), draw(numbers())
    q, k = (source.normal((*batch, length, 3), scale=scale) for length in (queries, keys))
    v = source.normal((*batch, keys, 4))
    masks: dict[str, Any] = {}
    if padded:
        padding = source.integers((*batch, keys), low=0, high=2).bool()
        padding[..., 0] = False
        padding[..., keys // 2] = True
        masks["key_padding_mask"] = padding
    return Arguments((q, k, v), masks)


PADDED: dict[str, Any] = {"times": ((5, 5), (2, 7)), "padded": True}
check_values = question.check(
    "value", points=2.5, description="Averages the values that a query may see, with the right weights."
)(matches_oracle(causal_attention, attentions(), tolerance=AVERAGED))
check_cached_values = question.check(
    "value",
    points=1.5,
    name="values_with_a_cache",
    description="The last query sees the last key, however many each are.",
)(matches_oracle(causal_attention, attentions(times=CACHED), tolerance=AVERAGED))
check_padded_values = question.check(
    "value", points=1.25, name="values_with_padding", description="Keys that are marked as padding are not seen."
)(matches_oracle(causal_attention, attentions(**PADDED), tolerance=AVERAGED))


@question.check("value", points=0.75, requires=check_padded_values)
@given(inputs=attentions(times=((5, 5), (2, 7), (5, 2)), batches=((3,), (2, 3)), padded=True))
def check_nothing_to_see(student: Student, inputs: Arguments) -> None:
    """A query that sees no key gets zeros."""
    padding = inputs.kwargs["key_padding_mask"].clone()
    padding[0] = True
    padding[1, ..., 0] = True
    assert_value(
        student.causal_attention(*inputs.args, key_padding_mask=padding),
        causal_attention(*inputs.args, key_padding_mask=padding),
    )


question.check("precision", points=0.75, requires=check_values)(keeps_precision(causal_attention, attentions()))

question.check("gradient", points=1.5, description="Has the right gradient in queries, keys and values.")(
    gradients_match(causal_attention, attentions(times=((5, 5), (2, 2))), tolerance=AVERAGED)
)
question.check("gradient", points=0.75, name="gradients_with_cache_and_padding")(
    gradients_match(causal_attention, attentions(times=((2, 7), (5, 5)), padded=True), tolerance=AVERAGED)
)


@question.check("gradient", points=0.25, requires=check_nothing_to_see)
@given(inputs=attentions(batches=((3,),), times=((5, 5),)), source=numbers())
def check_gradients_where_nothing_is_seen(student: Student, inputs: Arguments, source: Numbers) -> None:
    """An example that is all padding gets gradients of zero, and not nan."""
    padding = torch.tensor([[True] * 5, [False] * 5, [True, False, False, False, True]])
    weights = source.normal((3, 5, 4))
    got = student.causal_attention.vjp(inputs.args, weights, {"key_padding_mask": padding})
    assert_value(tuple(part[0] for part in got), tuple(torch.zeros_like(part[0]) for part in inputs.args))


@question.check("law", points=1)
@given(inputs=attentions(times=((5, 5), (2, 7)), batches=((3,),)), source=numbers())
def check_the_future_changes_nothing(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Another last key and value change the output of the last query, and no output before it."""
    q, k, v = inputs.args
    other_k = torch.cat((k[..., :-1, :], source.normal((3, 1, 3))), dim=-2)
    other_v = torch.cat((v[..., :-1, :], source.normal((3, 1, 4), scale=10.0)), dim=-2)
    before, after = student.causal_attention(q, k, v), student.causal_attention(q, other_k, other_v)
    assert_value(after[..., :-1, :], before[..., :-1, :])
    moved = (after[..., -1, :] - before[..., -1, :]).abs().amax(-1)
    expect(moved > 1e-6, "the last output is the same, whatever the last key and value are.")


@question.check("law", points=0.5, requires=check_values)
@given(inputs=attentions(times=((5, 5), (7, 7))))
def check_decoding_with_a_cache_is_the_same(student: Student, inputs: Arguments) -> None:
    """One query with all keys gets what the last of all queries gets."""
    q, k, v = inputs.args
    assert_value(student.causal_attention(q[..., -1:, :], k, v), student.causal_attention(q, k, v)[..., -1:, :])


@question.check("law", points=0.5)
@given(inputs=attentions(), source=numbers())
def check_weights_sum_to_one(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Where all values are equal, so is every average of them."""
    q, k, v = inputs.args
    same = source.normal((*v.shape[:-2], 1, v.shape[-1]))
    assert_value(student.causal_attention(q, k, same.expand_as(v)), same.expand(*q.shape[:-1], v.shape[-1]))


@question.check("law", points=0.25, requires=check_values)
@given(inputs=attentions(times=((1, 5), (1, 7))), source=numbers())
def check_order_of_the_past_does_not_matter(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Visible keys in another order, together with their values, give the same average."""
    q, k, v = inputs.args
    turn = source.permutation(k.shape[-2])
    assert_value(student.causal_attention(q, k[..., turn, :], v[..., turn, :]), student.causal_attention(q, k, v))


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other queries, keys and values for every example but the first."""
    return inputs.map(lambda t: torch.cat((t[:1], source.normal(tuple(t[1:].shape)))))


question.check("law", points=0.5, requires=check_weights_sum_to_one)(
    ignores_other_examples(attentions(batches=((2,), (3,))), change_all_but_first)
)

question.check(
    "stress",
    points=0.5,
    requires=check_values,
    name="large_scores",
    description="Is right for scores of tens of thousands.",
)(accurate_in(torch.float64, causal_attention, attentions(scale=100.0)))
question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.float32, causal_attention, attentions(**PADDED))
)
question.check("stress", points=0.5, requires=check_values)(
    accurate_in(torch.float16, causal_attention, attentions(**PADDED))
)

BATCH: tuple[Shape, ...] = ((3,), (2, 3))
question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(attentions(**PADDED)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(causal_attention, attentions(batches=BATCH, **PADDED))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(attentions(batches=((0,), (0, 3))), causal_attention)
)
question.check("behaviour", points=0.25, requires=check_values)(
    runs_on_other_devices(attentions(batches=BATCH, **PADDED))
)
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(attentions()))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(attentions(batches=((3,),), times=((5, 5),)), attentions(batches=((300,),), times=((5, 5),)))
)
question.check("behaviour", points=0.25, requires=check_values)(avoids_forbidden_names(attentions()))


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def fills_with_the_smallest_number(
    q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None
) -> Tensor:
    n, m = q.size(-2), k.size(-2)
    allowed = torch.ones(n, m, dtype=torch.bool, device=q.device).tril(diagonal=m - n)
    allowed = allowed.expand(*q.shape[:-2], n, m)
    if key_padding_mask is not None:
        allowed = allowed.logical_and(key_padding_mask.logical_not().unsqueeze(-2))
    scores = torch.matmul(q, k.transpose(-2, -1)) * q.size(-1) ** -0.5
    scores = torch.where(allowed, scores, torch.full_like(scores, torch.finfo(scores.dtype).min))
    return torch.matmul(torch.softmax(scores, dim=-1) * allowed, v)


@question.alternative
def subtracts_the_maximum_by_hand(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    n, m = q.shape[-2], k.shape[-2]
    hidden = torch.triu(torch.ones(n, m, device=q.device), m - n + 1) == 1
    if key_padding_mask is not None:
        hidden = hidden | key_padding_mask[..., None, :]
    scores = torch.einsum("...qd,...kd->...qk", q / math.sqrt(q.shape[-1]), k)
    scores = scores - scores.masked_fill(hidden, -1e4 if q.dtype == torch.float16 else -1e9).amax(-1, keepdim=True)
    weights = torch.exp(scores.masked_fill(hidden, float("-inf")))
    total = weights.sum(-1, keepdim=True)
    return (weights @ v) / torch.where(total == 0, torch.ones_like(total), total)


@question.alternative
def replaces_nan_after_the_softmax(
    q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None
) -> Tensor:
    n, m = q.shape[-2], k.shape[-2]
    i = torch.arange(m - n, m, device=q.device).unsqueeze(-1)
    j = torch.arange(m, device=q.device).unsqueeze(0)
    scores = q.matmul(k.transpose(-1, -2)).div(math.sqrt(k.shape[-1])).masked_fill(j > i, -math.inf)
    if key_padding_mask is not None:
        scores = scores.masked_fill(key_padding_mask.unsqueeze(-2), -math.inf)
    return torch.nan_to_num(torch.nn.functional.softmax(scores, dim=-1)).matmul(v)


@question.alternative
def loops_over_queries(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    outputs = []
    for i in range(q.shape[-2]):
        last = i + k.shape[-2] - q.shape[-2] + 1
        if last <= 0:
            outputs.append(torch.zeros_like(v[..., :1, :].expand(*v.shape[:-2], 1, v.shape[-1])))
            continue
        scores = (k[..., :last, :] * q[..., i : i + 1, :]).sum(-1) / q.shape[-1] ** 0.5
        if key_padding_mask is not None:
            scores = scores.masked_fill(key_padding_mask[..., :last], -torch.inf)
        weights = torch.softmax(scores, dim=-1).nan_to_num(0.0)
        outputs.append((weights.unsqueeze(-1) * v[..., :last, :]).sum(-2, keepdim=True))
    return torch.cat(outputs, dim=-2)
