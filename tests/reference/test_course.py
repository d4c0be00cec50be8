"""The course as a whole: which questions there are, and what they are worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import catalog
from grader.catalog import LoadedAssignment

COURSE = Path(__file__).parents[2]

AUTOMATIC = {
    "mle": ("mle", (15, 15, 15, 20, 20, 15)),
    "latent": ("lvm", (15, 20, 20, 10, 20, 15)),
    "elbo": ("elbo", (15, 20, 20, 10, 20)),
    "gaussian_kl": ("kl", (20, 15, 20, 15, 10, 10)),
    "encoders": ("enc", (20, 15, 20, 20, 25)),
    "score": ("score", (10, 15, 15, 15, 15, 15, 15)),
    "dsm": ("dsm", (20, 20, 10, 15, 15, 20)),
    "autoregressive": ("ar", (10, 10, 15, 10, 15, 10, 10, 5, 10)),
    "frontier": ("fr", (10, 15, 15, 10, 15, 10, 10, 10)),
}
"""By assignment, what the ids of its questions begin with, and the points of the first, the second, ..."""

WRITTEN = {"elbo": {"C1": 15}, "gaussian_kl": {"C2": 5, "C4": 5}, "autoregressive": {"C3": 5}, "frontier": {"C5": 5}}

EXTRA = {"score": {"score.8": 5}, "dsm": {"dsm.7": 5}}
"""On top of the points that can be had."""


@pytest.fixture(scope="module")
def course() -> dict[str, LoadedAssignment]:
    return {name: catalog.load(COURSE, name) for name in catalog.names(COURSE)}


def test_the_course_is_nine_assignments_of_a_hundred_points(course: dict[str, LoadedAssignment]) -> None:
    """Fifty-eight questions that are graded automatically, and five that a person marks."""
    automatic = [one for each in course.values() for one in each.questions if not one.extra]
    written = [one for each in course.values() for one in each.written]
    assert course.keys() == AUTOMATIC.keys()
    assert (len(automatic), sum(one.points for one in automatic)) == (58, 865)
    assert (len(written), sum(one.points for one in written)) == (5, 35)
    for each in course.values():
        regular = [one.points for one in each.questions if not one.extra]
        assert sum(regular) + sum(one.points for one in each.written) == 100, each.name


@pytest.mark.parametrize("name", AUTOMATIC)
def test_each_question_is_worth_what_it_should(course: dict[str, LoadedAssignment], name: str) -> None:
    """By id; extra credit is apart."""
    prefix, points = AUTOMATIC[name]
    regular = {one.id: one.points for one in course[name].questions if not one.extra}
    assert regular == {f"{prefix}.{number}": worth for number, worth in enumerate(points, start=1)}
    assert {one.id: one.points for one in course[name].written} == WRITTEN.get(name, {})
    assert {one.id: one.points for one in course[name].questions if one.extra} == EXTRA.get(name, {})


def test_no_two_questions_have_one_id(course: dict[str, LoadedAssignment]) -> None:
    ids = [one.id for each in course.values() for one in (*each.questions, *each.written)]
    assert len(ids) == len(set(ids)) == 63 + sum(map(len, EXTRA.values()))
