"""Wrong answers to ar.7: samplers that make a draw of random numbers in another way than they should."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grader.question import Twin
from reference.autoregressive._ar_sample_laws import INVERTED, NO_CHANGE, REUSED

Model = Callable[[Tensor], Tensor]
Source = torch.Generator
Known = Tensor | None


def ends_one_value_early(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(n, 1, generator=generator)
        x[:, i] = ((u > probs.cumsum(-1)).sum(-1) - 1).clamp(min=0)
    return x


def ends_one_value_late(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(n, 1, generator=generator)
        x[:, i] = ((u > probs.cumsum(-1)).sum(-1) + 1).clamp(max=probs.shape[-1] - 1)
    return x


def gives_all_samples_one_number(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(1, 1, generator=generator)
        x[:, i] = (u > probs.cumsum(-1)).sum(-1).clamp(max=probs.shape[-1] - 1)
    return x


def counts_single_probabilities(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(n, 1, generator=generator)
        x[:, i] = (u > probs).sum(-1).clamp(max=probs.shape[-1] - 1)
    return x


def takes_the_first_larger_probability(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(n, 1, generator=generator)
        x[:, i] = (probs > u).int().argmax(-1)
    return x


def sums_unnormalised_weights(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(n, 1, generator=generator)
        edges = torch.exp(logits / max(temperature, 1e-9)).cumsum(-1)
        x[:, i] = (u > edges).sum(-1).clamp(max=probs.shape[-1] - 1)
    return x


def throws_for_every_value(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(probs.shape, generator=generator)
        x[:, i] = (u < probs.cumsum(-1)).int().argmax(-1)
    return x


def counts_throws_of_every_value(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(probs.shape, generator=generator)
        x[:, i] = (u > probs.cumsum(-1)).sum(-1).clamp(max=probs.shape[-1] - 1)
    return x


def inverts_the_comparison_in_float32(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        u = torch.rand(n, 1, generator=generator)
        x[:, i] = (u < probs.cumsum(-1)).sum(-1) - 1
    return x


def reuses_its_float32_numbers(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    u = torch.rand(n, 1, generator=generator)
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = (u > probs.cumsum(-1)).sum(-1).clamp(max=probs.shape[-1] - 1)
    return x


def keeps_the_first_draw_for_all(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator)[0]
    return x


def shares_its_noise(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i] / max(temperature, 1e-9)
        u = torch.rand(logits.shape[-1], generator=generator)
        x[:, i] = (logits - torch.log(-torch.log(u))).argmax(-1)
    return x


def adds_negative_noise(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i] / max(temperature, 1e-9)
        u = torch.rand(logits.shape, generator=generator)
        x[:, i] = (logits + torch.log(-torch.log(u))).argmax(-1)
    return x


def takes_one_logarithm(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i] / max(temperature, 1e-9)
        u = torch.rand(logits.shape, generator=generator)
        x[:, i] = (logits - torch.log(u)).argmax(-1)
    return x


def adds_normal_noise(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i] / max(temperature, 1e-9)
        noise = torch.randn(logits.shape, generator=generator)
        x[:, i] = (logits + noise).argmax(-1)
    return x


def divides_the_noise_too(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        u = torch.rand(logits.shape, generator=generator)
        x[:, i] = ((logits - torch.log(-torch.log(u))) / max(temperature, 1e-9)).argmax(-1)
    return x


def normalises_over_the_samples(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        probs = (logits / max(temperature, 1e-9)).softmax(0)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def normalises_over_the_variables(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)
        probs = (logits / max(temperature, 1e-9)).softmax(1)[:, i]
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def normalises_twice(
    cond_logits_fn: Model, n: int, D: int, *, generator: Source, prefix: Known = None, temperature: float = 1.0
) -> Tensor:
    x = torch.zeros(n, D, dtype=torch.int64)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i].softmax(-1)
        probs = (logits / max(temperature, 1e-9)).softmax(-1)
        x[:, i] = torch.multinomial(probs, 1, generator=generator).squeeze(-1)
    return x


def in_float64(mistake: Callable[..., Tensor]) -> Twin:
    """Draws of another dtype are other numbers, so that only one of the two answers as a student's sampler does."""
    generator = "generator=generator)"
    return Twin(mistake, f"{mistake.__name__}_in_float64", generator, f"{generator[:-1]}, dtype=torch.float64)")


EDGES = "Two values of probability 1/4 and 3/4: which u should give the first one, and which do in your sampler?"
ALIKE = "Your samples are all the same. Which random numbers does one sample have that another has not?"
SINGLE = "Probabilities 0.3, 0.3 and 0.4, and u = 0.5: which value should come, and which one does your code give?"
UNNORMALISED = "How large can u become, and how large is the last of your cumulative sums?"
PLACES = "Is u one place on the line from 0 to 1, or another one for each value? How many do you draw for one sample?"
NOISE = "Which noise makes an argmax a draw from the softmax? Its mean is 0.577: what is the mean of yours?"
VALUES = "Which dimension holds the values that a variable can take? Over which one do your probabilities sum to one?"
TWICE = "What do you give the softmax that decides: logits, or what has been through a softmax already?"

SENTENCES: dict[Callable[..., Tensor] | Twin, str] = {
    ends_one_value_early: EDGES,
    in_float64(ends_one_value_early): EDGES,
    ends_one_value_late: EDGES,
    in_float64(ends_one_value_late): EDGES,
    gives_all_samples_one_number: ALIKE,
    in_float64(gives_all_samples_one_number): ALIKE,
    counts_single_probabilities: SINGLE,
    in_float64(counts_single_probabilities): SINGLE,
    takes_the_first_larger_probability: SINGLE,
    in_float64(takes_the_first_larger_probability): SINGLE,
    sums_unnormalised_weights: UNNORMALISED,
    in_float64(sums_unnormalised_weights): UNNORMALISED,
    throws_for_every_value: PLACES,
    in_float64(throws_for_every_value): PLACES,
    counts_throws_of_every_value: PLACES,
    in_float64(counts_throws_of_every_value): PLACES,
    inverts_the_comparison_in_float32: INVERTED,
    reuses_its_float32_numbers: REUSED,
    keeps_the_first_draw_for_all: ALIKE,
    shares_its_noise: ALIKE,
    adds_negative_noise: NOISE,
    takes_one_logarithm: NOISE,
    adds_normal_noise: NOISE,
    divides_the_noise_too: NO_CHANGE,
    normalises_over_the_samples: VALUES,
    normalises_over_the_variables: VALUES,
    normalises_twice: TWICE,
}
