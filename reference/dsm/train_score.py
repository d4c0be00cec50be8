"""dsm.6: a network trained to be the score of noisy data that come from a known mixture.

Relative Fisher divergence: E|s - s*|^2 / E|s*|^2 over noisy test points.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import given
from torch import Tensor, nn

from grader.compare import expect
from grader.families import generator as seeded
from grader.question import Question
from grader.remote import Observation, Student
from grader.strategies import Numbers, numbers
from reference.dsm import _training_answers, _training_mistakes
from reference.dsm._noisy_mixture import ExactScore, World, world

BUDGET_S = 30.0
SIGMA = 0.5
FULL, HALF = 0.02, 0.06
"""Relative Fisher divergence (measured: tests/stability/score_network.py)."""

SEEDS = 2**31

question = Question(
    id="dsm.6",
    functions=["train_score"],
    title="A trained score network",
    budget_s=BUDGET_S,
    builds_on=["dsm.1"],
    exempt={
        "mutates_its_input": "a listed misconception writes to the data",
        "uses_global_rng": "a listed misconception seeds it",
        "loops_over_batch": "training goes over the data in a loop",
        "cpu_constant": "what is returned is a module, not a tensor",
        "float32_inside": "the data are float32",
        "wrong_dtype": "what is returned is a module, not a tensor",
        "fails_on_empty": "there is no score of no data",
        "fails_on_noncontiguous": "the data are contiguous",
    },
)


@question.oracle
def train_score(x_train: Tensor, sigma: float, *, generator: torch.Generator, budget_s: float = 30) -> nn.Module:
    """The score of the mixture that the data come from: the checks draw it from the generator's seed."""
    return ExactScore(world(generator.initial_seed()), sigma)


def trained(student: Student, source: Numbers) -> tuple[World, Observation]:
    """The data, and the one training that all checks look at."""
    seed = source.seed % SEEDS
    data = world(seed)
    seen = student.train_score.train(data.train.to(torch.float32), SIGMA, generator=seeded(seed), budget_s=BUDGET_S)
    return data, seen


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a trained network says at noisy test points, [N_TEST, 2], float64."""

    data: World
    x: Tensor
    value: Tensor

    @property
    def divergence(self) -> float:
        """The relative Fisher divergence."""
        return self._away_from(self.data.score(self.x, SIGMA))

    def _away_from(self, other: Tensor) -> float:
        return ((self.value - other).square().sum() / other.square().sum()).item()

    @property
    def multiple(self) -> tuple[float, float]:
        """The best multiple of the right score, and what it leaves over as a part of the score's square."""
        score = self.data.score(self.x, SIGMA)
        square = score.square().sum()
        factor = (self.value * score).sum() / square
        return factor.item(), ((self.value - factor * score).square().sum() / square).item()

    def away_from_level(self, sigma: float) -> float:
        """Relative distance to the score of the data with another noise."""
        return self._away_from(self.data.score(self.x, sigma))

    @property
    def away_from_denoiser(self) -> float:
        """Relative distance to E[x | x~] = x~ + sigma^2 s*."""
        return self._away_from(self.x + SIGMA**2 * self.data.score(self.x, SIGMA))

    @property
    def away_from_scaled_data(self) -> float:
        """Relative distance to the score of data that were standardised before the noise was added."""
        mean, std = self.data.train.mean(0), self.data.train.std(0)
        scaled = World(
            logits=self.data.logits,
            mu=(self.data.mu - mean) / std,
            var=self.data.var / std.square(),
            train=self.data.train,
            test=self.data.test,
            noise=self.data.noise,
        )
        return self._away_from(scaled.score(self.x, SIGMA))

    @property
    def away_from_affine(self) -> float:
        """Relative distance to the nearest affine field."""
        inputs = torch.cat((torch.ones_like(self.x[:, :1]), self.x), dim=-1)
        return self._away_from(inputs @ torch.linalg.lstsq(inputs, self.value).solution)


def examined(student: Student, source: Numbers) -> Field:
    """What was trained, evaluated on data that the training never saw."""
    data, seen = trained(student, source)
    x = data.test + SIGMA * data.noise
    return Field(data=data, x=x, value=seen.value.eval()(x.to(torch.float32)).to(torch.float64))


def suspected(field: Field) -> str | None:
    """The one mistake that a trained network shows, where measurement tells it from every other and short training.

    Most mistakes train a multiple of the right score, and what the multiple leaves over is then as small as for right
    training; a field that is trained too briefly leaves more (measured, with these bounds:
    tests/stability/score_network.py).
    """
    factor, left = field.multiple
    small = field.value.square().mean().item()
    # In this order: what comes first would also meet what a later line asks.
    signs = {
        "asks_at_the_clean_point": small > 0 and abs(factor) < 0.05 and left < 0.02,
        "has_no_hidden_layer": small > 0.05 and field.away_from_affine < 1e-6,
        "points_along_the_noise": abs(factor + 1) < 0.15 and left < 0.04,
        "returns_the_noise": abs(factor + 0.5) < 0.06 and left < 0.02,
        "forgets_to_divide_by_sigma": abs(factor - 0.5) < 0.06 and left < 0.015,
        "predicts_the_displacement": abs(factor - 0.25) < 0.03 and left < 0.01,
        "divides_the_noise_by_the_variance": 1.75 < factor < 2.15 and left < 0.1,
        "returns_the_denoised_point": field.away_from_denoiser < 0.05,
        "returns_the_score_of_scaled_data": field.away_from_scaled_data < 0.05,
        "adds_noise_of_size_sigma_squared": field.away_from_level(SIGMA**2) < 0.08,
        "adds_unit_noise": field.away_from_level(1.0) < 0.08,
    }
    return next((name for name, shown in signs.items() if shown), None)


def assert_within(field: Field, bound: float, message: str) -> None:
    """The field is made of numbers, and near enough to the right one."""
    expect(bool(torch.isfinite(field.value).all()), "the score at some noisy points is not finite.")
    expect(field.divergence <= bound, message, misconception=lambda: suspected(field))


@question.check("training", points=8.5)
@given(source=numbers())
def check_comes_near_the_score(student: Student, source: Numbers) -> None:
    """On new noisy points the relative Fisher divergence is at most 0.06."""
    assert_within(examined(student, source), HALF, "the network is too far from the score of the noisy data.")


@question.check("training", points=9, requires=check_comes_near_the_score)
@given(source=numbers())
def check_comes_closest_to_the_score(student: Student, source: Numbers) -> None:
    """On new noisy points the relative Fisher divergence is at most 0.02."""
    assert_within(examined(student, source), FULL, "the network is farther from the score than it has to be.")


@question.check("training", points=1, requires=check_comes_near_the_score)
@given(source=numbers())
def check_leaves_global_generators_alone(student: Student, source: Numbers) -> None:
    """The global random generators are after training what they were before."""
    _, seen = trained(student, source)
    said = "the call draws from, or seeds, a global random generator."
    expect(not seen.generators, said, misconception="seeds_everything")


@question.check("training", points=0.75, requires=check_comes_near_the_score)
@given(source=numbers())
def check_leaves_the_data_unchanged(student: Student, source: Numbers) -> None:
    """The training data are after training what they were before."""
    _, seen = trained(student, source)
    said = "the training data have other values, or were written to, after the call."
    expect(not seen.changed, said, misconception="shuffles_the_data_in_place")


@question.check("training", points=0.75, requires=check_comes_near_the_score)
@given(source=numbers())
def check_treats_points_independently(student: Student, source: Numbers) -> None:
    """In evaluation mode, the network answers for each point on its own, alone or in a batch of any shape."""
    _, seen = trained(student, source)
    points = source.normal((5, 7, 2)).to(torch.float32)
    network = seen.value.eval()
    together, alone = network(points), network(points[2, 3])
    same = (alone - together[2, 3]).abs() <= 1e-3
    expect(same, "a point's score changes with the others in its batch.", misconception="centres_each_batch")


for mistake, sentence in _training_mistakes.SENTENCES.items():
    question.misconception(sentence)(mistake)
for alternative in _training_answers.ALTERNATIVES:
    question.alternative(alternative)
for answer in _training_answers.TRIVIAL:
    question.trivial_answer(answer)
