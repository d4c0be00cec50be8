"""Wrong answers to the second half of fr.7 that misread bounds and ties, each with its sentence.

What is right in them is the same in all: the ends between which each log-likelihood lies, and who is surely above.
"""

from __future__ import annotations

import math

from reference.frontier._evidence import Evidence
from reference.frontier._mistakes import Mistake, listed_in

RANKING: list[Mistake] = []
"""Of rank_models, besides those that compare unlike numbers."""


VAE = "What could the VAE's true log-likelihood be, given only a lower bound?"
NEVER = "The table in this question has bounds and exact values: when is a bound enough to beat an exact value?"


@listed_in(RANKING, VAE)
def compares_raw_numbers(a: Evidence, b: Evidence) -> str:
    if abs(a.nats - b.nats) <= 1e-9 * abs(a.nats):
        return "undetermined"
    return "a" if a.nats > b.nats else "b"


@listed_in(RANKING, VAE)
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


@listed_in(RANKING, VAE)
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


@listed_in(RANKING, "Two lower bounds, -80 and -90: could the truth of the second be -70?")
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


@listed_in(RANKING, "An upper bound says where the truth is not: above the bound, or below it?")
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


@listed_in(RANKING, "An upper bound of -90 against an exact -80: where could the truth of the first be?")
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


@listed_in(RANKING, "Swap the words lower and upper in your code: which of the two can only be exceeded by the truth?")
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


@listed_in(RANKING, "A model is not better because more is known of it. An exact -90, a lower bound of -80: who wins?")
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


@listed_in(RANKING, NEVER)
def says_never_comparable(a: Evidence, b: Evidence) -> str:
    return "undetermined"


@listed_in(RANKING, NEVER)
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


@listed_in(RANKING, "A lower bound of -80 against an exact -90: can the truth of the first be -95?")
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


@listed_in(RANKING, "The first is surely below -90, and the second is -80 exactly: what is left open?")
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


@listed_in(RANKING, "Two equal numbers: which of the two models is better, and why that one?")
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


@listed_in(RANKING, "One number, computed on two ways, differs in its last digit. Is one of the models better?")
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


@listed_in(
    RANKING, "How near must two numbers be to be equal, and relative to what? Try -80 and -80.0001, or -80000 twice."
)
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


@listed_in(RANKING, "Which log-likelihood is the better one, -80 or -90?")
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


@listed_in(RANKING, "Two equal numbers: which of the two models is better, and why that one?")
def gives_exact_ties_to_the_first(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a >= high_b:
        return "a"
    if a.n_dims == b.n_dims and low_b >= high_a:
        return "b"
    return "undetermined"


@listed_in(
    RANKING, "How near must two numbers be to be equal, and relative to what? Try -80 and -80.0001, or -80000 twice."
)
def allows_for_an_absolute_slack(a: Evidence, b: Evidence) -> str:
    mixed = a.measure != b.measure

    def ends(one: Evidence) -> tuple[float, float]:
        nats = one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)
        low = -math.inf if one.kind == "upper" else nats
        high = math.inf if one.kind == "lower" or (mixed and one.measure == "lebesgue") else nats
        return low, high

    (low_a, high_a), (low_b, high_b) = ends(a), ends(b)
    if a.n_dims == b.n_dims and low_a > high_b + 1e-9:
        return "a"
    if a.n_dims == b.n_dims and low_b > high_a + 1e-9:
        return "b"
    return "undetermined"


@listed_in(RANKING, NEVER)
def compares_one_kind_alone(a: Evidence, b: Evidence) -> str:
    def nats(one: Evidence) -> float:
        return one.nats + (one.n_dims * math.log(one.unit_scale) if one.measure == "lebesgue" else 0.0)

    if a.n_dims != b.n_dims or a.kind != b.kind or a.measure != b.measure:
        return "undetermined"
    if abs(nats(a) - nats(b)) <= 1e-9 * abs(nats(a)):
        return "undetermined"
    return "a" if nats(a) > nats(b) else "b"
