"""ar.9: an autoregressive model of binary data, trained by maximum likelihood (Germain et al. 2015).

The data have 12 variables, so that the expected loss is a sum over all 4096 states: no test set, and no noise.
"""

from __future__ import annotations

import torch
from hypothesis import given
from torch import Tensor, nn

from grader.compare import expect
from grader.families import generator
from grader.question import Question
from grader.remote import Student
from grader.strategies import Numbers, numbers
from reference.autoregressive._binary_law import SIZE, STATES, BinaryLaw, log_probs, mean_gap
from reference.autoregressive._train_made_mistakes import SENTENCES

COUNT = 20_000
BUDGET_S = 30.0
SEEDS = 2**31

MODULE_ALONE = "what is judged is the trained module alone"
question = Question(
    id="ar.9",
    functions=["train_made"],
    title="A trained autoregressive model of binary data",
    budget_s=BUDGET_S,
    builds_on=["ar.3"],
    exempt={
        name: MODULE_ALONE
        for name in (
            "mutates_its_input",
            "uses_global_rng",
            "loops_over_batch",
            "cpu_constant",
            "float32_inside",
            "wrong_dtype",
            "fails_on_empty",
            "fails_on_noncontiguous",
        )
    },
)


@question.oracle
def train_made(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    """The law that the data come from: the checks draw it from the generator's seed."""
    return BinaryLaw(generator.initial_seed())


def trained(student: Student, source: Numbers) -> tuple[Tensor, BinaryLaw]:
    """Logits of the trained model for all states, [4096, 12] in float64, and the law that it learnt from.

    Raises:
        CheckFailed: Where they depend on what else is in the batch, or are not numbers.
    """
    seed = source.seed % SEEDS
    law = BinaryLaw(seed)
    model = student.train_made(law.sample(COUNT), generator=generator(seed), budget_s=BUDGET_S).eval()
    logits, few = model(STATES.float()).double(), model(STATES[:7].float()).double()
    expect(torch.isfinite(logits), "the model gives logits that are no numbers.")
    expect((logits[:7] - few).abs() < 1e-3, "the logits of an example depend on what else is in the batch.")
    return logits, law


def dependencies(logits: Tensor) -> Tensor:
    """Which logits change with which variable in any state, [12, 12]."""
    columns = []
    for j in range(SIZE):
        flipped = torch.arange(len(STATES)) ^ (1 << (SIZE - 1 - j))
        columns.append((logits[flipped] - logits).abs().amax(0) > 1e-3)
    return torch.stack(columns, dim=-1)


def leak(logits: Tensor, law: BinaryLaw, seen: Tensor) -> str:
    """Which wrong answer a model is whose logits see more than the past."""
    if not seen.tril(-1).any() and not seen.diagonal().any():
        return "takes_the_variables_backwards"
    if seen.triu(1).any():
        return "sees_everything"
    moved = torch.cat((law.logits(STATES)[:, :1], logits[:, :-1]), dim=-1)
    return "predicts_the_next_variable" if mean_gap(moved, law) < 1 else "sees_its_own_input"


def shortfall(logits: Tensor, law: BinaryLaw) -> str:
    """Which wrong answer a model is that sees the past alone and stays far from the entropy."""
    seen = dependencies(logits)
    as_probabilities = logits.clamp(1e-6, 1 - 1e-6).logit()
    if mean_gap(as_probabilities, law) < 0.5 * mean_gap(logits, law):
        return "returns_probabilities"
    if not seen.any():
        return "ignores_the_other_variables"
    if not (seen.tril(-2)).any():
        return "looks_at_the_last_variable_alone"
    if not seen.diagonal(-1).any():
        return "loses_the_nearest_variables"
    inputs = torch.cat((torch.ones(len(STATES), 1), STATES), dim=-1).double()
    residual = inputs @ torch.linalg.lstsq(inputs, logits).solution - logits
    return "has_no_hidden_layer" if residual.abs().max() < 1e-2 else "stops_too_early"


def expect_near(logits: Tensor, law: BinaryLaw, nats: float, otherwise: str) -> None:
    """The expected loss is at most so many nats above the entropy."""
    expect(mean_gap(logits, law) <= nats, otherwise, misconception=lambda: shortfall(logits, law))


@question.check("training", points=1)
@given(source=numbers())
def check_is_a_density_of_the_data(student: Student, source: Numbers) -> None:
    """Each logit depends on earlier variables alone, the 4096 probabilities sum to one, and the data are likely."""
    logits, law = trained(student, source)
    seen = dependencies(logits)
    expect(
        not seen.triu().any(),
        "a logit depends on its own variable, or on one that comes later.",
        misconception=lambda: leak(logits, law, seen),
    )
    expect((log_probs(logits).exp().sum() - 1).abs() < 1e-3, "the probabilities of all states do not sum to one.")
    # With probabilities that sum to one, the expected loss cannot be below the entropy.
    expect(mean_gap(logits, law) > -1e-3, "the model gives the data more probability than they have.")
    expect_near(logits, law, 1.5, "the model is hardly better than one without any dependence.")


@question.check("training", points=4, requires=check_is_a_density_of_the_data)
@given(source=numbers())
def check_comes_near_the_entropy(student: Student, source: Numbers) -> None:
    """The expected loss is at most 0.25 nats above the entropy."""
    logits, law = trained(student, source)
    expect_near(logits, law, 0.25, "the expected loss is more than 0.25 nats above the entropy.")


@question.check("training", points=5, requires=check_comes_near_the_entropy)
@given(source=numbers())
def check_reaches_the_entropy(student: Student, source: Numbers) -> None:
    """The expected loss is at most 0.10 nats above the entropy."""
    logits, law = trained(student, source)
    expect_near(logits, law, 0.1, "the expected loss is more than 0.10 nats above the entropy.")


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.trivial_answer
def gives_every_state_the_same_probability(
    x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0
) -> nn.Module:
    class Uniform(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.zeros_like(x)

    return Uniform()


@question.trivial_answer
def gives_its_input_back(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    return nn.Identity()


@question.alternative
def fits_pairs_by_logistic_regression(
    x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0
) -> nn.Module:
    class Pairs(nn.Module):
        mask: Tensor

        def __init__(self, size: int) -> None:
            super().__init__()
            self.pairs = torch.tril_indices(size, size, -1)
            earlier = torch.arange(size).unsqueeze(-1)
            newest = torch.cat((torch.full((1,), -1), torch.arange(size), self.pairs[0]))
            self.register_buffer("mask", (newest < earlier).float())
            self.weight = nn.Parameter(torch.zeros(size, len(newest)))

        def forward(self, x: Tensor) -> Tensor:
            s = 2 * x - 1
            features = torch.cat((torch.ones_like(s[:, :1]), s, s[:, self.pairs[0]] * s[:, self.pairs[1]]), dim=1)
            return features @ (self.weight * self.mask).T

    model = Pairs(x_train.shape[1]).to(x_train.dtype)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(x_train), x_train)
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch does not type it
    return model


@question.alternative
def trains_two_hidden_layers(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    class MaskedLinear(nn.Linear):
        allowed: Tensor

        def __init__(self, inputs: Tensor, outputs: Tensor, strict: bool) -> None:
            super().__init__(len(inputs), len(outputs))
            allowed = outputs[:, None] > inputs[None, :] if strict else outputs[:, None] >= inputs[None, :]
            self.register_buffer("allowed", allowed)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(x, self.weight.masked_fill(~self.allowed, 0.0), self.bias)

    size = x_train.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
        places, units = torch.arange(size), torch.arange(110) % (size - 1)
        model = nn.Sequential(
            MaskedLinear(places, units, False),
            nn.Tanh(),
            MaskedLinear(units, units, False),
            nn.ReLU(),
            MaskedLinear(units, places, True),
        ).to(x_train.dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for epoch in range(12):
        for group in optimizer.param_groups:
            group["lr"] = 8e-3 * 0.75**epoch
        for rows in torch.split(torch.randperm(len(x_train), generator=generator), 200):
            batch = x_train[rows]
            logits = model(batch)
            loss = (nn.functional.softplus(logits) - batch * logits).sum(1).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return model
