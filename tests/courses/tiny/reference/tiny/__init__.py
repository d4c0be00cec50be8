"""A course small enough to be graded in the tests of the grader."""

from grader.question import Assignment

assignment = Assignment(name="tiny", title="Tiny: two questions and an essay")
