"""Which comparisons of the models the numbers allow, and which they do not, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grader.frontier.measures import Estimate, mean_of
from grader.frontier.records import Arrays, EvidenceRow, Finding
from grader.frontier.runs import Row

CLEAR = 2.0
"""Standard errors that a difference must have to be one."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What may be said of two models' likelihoods."""

    first: str
    second: str
    valid: bool
    """Whether anything may be concluded."""
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A model of which there are figures."""

    finding: Finding
    arrays: Arrays

    @property
    def title(self) -> str:
        """The model's."""
        return self.finding.title


def shown(rows: Sequence[Row]) -> list[Shown]:
    """The models that there are figures of."""
    return [Shown(finding=row.finding, arrays=row.arrays) for row in rows if row.finding is not None]


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Every pair of models on one data set."""
    found = shown(rows)
    return [_verdict(a, b) for i, a in enumerate(found) for b in found[i + 1 :]]


def _verdict(a: Shown, b: Shown) -> Verdict:
    lacking = [each for each in (a, b) if main_evidence(each.finding) is None]
    if lacking:
        why = "; ".join(f"{each.title}: {each.finding.no_likelihood or 'it is not finite'}" for each in lacking)
        return Verdict(first=a.title, second=b.title, valid=False, sentence=f"no likelihood to compare ({why})")
    exact_a, exact_b = _best(a.finding, "exact"), _best(b.finding, "exact")
    if exact_a is not None and exact_b is not None:
        return _both_exact(a, exact_a, b, exact_b)
    if exact_a is None and exact_b is None:
        sentence = "two bounds, each below its log-likelihood by an amount that nobody knows"
        return Verdict(first=a.title, second=b.title, valid=False, sentence=sentence)
    exact, bound = (a, b) if exact_a is not None else (b, a)
    valid, sentence = _exact_and_bound(exact, bound)
    return Verdict(first=a.title, second=b.title, valid=valid, sentence=sentence)


def _both_exact(a: Shown, index_a: int, b: Shown, index_b: int) -> Verdict:
    ahead = difference(a, index_a, b, index_b)
    if abs(ahead.value) < CLEAR * ahead.error:
        sentence = f"no difference beyond chance: {ahead.value:+.3f} ± {ahead.error:.3f} bits a dimension"
        return Verdict(first=a.title, second=b.title, valid=True, sentence=sentence)
    better, amount = (a if ahead.value > 0 else b), abs(ahead.value)
    sentence = f"{better.title} is better by {amount:.3f} ± {ahead.error:.3f} bits a dimension, on the same points"
    return Verdict(first=a.title, second=b.title, valid=True, sentence=sentence)


def _exact_and_bound(exact: Shown, bound: Shown) -> tuple[bool, str]:
    index_exact, index_bound = _best(exact.finding, "exact"), _best(bound.finding, "lower")
    assert index_exact is not None
    assert index_bound is not None
    ahead = difference(bound, index_bound, exact, index_exact)
    if ahead.value > CLEAR * ahead.error:
        amount = f"{ahead.value:.3f} ± {ahead.error:.3f} bits a dimension"
        return True, f"{bound.title} is better by at least {amount}: its bound is higher already"
    return False, (
        f"undetermined: the bound of {bound.title} is not above the likelihood of {exact.title}, and how far it lies "
        "below its own is unknown"
    )


def difference(a: Shown, index_a: int, b: Shown, index_b: int) -> Estimate:
    """How many bits a dimension a saves against b, paired by point."""
    dim = np.asarray(a.arrays["samples"]).shape[-1]
    gain = np.asarray(a.arrays[f"log_density_{index_a}"]) - np.asarray(b.arrays[f"log_density_{index_b}"])
    return mean_of(gain / (dim * math.log(2)))


def _best(finding: Finding, kind: str) -> int | None:
    """The position of the highest evidence of that kind, of what is finite."""
    rows = enumerate(finding.evidence)
    of_kind = [(each.nats.value, i) for i, each in rows if each.kind == kind and math.isfinite(each.nats.value)]
    return min(of_kind)[1] if of_kind else None


def main_evidence(finding: Finding) -> EvidenceRow | None:
    """What a table shows of a model first: the exact density, else the highest bound; None where there is neither."""
    index = _best(finding, "exact")
    index = _best(finding, "lower") if index is None else index
    return None if index is None else finding.evidence[index]


def warnings(rows: Sequence[Row]) -> list[str]:
    """What the numbers of one data set do not say, whatever the pairs say."""
    found, said = [each.finding for each in shown(rows)], []
    likely = [each for each in found if main_evidence(each) is not None]
    if likely:
        against = [(b, a) for a in likely for b in likely if _bits(a) < _bits(b) and _clearly_nearer(b, a)]
        text = "Likelihood is not sample quality"
        if against:
            nearer, likelier = max(against, key=lambda pair: _distance(pair[1]) - _distance(pair[0]))
            text += f": {likelier.title} has the better figure of likelihood, {nearer.title} the better samples"
        said.append(f"{text}. Neither orders the models by the other (Theis et al. 2016).")
    if any(each.model == "score" for each in found):
        said.append(
            "The score model is three distributions: what Langevin dynamics draw, what the ODE leads to (exact), and "
            "what the reverse diffusion leads to (bound). They agree only where the score is right, so the figures of "
            "its likelihood are not about its samples, and its bound may lie above its exact figure."
        )
    said.append(
        "Every figure is a mean over the held-out points with its standard error; one point, or one image, says "
        "nothing about a model."
    )
    return said


MEASURE = (
    "All likelihoods are densities of the same held-out numbers in the same units: each level plus uniform noise, "
    "the noise drawn once for all models. A model of levels spreads each level evenly over its cell, so its figure is "
    "also the probability of the level; for the others the mean density only bounds that probability (fr.7). Numbers "
    "from elsewhere are comparable after the same dequantisation alone: for pixels scaled to [0, 1], add log2(17) = "
    "4.09 bits a dimension."
)
BUDGET = (
    "All models had the same processor time on the same data. What is compared is what that buys with these networks "
    "and step sizes, not what a kind of model can do."
)
ACROSS = "Bits a dimension of the plane and of the images are about different data, and do not compare."


def _bits(finding: Finding) -> float:
    evidence = main_evidence(finding)
    return math.inf if evidence is None else evidence.bits_per_dim.value


def _clearly_nearer(a: Finding, b: Finding) -> bool:
    """Whether a's samples are nearer to the data than b's, beyond chance."""
    if a.energy_distance is None or b.energy_distance is None:
        return False
    error = math.hypot(a.energy_distance.error, b.energy_distance.error)
    return b.energy_distance.value - a.energy_distance.value > CLEAR * error


def _distance(finding: Finding) -> float:
    distance = finding.energy_distance
    return math.inf if distance is None or not math.isfinite(distance.value) else distance.value
