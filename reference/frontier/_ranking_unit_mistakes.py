"""Wrong answers to the second half of fr.7 that compare unlike numbers, each with its sentence.

The log-likelihoods are of data in other units, of densities and probabilities, or of other data. What is right in
them is the same in all: the ends between which each log-likelihood lies, and who is surely above.
"""

from __future__ import annotations

import math

from reference.frontier._evidence import Evidence
from reference.frontier._mistakes import Mistake, listed_in

UNITS: list[Mistake] = []
"""Of rank_models, besides those that misread bounds and ties."""

MASS = "A density can be 10 and more. Does it give a probability, or only something that the probability is not below?"
OTHER = "Cut a row off each image: its log-likelihood is another one. Whose images do your two models speak of?"


@listed_in(
    UNITS, "Divide all pixels by 256: what happens to a density's height, per dimension? And did the model get better?"
)
def ignores_the_scale_of_the_data(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(
    UNITS, "How many dimensions shrink when an image is divided by 256, and how many does your correction count?"
)
def corrects_for_one_dimension(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(
    UNITS, "Squeeze the data into a smaller space: does a density rise or fall? In which direction do you undo that?"
)
def corrects_in_the_wrong_direction(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats - (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, "In which unit is the logarithm that you correct by, and in which are the log-likelihoods?")
def corrects_in_bits(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log2(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, "Likelihoods change by a factor for each dimension. What becomes of a factor in a logarithm?")
def multiplies_by_the_scale(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats * (one.unit_scale if one.measure == "lebesgue" else 1.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, "Write an image in other units: does the probability that it is drawn change?")
def scales_probabilities_too(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + one.n_dims * math.log(one.unit_scale)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, "Same model, same data, other units: why are its two densities not comparable?")
def refuses_other_units(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    if a.measure == b.measure == "lebesgue" and a.unit_scale != b.unit_scale:
        return "undetermined"
    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, MASS)
def takes_densities_for_masses(a: Evidence, b: Evidence) -> str:
    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, MASS)
def lets_upper_bounds_on_densities_bound_masses(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = (
            math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue" and one.kind == "exact") else nats
        )
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, MASS)
def lets_an_upper_bound_on_a_density_lie_below_a_mass(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        crosses = mixed and one.measure == "lebesgue"
        low = -math.inf if one.kind == "upper" and not crosses else nats
        high = math.inf if one.kind == "lower" or crosses else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(
    UNITS, "What does E_u[log p(x + u)] <= log P(x) say of a density whose value is already above a probability?"
)
def never_compares_a_density_with_a_probability(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure
    if mixed:
        return "undetermined"

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, "Is a density a lower bound on the mass, or an upper one? Look at the inequality once more.")
def takes_densities_for_upper_bounds(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" or (mixed and one.measure == "lebesgue") else nats
        high = math.inf if one.kind == "lower" else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, OTHER)
def compares_other_images(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, OTHER)
def compares_per_dimension(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low / one.n_dims, high / one.n_dims

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@listed_in(UNITS, "Two densities of the same data, exactly -80 and exactly -90: what is uncertain there?")
def takes_every_density_for_a_bound(a: Evidence, b: Evidence) -> str:
    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"
