"""Normalising flows, adversarial losses, energy models, flow matching, and how such models can be compared."""

from grader.question import Assignment

assignment = Assignment(name="frontier", title="Flows, GANs, energy models, flow matching, and what they trade")
