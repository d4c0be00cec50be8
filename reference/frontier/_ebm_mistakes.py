"""Wrong answers to fr.5, each with the sentence that it deserves."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reference.frontier._mistakes import Mistake, listed_in

Energy = Callable[[Tensor], Tensor]

GRID: list[Mistake] = []
"""Of log_partition."""
SURROGATE: list[Mistake] = []
"""Of ebm_surrogate."""


UNDERFLOWS = "Energies of -1000 and 1000 are ordinary numbers, and so is log Z. What is exp(1000), and exp(-1000)?"
"""Also of those who would have done it right for ordinary energies."""

FAR_APART = "One grid may hold energies of -2000 and of 2000. How large is your largest exponent there?"

RISES = "Training raises the energy of data."


@listed_in(GRID, "Take a grid twice as fine: by how much does your log Z grow, and by how much does the integral?")
def forgets_the_cell(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(-energy_fn(grid), 0)


@listed_in(GRID, UNDERFLOWS)
def exponentiates_first(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.log((torch.exp(-energy_fn(grid)) * dx).sum())


@listed_in(GRID, UNDERFLOWS)
def adds_a_little_before_the_logarithm(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.log(torch.exp(-energy_fn(grid)).sum() * dx + 1e-12)


@listed_in(GRID, FAR_APART)
def subtracts_the_mean(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    exponent = -energy_fn(grid)
    return exponent.mean() + torch.log(torch.exp(exponent - exponent.mean()).sum() * dx)


@listed_in(GRID, FAR_APART)
def subtracts_the_first(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    exponent = -energy_fn(grid)
    return exponent[0] + torch.log(torch.exp(exponent - exponent[0]).sum() * dx)


@listed_in(
    GRID, "Where is the density exp(-E) / Z high: where the energy is high, or where it is low? And in your sum?"
)
def takes_energies_for_log_densities(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(energy_fn(grid), 0) + math.log(dx)


@listed_in(GRID, "A sum of terms, each times dx: what becomes of the factor when the logarithm is taken?")
def adds_the_cell(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(-energy_fn(grid), 0) + dx


@listed_in(GRID, "Two points of energy 0: should log Z grow or fall when each stands for a larger cell?")
def subtracts_the_log_cell(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(-energy_fn(grid), 0) - math.log(dx)


@listed_in(GRID, "In two dimensions, is dx the side of a cell or its area? The docstring says which.")
def raises_the_cell_to_a_power(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(-energy_fn(grid), 0) + grid.shape[-1] * math.log(dx)


@listed_in(GRID, "Add a far part of space, where exp(-E) is zero, to the grid: why does your log Z fall?")
def averages_over_the_grid(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(-energy_fn(grid), 0) - math.log(len(grid)) + math.log(dx)


@listed_in(GRID, "Raise all energies by 1: which way should log Z go, and which way does yours?")
def returns_the_negative(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return -torch.logsumexp(-energy_fn(grid), 0) - math.log(dx)


@listed_in(GRID, "Z is asked for in logarithms; what do you return for the normal density, 2.507 or 0.919?")
def returns_z_itself(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.exp(-energy_fn(grid)).sum() * dx


@listed_in(GRID, "Raise all energies by 5: does your log Z notice?")
def loses_the_largest(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    exponent = -energy_fn(grid)
    return torch.log(torch.exp(exponent - exponent.max()).sum()) + math.log(dx)


@listed_in(GRID, "Is the logarithm of a sum the sum of the logarithms? Try two points of energy 0.")
def sums_the_logarithms(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return (math.log(dx) - energy_fn(grid)).sum()


@listed_in(GRID, "Your log Z is right; now minimise E + log Z. Does the second term know the parameters?")
def normalises_without_a_gradient(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    with torch.no_grad():
        return torch.logsumexp(-energy_fn(grid), 0) + math.log(dx)


@listed_in(GRID, "Which dtype went in, and which came out? A model in float32 cannot add the two.")
def returns_log_z_in_double(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(-energy_fn(grid).double(), 0) + math.log(dx)


@listed_in(GRID, "Your log Z is right to seven digits and no further: in which dtype is the logarithm of dx taken?")
def takes_the_cell_in_float32(energy_fn: Energy, grid: Tensor, dx: float) -> Tensor:
    return torch.logsumexp(-energy_fn(grid), 0) + torch.tensor(dx, dtype=torch.float32, device=grid.device).log()


@listed_in(SURROGATE, RISES)
def swaps_the_sign(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_model.detach()).mean() - energy_fn(x_data).mean()


@listed_in(SURROGATE, RISES)
def trains_the_negative_energy(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    log_density = -energy_fn(torch.cat((x_data, x_model.detach())))
    return log_density[: len(x_data)].mean() - log_density[len(x_data) :].mean()


@listed_in(SURROGATE, "Train on your loss: which way do the samples themselves move, and who asked them to?")
def lets_the_gradient_into_the_samples(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_data).mean() - energy_fn(x_model).mean()


@listed_in(SURROGATE, "Your value is right; by its gradient, what would stop the energy from falling everywhere?")
def detaches_the_energies_of_the_samples(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_data).mean() - energy_fn(x_model).mean().detach()


@listed_in(SURROGATE, "Your value is right; by its gradient, does the energy of the data ever fall?")
def detaches_the_energies_of_the_data(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_data).mean().detach() - energy_fn(x_model.detach()).mean()


@listed_in(SURROGATE, "An energy of -1000 everywhere is as good as one of 0: which term of your loss says so?")
def drops_the_normaliser(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_data).mean()


@listed_in(SURROGATE, "Draw ten times as many samples of the model: should they count for ten times as much?")
def sums_the_energies(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_data).sum() - energy_fn(x_model.detach()).sum()


@listed_in(SURROGATE, "Draw ten times as many samples of the model: should they count for ten times as much?")
def averages_over_all_of_them(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    total = energy_fn(x_data).sum() - energy_fn(x_model.detach()).sum()
    return total / (len(x_data) + len(x_model))


@listed_in(SURROGATE, "Need there be as many samples of the model as data? Try three of one and two of the other.")
def pairs_data_with_samples(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return (energy_fn(x_data) - energy_fn(x_model.detach())).mean()


@listed_in(SURROGATE, "How many losses does one batch have?")
def returns_one_loss_per_datum(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_data) - energy_fn(x_model.detach()).mean()


@listed_in(
    SURROGATE, "Should the energies of data and of samples go the same way? What holds up those of all other points?"
)
def adds_the_energies(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return energy_fn(x_data).mean() + energy_fn(x_model.detach()).mean()


@listed_in(
    SURROGATE, "Likely points are already frequent among samples of the model: why weigh them by exp(-E) once more?"
)
def takes_the_samples_for_a_grid(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    log_z = torch.logsumexp(-energy_fn(x_model.detach()), 0) - math.log(len(x_model))
    return energy_fn(x_data).mean() + log_z


@listed_in(SURROGATE, "Add a constant to all energies: the density stays as it was. Which term of your loss does not?")
def keeps_energies_small(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    of_data, of_model = energy_fn(x_data), energy_fn(x_model.detach())
    return of_data.mean() - of_model.mean() + 0.1 * (of_data.square().mean() + of_model.square().mean())


@listed_in(SURROGATE, "Energies 1 and 3 give -2. Why is your loss never negative?")
def squares_the_difference(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return (energy_fn(x_data).mean() - energy_fn(x_model.detach()).mean()).square()


@listed_in(SURROGATE, "Which dtype went in, and which came out? A model in float32 cannot use such a loss.")
def returns_the_surrogate_in_double(energy_fn: Energy, x_data: Tensor, x_model: Tensor) -> Tensor:
    return (energy_fn(x_data).mean() - energy_fn(x_model.detach()).mean()).double()
