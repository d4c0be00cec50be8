"""Wrong answers to ar.7: samplers that draw from another law than the model's, with their sentences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Model = Callable[[Tensor], Tensor]
Source = torch.Generator
Known = Tensor | None


def draws_everything_in_one_call(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    every = cond_logits_fn(x)
    for i in range(start, D):
        logits = every[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def draws_all_variables_again(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for _ in range(start, D):
        logits = cond_logits_fn(x)
        probs = (logits / max(temperature, 1e-9)).softmax(-1).flatten(0, 1)
        x = torch.cat(
            (x[:, :start], torch.multinomial(probs, 1, generator=generator).squeeze(-1).reshape(n, D)[:, start:]), 1
        )
    return x


def takes_the_most_likely_value(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = probs.argmax(-1)
    return x


def divides_probabilities_by_the_temperature(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = logits.softmax(-1) / max(temperature, 1e-9)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def multiplies_by_the_temperature(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits * temperature).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def ignores_the_temperature(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = logits.softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def divides_by_zero_degrees(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / temperature).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def samples_at_zero_temperature(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / (temperature or 1.0)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def inverts_the_comparison(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = (
            (torch.rand(n, 1, generator=generator, dtype=probs.dtype) < probs.cumsum(-1)).sum(-1).sub(1).clamp(min=0)
        )
    return x


def draws_from_logits(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        x[:, i] = torch.multinomial(logits, 1, generator=generator).squeeze(-1)
    return x


def draws_one_row_for_all(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs[:1], 1, generator=generator).squeeze(-1)
    return x


def draws_from_the_first_rows_law(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs[0], n, replacement=True, generator=generator)
    return x


def reuses_its_random_numbers(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    u = torch.rand(n, 1, generator=generator, dtype=torch.float64)
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = (u > probs.cumsum(-1)).sum(-1).clamp(max=probs.shape[-1] - 1)
    return x


def reads_the_logits_one_too_early(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, max(i - 1, 0)]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def reads_the_logits_one_too_early_from_the_end(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i - 1]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def reads_the_last_logits(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, -1]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def draws_from_right_to_left(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in reversed(range(start, D)):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


ONE_TOO_EARLY = "Which variable are the logits at position i for: the one at i, or the one after it?"
NO_CHANGE = (
    "At temperature 0.5 your values come as often as at 1. Which ratios should the temperature change, and does yours?"
)
INVERTED = "Values with probability 0.9 come 10% of the time. When should u < p mean yes?"
REUSED = "Should a large second variable be any more likely because the first one was large by chance?"

SENTENCES = {
    draws_everything_in_one_call: (
        "Your variables are drawn independently of each other. What does the second one know of the first?"
    ),
    draws_all_variables_again: "How often is the model called, and which of its answers does each variable come from?",
    takes_the_most_likely_value: "Draw twice: the samples are the same. Where is the chance in your sampler?",
    divides_probabilities_by_the_temperature: NO_CHANGE,
    multiplies_by_the_temperature: "Cold samples should be more alike. What does your sampler do at temperature 0.5?",
    ignores_the_temperature: NO_CHANGE,
    divides_by_zero_degrees: "What is a number divided by a temperature of 0, and what is the limit of the softmax?",
    samples_at_zero_temperature: (
        "At temperature 0 only the most likely value is left. What does your sampler take the value 0 for?"
    ),
    inverts_the_comparison: INVERTED,
    draws_from_logits: "What does torch.multinomial take for weights? Can a weight be negative?",
    draws_one_row_for_all: "Your samples are all the same. How many rows do you draw from?",
    draws_from_the_first_rows_law: "Two samples that began differently: do their next variables have the same law?",
    reuses_its_random_numbers: REUSED,
    reads_the_logits_one_too_early: ONE_TOO_EARLY,
    reads_the_logits_one_too_early_from_the_end: ONE_TOO_EARLY,
    reads_the_last_logits: "Which logits does the first variable come from? In your sampler, those of the last one.",
    draws_from_right_to_left: (
        "The logits at position i depend on what stands before i. Is that drawn when you ask for them?"
    ),
}
