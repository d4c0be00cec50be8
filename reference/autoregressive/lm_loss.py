"""ar.6: the loss of a language model, the mean negative log-likelihood of each token given those before it.

loss = -mean over predicted tokens of log softmax(logits[t])[tokens[t + 1]]
"""

from __future__ import annotations

import math
from collections.abc import Sequence

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

question = Question(id="ar.6", functions=["lm_loss"], title="The loss of a language model")

PAD = 2


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
    """
    shape, length, source = draw(st.sampled_from(shapes)), draw(st.sampled_from(lengths)), draw(numbers())
    logits = source.normal((*shape, length, 4), scale=scale)
    tokens = source.integers((*shape, length), low=0, high=4)
    if not padded:
        return Arguments((logits, tokens))
    kept = source.integers((*shape, 1), low=2, high=length)
    tokens[..., 1] = 3
    tokens = torch.where(torch.arange(length) < kept, tokens, PAD)
    return Arguments((logits, tokens), {"pad_id": PAD})


PADDED = {"padded": True, "lengths": (5, 7)}
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
    predicts_padding = tokens[..., 1:] == PAD
    expect((size == 0) | ~predicts_padding, "logits that predict padding have a gradient.")
    expect((size > 0) | predicts_padding, "some logits that predict a token have no gradient.")


@question.check("stress", points=0.25, requires=check_padded_values)
@given(shape=st.sampled_from(((), (3,), (2, 3))), source=numbers())
def check_nothing_but_padding(student: Student, shape: Shape, source: Numbers) -> None:
    """Where all targets are padding, the loss is zero."""
    tokens = torch.full((*shape, 5), PAD)
    tokens[..., 0] = 1
    logits = source.normal((*shape, 5, 4))
    assert_value(student.lm_loss(logits, tokens, pad_id=PAD), torch.zeros((), dtype=logits.dtype))


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


@question.misconception(
    "A model that copies its input gets a loss of zero in your code. Which token do logits at t predict?"
)
def does_not_shift(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens
    nll = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("Which token do the logits at t = 1 predict: the one at 0, or the one at 2?")
def shifts_the_wrong_way(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., :-1]
    nll = -logits[..., 1:, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("Do the first logits predict the second token, or the third? Count from the worked number.")
def shifts_by_two(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 2:]
    nll = -logits[..., :-2, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("What do the last logits of a sequence predict? In your code, its first token.")
def rolls_the_tokens(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens.roll(-1, dims=-1)
    nll = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception(
    "Put two sequences in a batch: does the last token of one say anything about the first of the other?"
)
def runs_on_into_the_next_sequence(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    logits, tokens = logits.flatten(0, -2)[:-1], tokens.flatten()
    targets = tokens[1:]
    nll = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("cross_entropy wants classes in the second dimension. Does a view move them there?")
def views_without_moving_the_classes(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    log_probs = logits[..., :-1, :].reshape(*targets.shape[:-1], logits.shape[-1], -1).transpose(-1, -2).log_softmax(-1)
    nll = -log_probs.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("Probabilities should sum to one over tokens of the vocabulary. What do yours sum over?")
def normalises_over_time(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-2).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("A sequence of two tokens and one of seven: does each predicted token weigh the same?")
def averages_sequence_by_sequence(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return (torch.where(counts, nll, 0.0).sum(-1) / counts.sum(-1).clamp(min=1)).mean()


@question.misconception("Add more padding to every sequence: your loss falls.")
def counts_padding_in_the_denominator(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / max(counts.numel(), 1)


@question.misconception("Is predicting padding a merit? Your loss counts it.")
def ignores_pad_id(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return nll.sum() / max(nll.numel(), 1)


@question.misconception("Is it the token seen that may not be padding, or the token predicted?")
def leaves_out_what_follows_padding(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else tokens[..., :-1] != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("Which targets does your mask keep: the padding, or everything else?")
def leaves_all_but_padding_out(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets == pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("A padded target should cost nothing and count for nothing; what does a zero logit cost?")
def hides_padding_in_the_logits(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    if pad_id is not None:
        keep = (targets != pad_id).unsqueeze(-1)
        logits = torch.cat((torch.where(keep, logits[..., :-1, :], 0.0), logits[..., -1:, :]), -2)
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return nll.sum() / max(nll.numel(), 1)


@question.misconception("Give every sequence twice: should the loss double?")
def sums_over_tokens(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum()


@question.misconception("A sequence twice as long, of the same kind: should the loss be twice as high?")
def averages_over_sequences_only(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum(-1).mean()


@question.misconception("What can .backward() be called on without an argument?")
def gives_a_loss_for_each_sequence(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum(-1) / counts.sum(-1).clamp(min=1)


@question.misconception("What can .backward() be called on? What is left of the graph after .item()?")
def returns_a_number(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return (torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)).item()


@question.misconception("Better predictions should give a lower loss. Is yours ever above zero?")
def returns_the_log_likelihood(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("A fair coin costs 0.693 nats. Which unit has your loss?")
def measures_in_bits(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll / math.log(2), 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception(
    "Logits of ten thousand are no rarity early in training. What is the logarithm of a rounded zero?"
)
def takes_the_log_of_a_softmax(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].softmax(-1).log().gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("A batch that is all padding: how many targets do you divide by?")
def divides_by_no_tokens(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum() if pad_id is not None else nll.sum() / max(nll.numel(), 1)


@question.misconception("A batch without sequences: what is the mean of no numbers?")
def averages_an_empty_batch(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return nll.mean() if pad_id is None else torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("A sequence of one token: what did the model predict, to get the loss that you return?")
def accepts_a_single_token(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("Which dtype went in, and which came out? A model in float32 cannot use it.")
def computes_in_double(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].double().log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("Your value is right, but a step along its gradient changes nothing. Where is the graph cut?")
def trains_against_its_own_copy(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].detach().log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


@question.misconception("Your function handles one sequence after another; can one tensor operation handle them all?")
def loops_over_sequences(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    total, count = torch.zeros((), dtype=logits.dtype, device=logits.device), 0
    for scores, row in (
        zip(logits.flatten(0, -3), tokens.flatten(0, -2), strict=True) if tokens.dim() > 1 else [(logits, tokens)]
    ):
        targets = row[1:]
        nll = -scores[:-1].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        keep = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
        total, count = total + torch.where(keep, nll, 0.0).sum(), count + keep.sum()
    return total / (count.clamp(min=1) if tokens.numel() else 1)


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
