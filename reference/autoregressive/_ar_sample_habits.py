"""Wrong answers to ar.7: samplers that ask, start or draw in another way than they should, with their sentences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Model = Callable[[Tensor], Tensor]
Source = torch.Generator
Known = Tensor | None


def loops_over_samples(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for row, i in [(row, i) for row in range(n) for i in range(start, D)]:
        logits = cond_logits_fn(x[row : row + 1])[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[row, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def uses_global_randomness(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1).squeeze(-1)
    return x


def seeds_a_generator_of_its_own(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def ignores_the_prefix(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def writes_the_prefix_over_at_the_end(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    for i in range(D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    if prefix is not None:
        x[:, : prefix.shape[-1]] = prefix
    return x


def returns_the_rest_alone(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x[:, start:]


def asks_for_the_prefix_too(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(D):
        logits = cond_logits_fn(x)[:, i]
        if i < start:
            continue
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def asks_twice(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        assert cond_logits_fn(x).shape[-1] == probs.shape[-1]
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def grows_its_input(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x[:, : i + 1])[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def squeezes_the_result(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x.squeeze()


def returns_floats(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x.to(torch.get_default_dtype())


def counts_rows_of_the_prefix(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else len(prefix)
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def shows_the_model_no_prefix(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x if prefix is None else torch.cat((prefix.expand(n, -1), x[:, start:]), dim=-1)


UNSEEN = "The rest should be drawn given the prefix. When does your model get to see it?"

SENTENCES = {
    loops_over_samples: "The model takes all samples at a time. How often do you call it for 1000 of them?",
    uses_global_randomness: "Seed the generator again: your samples differ. Whose random numbers do you use?",
    seeds_a_generator_of_its_own: (
        "Give two generators with different seeds: your samples are the same. Where do yours come from?"
    ),
    ignores_the_prefix: "Your samples do not start with the prefix. Where does it go?",
    writes_the_prefix_over_at_the_end: UNSEEN,
    shows_the_model_no_prefix: UNSEEN,
    counts_rows_of_the_prefix: (
        "A prefix may be of shape [P] or [n, P]. Which of its dimensions counts variables, in both?"
    ),
    returns_the_rest_alone: "D variables were asked for, the prefix among them. How many columns has your result?",
    asks_for_the_prefix_too: "The prefix is known. What do you call the model for, at its positions?",
    asks_twice: "How often is the model called for one variable? Each call costs as much as all the rest.",
    grows_its_input: "What shape does the model expect, at the first step as at the last?",
    squeezes_the_result: "Ask for one sample of D variables: has the result still two dimensions?",
    returns_floats: "Which dtype has a value that is counted from 0 to V-1?",
}
