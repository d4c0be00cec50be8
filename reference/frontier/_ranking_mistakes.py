"""Wrong answers to the second half of fr.7, each with the sentence that it deserves.

What is right in them is the same in all: the ends between which each log-likelihood lies, and who is surely above.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from reference.frontier._evidence import Evidence

Mistake = tuple[str, Callable[..., object]]

RANKING: list[Mistake] = []
"""Of rank_models."""


def _says(sentence: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    def add(wrong: Callable[..., object]) -> Callable[..., object]:
        RANKING.append((sentence, wrong))
        return wrong

    return add


VAE = "What could the VAE's true log-likelihood be, given only a lower bound?"
NEVER = "The table in this question has bounds and exact values: when is a bound enough to beat an exact value?"
MASS = "A density can be 10 and more. Does it give a probability, or only something that the probability is not below?"
OTHER = "Cut a row off each image: its log-likelihood is another one. Whose images do your two models speak of?"


@_says(VAE)
def compares_raw_numbers(a: Evidence, b: Evidence) -> str:
    if abs(a.nats - b.nats) <= 1e-9 * abs(a.nats):
        return "undetermined"
    return "a" if a.nats > b.nats else "b"


@_says(VAE)
def takes_bounds_for_values(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = nats
        high = math.inf if mixed and one.measure == "lebesgue" else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says(VAE)
def takes_lower_bounds_for_values(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if mixed and one.measure == "lebesgue" else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("Two lower bounds, -80 and -90: could the truth of the second be -70?")
def compares_two_lower_bounds(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        both = a.kind == b.kind == "lower"
        open_ended = (one.kind == "lower" and not both) or (mixed and one.measure == "lebesgue")
        high = math.inf if open_ended else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("An upper bound says where the truth is not: above the bound, or below it?")
def takes_upper_bounds_for_lower_ones(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = nats
        high = math.inf if one.kind != "exact" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("An upper bound of -90 against an exact -80: where could the truth of the first be?")
def takes_upper_bounds_for_values(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("Swap the words lower and upper in your code: which of the two can only be exceeded by the truth?")
def swaps_lower_and_upper(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "lower" else nats
        high = math.inf if one.kind == "upper" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("A model is not better because more is known of it. An exact -90, a lower bound of -80: who wins?")
def prefers_what_is_exact(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    if a.n_dims == b.n_dims and (a.kind == "exact") != (b.kind == "exact"):
        return "a" if a.kind == "exact" else "b"
    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says(NEVER)
def says_never_comparable(a: Evidence, b: Evidence) -> str:
    return "undetermined"


@_says(NEVER)
def never_decides_by_a_bound(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    if a.kind != "exact" or b.kind != "exact":
        return "undetermined"
    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("A lower bound of -80 against an exact -90: can the truth of the first be -95?")
def never_lets_a_lower_bound_win(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = nats if one.kind == "exact" else -math.inf
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("The first is surely below -90, and the second is -80 exactly: what is left open?")
def never_lets_an_upper_bound_lose(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = nats if one.kind == "exact" and not (mixed and one.measure == "lebesgue") else math.inf
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("Divide all pixels by 256: what happens to a density's height, per dimension? And did the model get better?")
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


@_says("How many dimensions shrink when an image is divided by 256, and how many does your correction count?")
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


@_says("Squeeze the data into a smaller space: does a density rise or fall? In which direction do you undo that?")
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


@_says("In which unit is the logarithm that you correct by, and in which are the log-likelihoods?")
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


@_says("Likelihoods change by a factor for each dimension. What becomes of a factor in a logarithm?")
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


@_says("Write an image in other units: does the probability that it is drawn change?")
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


@_says("Same model, same data, other units: why are its two densities not comparable?")
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


@_says(MASS)
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


@_says(MASS)
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


@_says(MASS)
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


@_says("What does E_u[log p(x + u)] <= log P(x) say of a density whose value is already above a probability?")
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


@_says("Is a density a lower bound on the mass, or an upper one? Look at the inequality once more.")
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


@_says(OTHER)
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


@_says(OTHER)
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


@_says("Two equal numbers: which of the two models is better, and why that one?")
def gives_ties_to_the_first(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a >= high_b - 1e-9 * abs(high_b):
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "b"
    return "undetermined"


@_says("One number, computed on two ways, differs in its last digit. Is one of the models better?")
def decides_by_the_last_digit(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b:
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a:
        return "b"
    return "undetermined"


@_says("How near must two numbers be to be equal, and relative to what? Try -80 and -80.0001, or -80000 twice.")
def calls_near_numbers_equal(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-3:
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-3:
        return "b"
    return "undetermined"


@_says("Which log-likelihood is the better one, -80 or -90?")
def takes_them_for_losses(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9 * abs(high_b):
        return "b"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9 * abs(high_a):
        return "a"
    return "undetermined"
