"""Scores of densities that are known and unknown, divergences, and score matching in three forms."""

from grader.question import Assignment

assignment = Assignment(name="score", title="Scores, divergences and score matching")
