"""ar.6: the loss of a language model, the mean negative log-likelihood of each token given those before it.

loss = -mean over predicted tokens of log softmax(logits[t])[tokens[t + 1]]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.autoregressive._lm_loss_mistakes import SENTENCES

question = Question(id="ar.6", functions=["lm_loss"], title="The loss of a language model")

PADS = (2, 0)


@question.oracle
def lm_loss(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    """Mean over the predicted tokens that are no padding, []; zero where there are none."""
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens predicts nothing")
    targets = tokens[..., 1:].reshape(-1)
    predictions = logits[..., :-1, :].reshape(len(targets), logits.shape[-1])
    counts = torch.ones_like(targets) if pad_id is None else (targets != pad_id).long()
    shifted = predictions - predictions.amax(-1, keepdim=True).detach()
    losses = shifted.exp().sum(-1).log() - shifted[torch.arange(len(targets), device=targets.device), targets]
    return (losses * counts).sum() / counts.sum().clamp(min=1)


@st.composite
def sequences(
    draw: st.DrawFn,
    *,
    shapes: Sequence[Shape] = BATCH_SHAPES,
    lengths: Sequence[int] = (2, 5, 7),
    padded: bool = False,
    scale: float = 1.5,
) -> Arguments:
    """Arguments (logits, tokens[, pad_id]); padded sequences have one to all but two of their tokens cut off.

    The pad token also occurs inside, where it is a target that does not count either, and may be the first token.
    It is often 0, which Python takes for false.
    """
    shape, length, source = draw(st.sampled_from(shapes)), draw(st.sampled_from(lengths)), draw(numbers())
    logits = source.normal((*shape, length, 4), scale=scale)
    tokens = source.integers((*shape, length), low=0, high=4)
    if not padded:
        return Arguments((logits, tokens))
    kept, pad_id = source.integers((*shape, 1), low=2, high=length), draw(st.sampled_from(PADS))
    tokens[..., 1] = 3
    tokens = torch.where(torch.arange(length) < kept, tokens, pad_id)
    return Arguments((logits, tokens), {"pad_id": pad_id})


PADDED: dict[str, Any] = {"padded": True, "lengths": (5, 7)}
check_values = question.check(
    "value", points=2.25, description="The mean cost of every next token, over all sequences of a batch."
)(matches_oracle(lm_loss, sequences()))
check_padded_values = question.check(
    "value", points=1.75, name="values_with_padding", description="Padding is not predicted and is not counted."
)(matches_oracle(lm_loss, sequences(**PADDED)))

question.check("precision", points=0.5, requires=check_values)(keeps_precision(lm_loss, sequences()))

question.check("gradient", points=1)(gradients_match(lm_loss, sequences()))
question.check("gradient", points=0.5, name="gradients_with_padding")(gradients_match(lm_loss, sequences(**PADDED)))


@question.check("law", points=0.5)
@given(inputs=sequences(lengths=(5, 7), shapes=((3,), (2, 3))))
def check_every_token_is_predicted_from_before(student: Student, inputs: Arguments) -> None:
    """Neither the last logits nor the first token matter; every other one does."""
    logits, tokens = inputs.args
    loss = student.lm_loss(logits, tokens)
    other_logits, other_tokens = logits.clone(), tokens.clone()
    other_logits[..., -1, :] = logits[..., -1, :].flip(-1) + 3
    other_tokens[..., 0] = (tokens[..., 0] + 1) % 4
    assert_value(student.lm_loss(other_logits, other_tokens), loss)
    (gradient,) = student.lm_loss.vjp((logits, tokens), torch.ones_like(loss))
    expect(gradient[..., :-1, :].abs().amax(-1) > 0, "some logits that predict a token have no gradient.")


@question.check("law", points=0.25)
@given(shape=st.sampled_from(((3,), (2, 3))))
def check_copying_the_input_is_no_prediction(student: Student, shape: Shape) -> None:
    """A model that repeats the token it sees does badly where tokens change; one that knows the next does well."""
    firsts = torch.arange(torch.Size(shape).numel()).reshape(*shape, 1)
    tokens = (firsts + 3 * torch.arange(7)) % 4
    copies = 20.0 * torch.nn.functional.one_hot(tokens, 4).double()
    expect(student.lm_loss(copies, tokens) > 10.0, "a model that copies its input has a low loss.")
    knows = copies.roll(-1, dims=-2)
    expect(student.lm_loss(knows, tokens).abs() < 1e-3, "a model that knows the next token has a high loss.")


@question.check("law", points=0.25)
@given(inputs=sequences(lengths=(5, 7), shapes=((3,), (4,))))
def check_sequences_of_one_length_average(student: Student, inputs: Arguments) -> None:
    """The loss of sequences of equal length is the average of their losses, each above zero."""
    logits, tokens = inputs.args
    losses = torch.stack([student.lm_loss(each, its) for each, its in zip(logits, tokens, strict=True)])
    expect((losses > 0) & (losses != losses.roll(1)), "the loss of a single sequence is zero, or that of another.")
    assert_value(student.lm_loss(logits, tokens), losses.mean())


@question.check("law", points=0.25)
@given(inputs=sequences(**PADDED))
def check_padding_has_no_gradient(student: Student, inputs: Arguments) -> None:
    """Logits that would predict padding have no gradient; those that predict a token have one."""
    logits, tokens = inputs.args
    (gradient,) = student.lm_loss.vjp((logits, tokens), torch.ones((), dtype=logits.dtype), inputs.kwargs)
    size = gradient[..., :-1, :].abs().amax(-1)
    predicts_padding = tokens[..., 1:] == inputs.kwargs["pad_id"]
    expect((size == 0) | ~predicts_padding, "logits that predict padding have a gradient.")
    expect((size > 0) | predicts_padding, "some logits that predict a token have no gradient.")


@question.check("stress", points=0.25, requires=check_padded_values)
@given(shape=st.sampled_from(((), (3,), (2, 3))), pad_id=st.sampled_from(PADS), source=numbers())
def check_nothing_but_padding(student: Student, shape: Shape, pad_id: int, source: Numbers) -> None:
    """Where all targets are padding, the loss is zero."""
    tokens = torch.full((*shape, 5), pad_id)
    tokens[..., 0] = 1
    logits = source.normal((*shape, 5, 4))
    assert_value(student.lm_loss(logits, tokens, pad_id=pad_id), torch.zeros((), dtype=logits.dtype))


@question.check("stress", points=0.5, requires=check_values)
@given(shape=st.sampled_from(((), (3,), (2, 3))), source=numbers())
def check_single_tokens_are_refused(student: Student, shape: Shape, source: Numbers) -> None:
    """A sequence of one token has nothing to predict: ValueError."""
    student.lm_loss.raises("ValueError", source.normal((*shape, 1, 4)), source.integers((*shape, 1), low=0, high=4))


question.check(
    "stress",
    points=0.25,
    requires=check_values,
    name="large_logits",
    description="Is right for logits of ten thousand.",
)(matches_oracle(lm_loss, sequences(scale=1e4)))
question.check("stress", points=0.25, requires=check_values)(
    accurate_in(torch.float32, lm_loss, sequences(shapes=((), (3,))))
)

BATCH: tuple[Shape, ...] = ((3,), (2, 3))
question.check("robustness", points=0.25, requires=check_values)(leaves_inputs_unchanged(sequences(**PADDED)))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(lm_loss, sequences(shapes=BATCH, lengths=(5,)))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(sequences(shapes=((0,), (0, 3))), lm_loss)
)
question.check("behaviour", points=0.25, requires=check_values)(runs_on_other_devices(sequences(shapes=BATCH)))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(sequences()))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(sequences(shapes=((3,),), lengths=(5,)), sequences(shapes=((300,),), lengths=(5,)))
)


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def asks_for_cross_entropy(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.size(-1) == 1:
        raise ValueError("T must be at least 2")
    predictions = logits[..., :-1, :].reshape(-1, logits.size(-1))
    targets = tokens[..., 1:].reshape(-1)
    losses = torch.nn.functional.cross_entropy(predictions, targets, reduction="none")
    if pad_id is not None:
        losses = losses[targets != pad_id]
    return losses.mean() if losses.numel() > 0 else logits.sum() * 0


@question.alternative
def ignores_an_index(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] <= 1:
        raise ValueError("nothing to predict")
    targets = tokens[..., 1:].flatten()
    counted = targets.numel() if pad_id is None else int((targets != pad_id).sum())
    if counted == 0:
        return logits.new_zeros(())
    predictions = logits[..., :-1, :].flatten(end_dim=-2)
    return torch.nn.functional.cross_entropy(predictions, targets, ignore_index=-100 if pad_id is None else pad_id)


@question.alternative
def subtracts_target_logits(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("nothing to predict")
    one_hot = torch.nn.functional.one_hot(tokens[..., 1:], logits.shape[-1]).to(logits.dtype)
    scores = logits.narrow(-2, 0, logits.shape[-2] - 1)
    nll = torch.logsumexp(scores, dim=-1) - (one_hot * scores).sum(dim=-1)
    weight = one_hot.sum(-1) if pad_id is None else 1 - one_hot[..., pad_id]
    total = weight.sum()
    return (weight * nll).sum() / torch.where(total == 0, torch.ones_like(total), total)
