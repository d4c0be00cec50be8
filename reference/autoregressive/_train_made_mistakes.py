"""Wrong answers to ar.9, made without training where that is possible, each with its sentence.

Those that train use the model solution's own `Made`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

Made: Any = None
"""The model solution's class; these functions are run after its module."""


def sees_its_own_input(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    class Copies(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 6 * x - 3 + 0.1 * x.cumsum(-1)

    return Copies()


def sees_everything(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    centred = x_train - x_train.mean(0)
    _, _, directions = torch.linalg.svd(centred[:2000], full_matrices=False)
    code = nn.Linear(x_train.shape[1], x_train.shape[1], bias=False)
    with torch.no_grad():
        code.weight.copy_(4 * directions[:8].mT @ directions[:8])
    return nn.Sequential(code)


def predicts_the_next_variable(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    class Moved(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            logits = self.model(x)
            return torch.cat((logits[:, 1:], torch.zeros_like(logits[:, :1])), dim=1)

    model: nn.Module = Made(x_train.shape[1], [96], generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for rows in torch.randint(len(x_train), (300, 200), generator=generator):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(x_train[rows]), x_train[rows]))
        optimizer.step()
    return Moved(model)


def takes_the_variables_backwards(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    class Turned(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.model(x.flip(-1))
            return logits.flip(-1)

    model = Turned(Made(x_train.shape[1], [96], generator=generator))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for rows in torch.randint(len(x_train), (50, 200), generator=generator):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(x_train[rows]), x_train[rows]))
        optimizer.step()
    return model


def returns_probabilities(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    model = nn.Sequential(Made(x_train.shape[1], [96], generator=generator), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for rows in torch.randint(len(x_train), (300, 200), generator=generator):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy(model(x_train[rows]), x_train[rows]))
        optimizer.step()
    return model


def ignores_the_other_variables(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    class Independent(nn.Module):
        def __init__(self, logits: Tensor) -> None:
            super().__init__()
            self.logits = nn.Parameter(logits)

        def forward(self, x: Tensor) -> Tensor:
            return self.logits.expand_as(x)

    return Independent(x_train.mean(0).logit())


def looks_at_the_last_variable_alone(
    x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0
) -> nn.Module:
    class Chain(nn.Module):
        def __init__(self, after_zero: Tensor, after_one: Tensor) -> None:
            super().__init__()
            self.after_zero, self.after_one = nn.Parameter(after_zero), nn.Parameter(after_one)

        def forward(self, x: Tensor) -> Tensor:
            last = torch.nn.functional.pad(x[:, :-1], (1, 0))
            return self.after_zero * (1 - last) + self.after_one * last

    last, now = x_train[:, :-1], x_train[:, 1:]
    start = x_train[:, :1].mean(0)
    after_zero = torch.cat((start, ((1 - last) * now).sum(0) / (1 - last).sum(0)))
    after_one = torch.cat((start, (last * now).sum(0) / last.sum(0)))
    return Chain(after_zero.logit(eps=1e-4), after_one.logit(eps=1e-4))


def loses_the_nearest_variables(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    model: nn.Module = Made(x_train.shape[1], [96], generator=generator)
    degrees = torch.arange(96) % (x_train.shape[1] - 1)
    model.mask0 = degrees[:, None] > torch.arange(x_train.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for rows in torch.randint(len(x_train), (300, 200), generator=generator):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(x_train[rows]), x_train[rows]))
        optimizer.step()
    return model


def has_no_hidden_layer(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    model: nn.Module = Made(x_train.shape[1], [], generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    for rows in torch.randint(len(x_train), (400, 200), generator=generator):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(x_train[rows]), x_train[rows]))
        optimizer.step()
    return model


def stops_too_early(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    model: nn.Module = Made(x_train.shape[1], [96], generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for rows in torch.randint(len(x_train), (25, 200), generator=generator):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(x_train[rows]), x_train[rows]))
        optimizer.step()
    return model


def sees_the_data_once(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    model: nn.Module = Made(x_train.shape[1], [96], generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for batch in torch.split(x_train, 200):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(batch), batch))
        optimizer.step()
    return model


def learns_a_few_examples_by_heart(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    model: nn.Module = Made(x_train.shape[1], [96], generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    batch = x_train[:300]
    for _ in range(300):
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.binary_cross_entropy_with_logits(model(batch), batch))
        optimizer.step()
    return model


CURVES = (
    "Plot the loss against the steps, on examples that you train on and on others. Which of the two curves still "
    "falls, and does one of them rise?"
)

SENTENCES = {
    sees_its_own_input: "Your loss is below the entropy. How does your model know x_i before it has been drawn?",
    sees_everything: "Sum your model's probabilities over all states: is it one? What may the logits of x_1 see?",
    predicts_the_next_variable: "Which variable are the logits at place i for: x_i, or the one after it?",
    takes_the_variables_backwards: "Which logits are a constant in your model, the first or the last?",
    returns_probabilities: "Can your output for a variable be -3? A probability cannot; can a logit?",
    ignores_the_other_variables: "Your logits are the same for every x. What does x_2 tell of x_3?",
    looks_at_the_last_variable_alone: "Change x_1 and keep x_2: should your logits of x_3 change?",
    loses_the_nearest_variables: "Change x_1 alone: do your logits of x_2 notice? Multiply your masks together.",
    has_no_hidden_layer: "Let x_3 be one where x_1 and x_2 differ. Can a weighted sum of the two tell?",
    stops_too_early: CURVES,
    sees_the_data_once: CURVES,
    learns_a_few_examples_by_heart: CURVES,
}
"""What each of them deserves to hear."""
