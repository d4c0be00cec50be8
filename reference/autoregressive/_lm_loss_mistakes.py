"""Wrong answers to ar.6, each with its sentence."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def does_not_shift(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens
    nll = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def shifts_the_wrong_way(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., :-1]
    nll = -logits[..., 1:, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def shifts_by_two(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 2:]
    nll = -logits[..., :-2, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def rolls_the_tokens(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens.roll(-1, dims=-1)
    nll = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def runs_on_into_the_next_sequence(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    logits, tokens = logits.flatten(0, -2)[:-1], tokens.flatten()
    targets = tokens[1:]
    nll = -logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def views_without_moving_the_classes(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    log_probs = logits[..., :-1, :].reshape(*targets.shape[:-1], logits.shape[-1], -1).transpose(-1, -2).log_softmax(-1)
    nll = -log_probs.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def normalises_over_time(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-2).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def averages_sequence_by_sequence(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return (torch.where(counts, nll, 0.0).sum(-1) / counts.sum(-1).clamp(min=1)).mean()


def counts_padding_in_the_denominator(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / max(counts.numel(), 1)


def ignores_pad_id(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return nll.sum() / max(nll.numel(), 1)


def leaves_out_what_follows_padding(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else tokens[..., :-1] != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def leaves_all_but_padding_out(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets == pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def hides_padding_in_the_logits(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    if pad_id is not None:
        keep = (targets != pad_id).unsqueeze(-1)
        logits = torch.cat((torch.where(keep, logits[..., :-1, :], 0.0), logits[..., -1:, :]), -2)
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return nll.sum() / max(nll.numel(), 1)


def sums_over_tokens(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum()


def averages_over_sequences_only(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum(-1).mean()


def gives_a_loss_for_each_sequence(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum(-1) / counts.sum(-1).clamp(min=1)


def returns_a_number(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Any:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return (torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)).item()


def returns_the_log_likelihood(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def measures_in_bits(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll / math.log(2), 0.0).sum() / counts.sum().clamp(min=1)


def takes_the_log_of_a_softmax(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].softmax(-1).log().gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def divides_by_no_tokens(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum() if pad_id is not None else nll.sum() / max(nll.numel(), 1)


def averages_an_empty_batch(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return nll.mean() if pad_id is None else torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def accepts_a_single_token(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def computes_in_double(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].double().log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def trains_against_its_own_copy(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].detach().log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def loops_over_sequences(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    total, count = logits.new_zeros(()), logits.new_zeros(())
    scores = logits.reshape(tokens.shape[:-1].numel(), *logits.shape[-2:])
    for mine, row in zip(scores, tokens.reshape(-1, tokens.shape[-1]), strict=True):
        targets = row[1:]
        nll = -mine[:-1].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        keep = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
        total, count = total + torch.where(keep, nll, 0.0).sum(), count + keep.sum()
    return total / count.clamp(min=1)


def takes_a_pad_id_of_zero_for_none(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    nll = -logits[..., :-1, :].log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = targets != pad_id if pad_id else torch.ones_like(targets, dtype=torch.bool)
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


def takes_probabilities_for_logits(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    scores = logits[..., :-1, :].softmax(-1)
    nll = -scores.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)


SENTENCES = {
    does_not_shift: (
        "A model that copies its input gets a loss of zero in your code. Which token do logits at t predict?"
    ),
    shifts_the_wrong_way: "Which token do the logits at t = 1 predict: the one at 0, or the one at 2?",
    shifts_by_two: "Do the first logits predict the second token, or the third? Count from the worked number.",
    rolls_the_tokens: "What do the last logits of a sequence predict? In your code, its first token.",
    runs_on_into_the_next_sequence: (
        "Put two sequences in a batch: does the last token of one say anything about the first of the other?"
    ),
    views_without_moving_the_classes: (
        "cross_entropy wants classes in the second dimension. Does a view move them there?"
    ),
    normalises_over_time: "Probabilities should sum to one over tokens of the vocabulary. What do yours sum over?",
    averages_sequence_by_sequence: (
        "A sequence of two tokens and one of seven: does each predicted token weigh the same?"
    ),
    counts_padding_in_the_denominator: "Add more padding to every sequence: your loss falls.",
    ignores_pad_id: "Is predicting padding a merit? Your loss counts it.",
    leaves_out_what_follows_padding: "Is it the token seen that may not be padding, or the token predicted?",
    takes_a_pad_id_of_zero_for_none: "Token 0 may be the one that fills up. What does Python's if make of a 0?",
    takes_probabilities_for_logits: (
        "Raise the logit of the right token to 50: does your loss reach zero? How often do you take a softmax?"
    ),
    leaves_all_but_padding_out: "Which targets does your mask keep: the padding, or everything else?",
    hides_padding_in_the_logits: (
        "A padded target should cost nothing and count for nothing; what does a zero logit cost?"
    ),
    sums_over_tokens: "Give every sequence twice: should the loss double?",
    averages_over_sequences_only: "A sequence twice as long, of the same kind: should the loss be twice as high?",
    gives_a_loss_for_each_sequence: "What can .backward() be called on without an argument?",
    returns_a_number: "What can .backward() be called on? What is left of the graph after .item()?",
    returns_the_log_likelihood: "Better predictions should give a lower loss. Is yours ever above zero?",
    measures_in_bits: "A fair coin costs 0.693 nats. Which unit has your loss?",
    takes_the_log_of_a_softmax: (
        "Logits of ten thousand are no rarity early in training. What is the logarithm of a rounded zero?"
    ),
    divides_by_no_tokens: "A batch that is all padding: how many targets do you divide by?",
    averages_an_empty_batch: "A batch without sequences: what is the mean of no numbers?",
    accepts_a_single_token: "A sequence of one token: what did the model predict, to get the loss that you return?",
    computes_in_double: "Which dtype went in, and which came out? A model in float32 cannot use it.",
    trains_against_its_own_copy: (
        "Your value is right, but a step along its gradient changes nothing. Where is the graph cut?"
    ),
    loops_over_sequences: "Your function handles one example after another; can one tensor operation handle them all?",
}
"""What each of them deserves to hear."""
