"""Wrong answers to ar.5, each with its sentence."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def normalises_over_queries(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-2).nan_to_num(0.0) @ v


def sees_the_future_only(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) >= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def hides_the_present(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) < time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def sees_everything(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time + k.shape[-2]
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def does_not_scale(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def divides_by_d(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / q.shape[-1]).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def scales_by_the_size_of_the_values(
    q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None
) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(v.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def masks_after_the_softmax(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return scores.softmax(-1).masked_fill(~visible, 0.0) @ v


def masks_with_zero(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])) * visible
    return scores.softmax(-1).masked_fill(~visible.any(-1, keepdim=True), 0.0) @ v


def masks_with_a_billion(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, -1e9)
    return scores.softmax(-1) @ v


def averages_what_is_hidden(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, torch.finfo(q.dtype).min)
    return scores.softmax(-1) @ v


def divides_zero_by_zero(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1) @ v


def adds_an_infinite_mask(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    bias = torch.zeros(visible.shape, dtype=q.dtype, device=q.device).masked_fill(~visible, float("-inf"))
    return (q @ k.mT / math.sqrt(q.shape[-1]) + bias).softmax(-1).nan_to_num(0.0) @ v


def aligns_at_the_start(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def reshapes_instead_of_transposing(
    q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None
) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.reshape(*k.shape[:-2], k.shape[-1], k.shape[-2]) / math.sqrt(q.shape[-1])).masked_fill(
        ~visible, float("-inf")
    )
    return scores.softmax(-1).nan_to_num(0.0) @ v


def keeps_the_padding_only(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def ignores_the_padding(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def hides_padding_after_the_softmax(
    q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None
) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    weights = scores.softmax(-1)
    return (weights if key_padding_mask is None else weights.masked_fill(key_padding_mask[..., None, :], 0.0)) @ v


def hides_padded_queries(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., -q.shape[-2] :, None]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v


def exponentiates_large_scores(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    weights = torch.exp(q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, 0.0)
    return (weights / weights.sum(-1, keepdim=True)).nan_to_num(0.0) @ v


def mixes_the_examples(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    weights = scores.softmax(-1).nan_to_num(0.0)
    return (weights - weights.mean(0) + weights.mean() if weights.dim() > 2 and len(weights) > 1 else weights) @ v


def computes_in_double(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q.double() @ k.double().mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return scores.softmax(-1).nan_to_num(0.0) @ v.double()


def rounds_the_weights(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    time = torch.arange(q.shape[-2], device=q.device)[:, None] + k.shape[-2] - q.shape[-2]
    visible = torch.arange(k.shape[-2], device=q.device) <= time
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return torch.softmax(scores, -1, dtype=torch.float32).nan_to_num(0.0).to(v.dtype) @ v


SENTENCES = {
    normalises_over_queries: "Add up the weights that one query gives to all keys. Is it one?",
    sees_the_future_only: "Change the last key and value: the first output moves. Who may see the last key?",
    hides_the_present: "What does the first query see? Its own key is not in the future.",
    sees_everything: "Change the last key and value: which outputs should notice?",
    does_not_scale: (
        "Repeat every entry of q and k four times: by what factor should the scores grow? Yours grow by four."
    ),
    divides_by_d: "Scores of independent entries spread like the square root of d. With d = 3, what do you divide by?",
    scales_by_the_size_of_the_values: "Give v more columns: should the weights change?",
    masks_after_the_softmax: (
        "Weights of the past change when a future key changes. When do you normalise, and over what?"
    ),
    masks_with_zero: "What weight has a key whose score is 0, next to one whose score is -2?",
    masks_with_a_billion: (
        "Minus a billion is not minus infinity: what is it in float16, and what is a softmax of it alone?"
    ),
    averages_what_is_hidden: (
        "An example that is all padding gets an average of its padding. What should a query that sees nothing get?"
    ),
    divides_zero_by_zero: "An example that is all padding: what is the softmax of minus infinity alone?",
    adds_an_infinite_mask: (
        "Your values are right, but an example that is all padding has nan for a gradient. What is multiplied by nan?"
    ),
    aligns_at_the_start: "With one query and a cache of four keys, which time does that query stand at?",
    reshapes_instead_of_transposing: "Print k and your reshaped k for two keys: is a column of it a key?",
    keeps_the_padding_only: "True in the mask: does it mark a key that is there, or one that is not?",
    ignores_the_padding: "Change a padded key: your output changes.",
    hides_padding_after_the_softmax: "Double the padded keys: should the weights of the others change?",
    hides_padded_queries: "A key is padded: is it a row or a column of your scores that nobody should look at?",
    exponentiates_large_scores: "Scores of 10000 are ordinary numbers. What is exp(10000)?",
    mixes_the_examples: "Put an example in a batch alone, then among others: why does its output change?",
    computes_in_double: "Which dtype went in, and which came out? A model in float32 cannot use it.",
    rounds_the_weights: "Your answers are right to seven digits and no further; where do the others get lost?",
}
"""What each of them deserves to hear."""
