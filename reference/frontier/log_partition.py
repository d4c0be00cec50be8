"""fr.5: energy models: a normaliser on a grid, and a loss that does without it (LeCun et al. 2006; Hinton 2002).

p(x) = exp(-E(x)) / Z,  log Z = log sum_i exp(-E(x_i)) dx
grad -log p(x) = grad E(x) - E_{y ~ p}[grad E(y)]
"""

from __future__ import annotations

import math
from collections.abc import Callable

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    accepts_any_strides,
    accurate_in,
    answer,
    does_constant_work,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers
from grader.worker.described import Described
from reference.frontier._ebm_mistakes import GRID, SURROGATE
from reference.frontier._energies import bowl, energies_of_samples, energies_on_grids, network, raised, states

Energy = Callable[[Tensor], Tensor]

question = Question(
    id="fr.5",
    functions=["log_partition", "ebm_surrogate"],
    title="Energy models",
    exempt={"fails_on_empty": "neither a sum over no grid nor a mean over no data is a number"},
)

ONE = torch.ones((), dtype=torch.float64)


@question.oracle
def log_partition(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    """A 0-dim tensor; grid is [points, dim]."""
    log_cell = torch.full_like(grid[0, 0], dx).log()
    return (-energy_fn(grid)).logsumexp(0) + log_cell


@question.oracle
def ebm_surrogate(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    """A 0-dim tensor; x_data is [n_data, dim] and x_model [n_model, dim], which gets no gradient."""
    return energy_fn(x_data).mean() - energy_fn(x_model.detach()).mean()


grids = energies_on_grids()
check_partition = question.check(
    "value", points=2.5, name="log_partition", description="Is the logarithm of the sum of exp(-E) dx over the grid."
)(matches_oracle(log_partition, grids))
question.check("precision", points=0.25, name="log_partition_keeps_float64_precision")(
    keeps_precision(log_partition, grids)
)


@question.check("gradient", points=1.25)
@given(inputs=grids)
def check_log_partition_can_be_trained_through(student: Student, inputs: Arguments) -> None:
    """log Z has the right gradient in the parameters of the energy."""
    got = student.log_partition.vjp(inputs.args, ONE)
    assert_value(got[:-1], oracle_vjp(log_partition, inputs, ONE)[:-1])


@question.check("law", points=0.75)
@given(source=numbers(), dim=st.sampled_from((1, 2)))
def check_finds_the_normaliser_of_a_gaussian(student: Student, source: Numbers, dim: int) -> None:
    """Of a quadratic energy, on a wide and fine grid, it is the closed form; on half of the grid, half of Z is left."""
    std = source.uniform((dim,), low=0.7, high=1.4)
    center, spacing = source.normal((dim,), scale=0.2), 0.4
    energy = described(
        "quadratic_energy", center=center, precision=torch.diag(std**-2), log_partition=torch.zeros_like(ONE)
    )
    ticks = (torch.arange(-26, 26, dtype=torch.float64) + 0.5) * spacing
    # Riemann sums of Gaussians converge faster than any power of the spacing; at 0.4 they err by less than 1e-11.
    grid = torch.cartesian_prod(*[ticks] * dim).reshape(-1, dim) + center
    whole = student.log_partition(energy, grid, spacing**dim)
    assert_value(whole, torch.log(std * (2 * torch.pi) ** 0.5).sum())
    half = grid[grid[:, 0] < center[0]]
    assert_value(student.log_partition(energy, half, spacing**dim), whole - torch.log(2 * ONE))


@question.check("law", points=0.5)
@given(source=numbers(), constant=st.sampled_from((-3.2, 1.1, 6.0)))
def check_shifts_with_the_energy(student: Student, source: Numbers, constant: float) -> None:
    """A constant added to the energy is subtracted from log Z; all cells twice, and log 2 is added."""
    energy, grid = bowl(source, 2), source.normal((5, 2))
    before = student.log_partition(energy, grid, 0.3)
    assert_value(student.log_partition(raised(energy, constant), grid, 0.3), before - constant)
    # Which the least and the mean energy do not notice.
    assert_value(student.log_partition(energy, grid.repeat(2, 1), 0.3), before + math.log(2))


def far_and_near(energy: Described, source: Numbers) -> Tensor:
    """Points of a bowl [7, 2], the first one as far up as the last; two near the bottom, about 4000 lower."""
    center, precision = energy.parameters["center"], energy.parameters["precision"]
    ways = source.normal((7, 2))
    heights = torch.tensor([3900.0, 1900.0, 0.8, 2900.0, 0.1, 900.0, 3990.0], dtype=torch.float64)
    squares = torch.einsum("ni,ij,nj->n", ways, precision, ways)
    points: Tensor = center + ways * (2 * heights / squares).sqrt()[:, None]
    return points


@question.check("stress", points=0.75, requires=check_partition)
@given(
    source=numbers(),
    constant=st.sampled_from((-2000.0, 2000.0)),
    dtype=st.sampled_from((torch.float64, torch.float32)),
)
def check_survives_extreme_energies(student: Student, source: Numbers, constant: float, dtype: torch.dtype) -> None:
    """Stays exact where energies are near -2000, near 2000, or of both kinds, and exp(-E) is infinite or zero."""
    energy = raised(bowl(source, 2), constant)
    for points in (source.normal((5, 2)), far_and_near(energy, source)):
        inputs = Arguments((energy, points, 0.3)).to(dtype)
        right = answer(log_partition, inputs.to(torch.float64)).to(dtype)
        assert_value(student.log_partition(*inputs.args), right)


question.check("stress", points=0.25, requires=check_partition, name="log_partition_in_float32", examples=4)(
    accurate_in(torch.float32, log_partition, grids)
)
question.check("robustness", points=0.25, requires=check_partition, name="log_partition_accepts_any_memory_layout")(
    accepts_any_strides(log_partition, energies_on_grids(dims=(2, 5), points=(3, 7)))
)
question.check("behaviour", points=0.25, requires=check_partition, name="log_partition_runs_on_other_devices")(
    runs_on_other_devices(grids)
)

samples = energies_of_samples()
check_surrogate = question.check(
    "value",
    points=2.5,
    name="surrogate",
    description="Is the mean energy of the data minus the mean energy of the samples.",
)(about("ebm_surrogate", matches_oracle(ebm_surrogate, samples)))
question.check("precision", points=0.25, name="surrogate_keeps_float64_precision")(
    about("ebm_surrogate", keeps_precision(ebm_surrogate, samples))
)


@question.check("gradient", points=1.75)
@given(inputs=samples)
def check_surrogate_trains_the_energy(student: Student, inputs: Arguments) -> None:
    """The surrogate has the right gradient in the parameters of the energy."""
    got = student.ebm_surrogate.vjp(inputs.args, ONE)
    assert_value(got[:-2], oracle_vjp(ebm_surrogate, inputs, ONE)[:-2])


# Nothing reaches the samples from zeros either.
@question.check("gradient", points=0.75, requires=check_surrogate)
@given(inputs=samples)
def check_samples_stay_where_they_are(student: Student, inputs: Arguments) -> None:
    """No gradient reaches the samples of the model."""
    assert_value(student.ebm_surrogate.vjp(inputs.args, ONE)[-1], torch.zeros_like(inputs.args[-1]))


@question.check("law", points=1)
@given(source=numbers())
def check_has_the_gradient_of_the_likelihood(student: Student, source: Numbers) -> None:
    """With the model's exact expectation over 16 states, the gradient is that of the mean -log p of the data."""
    everything = states()
    energy, x_data = network(source, 4), everything[source.integers((3,), low=0, high=16)]
    probabilities = answer(_probabilities, Arguments((energy,)))
    parts = [student.ebm_surrogate.vjp((energy, x_data, state[None]), ONE)[:-2] for state in everything]
    got = tuple(sum(p * part for p, part in zip(probabilities, each, strict=True)) for each in zip(*parts, strict=True))
    assert_value(got, oracle_vjp(_mean_nll, Arguments((energy, x_data)), ONE)[:-1])


def _probabilities(energy_fn: Energy) -> Tensor:
    return (-energy_fn(states())).softmax(0)


def _mean_nll(energy_fn: Energy, x_data: Tensor) -> Tensor:
    return energy_fn(x_data).mean() + (-energy_fn(states())).logsumexp(0)


# Without any gradient it is zero everywhere.
@question.check("law", points=0.25, requires=check_surrogate)
@given(source=numbers())
def check_rests_where_the_samples_are_the_data(student: Student, source: Numbers) -> None:
    """Where the samples are the data, each as often, nothing is left to learn: value and gradient are zero."""
    energy, x_data = network(source, 2), source.normal((3, 2))
    twice = x_data[[2, 0, 1, 0, 1, 2]]
    assert_value(student.ebm_surrogate(energy, x_data, twice), torch.zeros_like(ONE))
    for gradient in student.ebm_surrogate.vjp((energy, x_data, twice), ONE)[:-2]:
        assert_value(gradient, torch.zeros_like(gradient))


@question.check("law", points=0.25, requires=check_surrogate)
@given(source=numbers(), constant=st.sampled_from((-3.2, 1.1, 6.0)))
def check_does_not_see_a_constant(student: Student, source: Numbers, constant: float) -> None:
    """A constant added to the energy changes nothing, and gets no gradient."""
    energy, x_data, x_model = bowl(source, 2), source.normal((3, 2)), source.normal((5, 2))
    shifted = raised(energy, constant)
    before = student.ebm_surrogate(energy, x_data, x_model)
    assert_value(student.ebm_surrogate(shifted, x_data, x_model), before)
    in_constant = student.ebm_surrogate.vjp((shifted, x_data, x_model), ONE)[2]
    assert_value(in_constant, torch.zeros_like(ONE))


question.check("stress", points=0.25, requires=check_surrogate, name="surrogate_in_float32", examples=4)(
    about("ebm_surrogate", accurate_in(torch.float32, ebm_surrogate, samples))
)
question.check("robustness", points=0.25, requires=check_surrogate)(
    about("ebm_surrogate", leaves_inputs_unchanged(samples))
)
question.check("robustness", points=0.25, requires=check_surrogate, name="surrogate_accepts_any_memory_layout")(
    about("ebm_surrogate", accepts_any_strides(ebm_surrogate, samples))
)
question.check("behaviour", points=0.25, requires=check_surrogate, name="surrogate_runs_on_other_devices")(
    about("ebm_surrogate", runs_on_other_devices(samples))
)
question.check("behaviour", points=0.25, requires=check_surrogate)(about("ebm_surrogate", keeps_generators(samples)))


def rows(count: int) -> st.SearchStrategy[Arguments]:
    """A quadratic energy of as many samples as data."""
    return energies_of_samples(makers=(bowl,), sizes=((count, count),))


question.check("behaviour", points=0.25, requires=check_surrogate)(
    about("ebm_surrogate", does_constant_work(rows(3), rows(300)))
)

for sentence, wrong in GRID:
    question.misconception(sentence)(wrong)
for sentence, wrong in SURROGATE:
    question.misconception(sentence, replaces="ebm_surrogate")(wrong)


@question.alternative
def subtracts_the_largest(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    exponent = -energy_fn(grid)
    top = exponent.max()
    return top + torch.log(torch.exp(exponent - top).sum() * dx)


@question.alternative
def puts_the_cell_into_the_exponent(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    energies = energy_fn(grid)
    log_cells = torch.as_tensor(dx, dtype=grid.dtype, device=grid.device).log()
    return torch.logsumexp(log_cells - energies, 0)


@question.alternative
def reads_it_off_a_softmax(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    log_weights = -1.0 * energy_fn(grid).flatten()
    return log_weights[0] - torch.log_softmax(log_weights, dim=-1)[0] + math.log(dx)


@question.alternative_of("ebm_surrogate")
def asks_once(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    energies = energy_fn(torch.cat((x_data, x_model.detach())))
    return energies[: len(x_data)].mean() - energies[len(x_data) :].mean()


@question.alternative_of("ebm_surrogate")
def weighs_each_energy(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    fixed = x_model.clone().detach()
    return (energy_fn(x_data) / x_data.shape[0]).sum() - energy_fn(fixed).sum().div(fixed.shape[0])


@question.alternative_of("ebm_surrogate")
def copies_under_no_grad(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    with torch.no_grad():
        negatives = x_model * 1.0
    return torch.sub(torch.mean(energy_fn(x_data), dim=0), torch.mean(energy_fn(negatives), dim=0))
