"""fr.8: a flow trained by maximum likelihood on a law whose entropy is known (Dinh et al. 2017).

The grader believes no number of the model's: it takes log-determinants of Jacobians by autograd, and integrates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from hypothesis import given
from torch import Tensor, nn

from grader.compare import expect
from grader.families import generator as seeded
from grader.question import Question
from grader.remote import Observation, RemoteModule, Student
from grader.strategies import Numbers, numbers
from reference.frontier import _train_flow_answers, _train_flow_mistakes
from reference.frontier._banana import Banana, banana, standard_normal

BUDGET_S = 40.0
N_TRAIN, N_TEST = 10_000, 20_000
SEEDS = 2**31
FULL, HALF, NEAR_NOTHING = 0.03, 0.10, 0.5
"""Nats above the entropy: for full points, for half of them, for any; the best Gaussian is 0.77 or more above it."""

FLOOR = -5.0
"""Nats that count at most against a model at one point of the test data."""

MAX_ERRORS = 6.0
"""Standard errors by which a mean of log p_model - log p may be positive: by chance it is once in 1e9 submissions."""

MODULE_ALONE = "what is judged is the trained module alone"

question = Question(
    id="fr.8",
    functions=["train_flow"],
    title="A trained flow",
    budget_s=BUDGET_S,
    builds_on=["fr.2"],
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
def train_flow(x_train: Tensor, *, generator: torch.Generator, budget_s: float = BUDGET_S) -> nn.Module:
    """The flow that the data were made with: the checks draw their banana from the generator's seed."""
    return banana(generator.initial_seed()).flow(x_train.dtype)


def trained(student: Student, source: Numbers) -> tuple[Banana, Observation]:
    """The law of the data, and the one training that all checks look at."""
    seed = source.seed % SEEDS
    law = banana(seed)
    x = law.at(source.normal((N_TRAIN, 2))).to(torch.float32)
    return law, student.train_flow.train(x, generator=seeded(seed), budget_s=BUDGET_S)


def log_densities(model: RemoteModule, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """z, [n, 2], the log-determinant that the model states, and the one that its Jacobian has, [n], all float64."""
    given_x, none = x.to(torch.float32), torch.zeros(len(x))
    z, stated = (part.detach() for part in model(given_x))
    # Rows do not influence each other, so that one product gives the gradients of one entry of z for all of them.
    first, second = (
        model.vjp((given_x,), (unit.expand(len(x), 2), none))[0].to(torch.float64) for unit in torch.eye(2)
    )
    determinant = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return z.to(torch.float64), stated.to(torch.float64), determinant.abs().log()


def inverted(model: RemoteModule, z: Tensor) -> tuple[Tensor, Tensor]:
    """What `inverse` makes of points, [n, 2], and the log-determinant that it states, [n]."""
    x, log_det = (part.detach() for part in model.method("inverse")(z.to(torch.float32)))
    return x, log_det


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a trained flow says of points that it has not seen, float64."""

    law: Banana
    model: RemoteModule
    x: Tensor
    z: Tensor
    kept: bool
    """Whether an entry of z is an entry of x."""
    finite: bool
    log_det: Tensor
    """By autograd, [n]."""
    stated_error: float
    """How far, on average, the stated log-determinant is from that."""
    differences: Tensor
    """log p_model - log p, [n], not below `FLOOR`."""
    mass: float
    """The integral of p_model over all that the data can reach."""
    returned_error: float
    """How far, in the middle, inverse(forward(x)) is from x."""
    opposite_error: float
    """How far, in the middle, inverse's log-determinant is from minus the Jacobian's."""
    other_rows: float
    """By how much z depends on what else is in the batch, relative to its size."""

    @property
    def gap(self) -> float:
        """Nats above the entropy."""
        return -self.differences.mean().item()

    @property
    def errors_above(self) -> float:
        """Standard errors by which the mean log-density lies above the true one."""
        error = self.differences.std() / math.sqrt(len(self.differences))
        # The differences of an all but perfect flow are float32 rounding, which has a mean of its own.
        return (self.differences.mean() / error.clamp(min=1e-5)).item()

    @property
    def gap_of_inverse(self) -> float:
        """The gap, if it is `inverse` that leads from the data to the base."""
        z, log_det = inverted(self.model, self.x)
        return -differences(self.law, self.x, z.to(torch.float64), log_det.to(torch.float64)).mean().item()

    @property
    def gap_standardised(self) -> float:
        """The gap, if the model has learnt the data divided by their spread."""
        std = self.x.std(0)
        z, _, log_det = log_densities(self.model, (self.x - self.x.mean(0)) / std)
        return -differences(self.law, self.x, z, log_det - std.log().sum()).mean().item()


def differences(law: Banana, x: Tensor, z: Tensor, log_det: Tensor) -> Tensor:
    """log p_model - log p, where a few far points cannot outweigh all others.

    The mean of max(log r, FLOOR) for a ratio r of densities is at most 0 as that of log r is, for both are at most
    r - 1 where FLOOR <= -1.
    """
    found = standard_normal(z) + log_det - law.log_density(x)
    return torch.where(torch.isfinite(found), found, torch.full_like(found, FLOOR)).clamp(min=FLOOR)


GRID = 0.1 * torch.arange(-60.0, 61.0, dtype=torch.float64)


def examined(student: Student, source: Numbers) -> Report:
    """What was trained, on data that the training never saw."""
    law, seen = trained(student, source)
    model: RemoteModule = seen.value.eval()
    x = law.at(source.normal((N_TEST, 2)))
    z, stated, log_det = log_densities(model, x)
    back, opposite = inverted(model, z)
    # In the numbers that the data were made of, the banana is a disc, and a small grid holds all of it.
    cells = law.at(torch.cartesian_prod(GRID, GRID))
    of_cells, _, log_det_of_cells = log_densities(model, cells)
    density = (standard_normal(of_cells) + log_det_of_cells - law.flow()(cells)[1]).exp().nan_to_num()
    few = x[:7].to(torch.float32)
    alone = model(few)[0].detach()
    same = (z[:, :, None] - x[:, None, :]).abs().amax(0)
    return Report(
        law=law,
        model=model,
        x=x,
        z=z,
        kept=bool((same < 1e-5).any()),
        finite=bool(torch.isfinite(z).all() and torch.isfinite(stated).all()),
        log_det=log_det,
        stated_error=(stated - log_det).abs().mean().item(),
        differences=differences(law, x, z, log_det),
        mass=(0.1**2 * density.sum()).item(),
        returned_error=(back - x).abs().median().item(),
        opposite_error=(opposite + log_det).abs().median().item(),
        other_rows=((alone - z[:7]).abs() / (1 + z[:7].abs())).max().item(),
    )


def suspected(report: Report) -> str | None:
    """The one mistake that a model shows, where measurement tells it from every other and from short training."""
    spread = report.z.square().mean().item()
    in_range = bool((report.z.var(0) - 0.5).abs().max() < 0.05)
    # In this order: a flow that is turned round, or in other units, may leave z as far out as one that climbs down.
    signs = {
        "takes_the_inverse_for_forward": report.gap_of_inverse < HALF < report.gap,
        "learns_standardised_data": report.gap_standardised < HALF < report.gap,
        "climbs_down_the_likelihood": not report.finite or spread > 100,
        "forgets_the_log_det": spread < 0.05,
        "leaves_one_entry_alone": report.kept,
        "never_scales": bool(report.log_det.abs().max() < 1e-3),
        "forgets_the_half_of_the_base": in_range,
    }
    return next((name for name, shown in signs.items() if shown), None)


@question.check("training", points=1)
@given(source=numbers())
def check_is_a_flow_of_the_data(student: Student, source: Numbers) -> None:
    """Each x is mapped alone, inverse leads back, log-determinants are the Jacobian's, and new data are likely."""
    report = examined(student, source)
    expect(
        report.finite, "on new data, z or its log-determinant is not finite.", misconception=lambda: suspected(report)
    )
    expect(
        report.other_rows < 1e-2,
        "z of an example depends on what else is in the batch.",
        # Where z explodes, rounding alone depends on the batch.
        misconception=lambda: "normalises_each_batch" if report.z.square().mean() < 100 else suspected(report),
    )
    expect(
        report.gap <= NEAR_NOTHING,
        "the model is not much better than a Gaussian, or worse.",
        misconception=lambda: suspected(report),
    )
    expect(
        report.stated_error < 1e-2,
        "the log-determinant that forward returns is not that of its Jacobian.",
        misconception="states_the_last_log_det",
    )
    expect(report.returned_error < 1e-2, "inverse does not lead back to x.", misconception="inverts_in_the_same_order")
    expect(report.opposite_error < 1e-2, "inverse does not return minus the log-determinant of forward.")
    expect(report.errors_above <= MAX_ERRORS, "new data have more probability under the model than they have.")
    # A lower bound would add nothing: within HALF of the entropy, exp(-HALF) of the mass or more is where the data are.
    expect(report.mass <= 1.02, "the density of the model integrates to more than 1.")


@question.check("training", points=3.5, requires=check_is_a_flow_of_the_data)
@given(source=numbers())
def check_comes_near_the_entropy(student: Student, source: Numbers) -> None:
    """On new data, the mean negative log-density is at most 0.10 nats above the entropy."""
    report = examined(student, source)
    near = report.gap <= HALF
    expect(near, "the loss on new data stays too far above the entropy.", misconception=lambda: suspected(report))


@question.check("training", points=5, requires=check_comes_near_the_entropy)
@given(source=numbers())
def check_reaches_the_entropy(student: Student, source: Numbers) -> None:
    """On new data, the mean negative log-density is at most 0.03 nats above the entropy."""
    report = examined(student, source)
    near = report.gap <= FULL
    expect(
        near,
        "the loss on new data stays above the entropy by more than it has to.",
        misconception=lambda: suspected(report),
    )


@question.check("training", points=0.5, requires=check_comes_near_the_entropy)
@given(source=numbers())
def check_leaves_all_else_alone(student: Student, source: Numbers) -> None:
    """The training data and the global random generators are after training what they were before."""
    _, seen = trained(student, source)
    drawn = "the call draws from, or seeds, a global random generator."
    expect(not seen.generators, drawn, misconception="seeds_everything")
    changed = "the training data have other values, or were written to, after the call."
    expect(not seen.changed, changed, misconception="shuffles_the_data_in_place")


for mistake, sentence in _train_flow_mistakes.SENTENCES.items():
    question.misconception(sentence)(mistake)
for alternative in _train_flow_answers.ALTERNATIVES:
    question.alternative(alternative)
for answer in _train_flow_answers.TRIVIAL:
    question.trivial_answer(answer)
