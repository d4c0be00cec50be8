"""The evidence lower bound: exact for small latents, as a loss, and tightened by importance weights."""

from grader.question import Assignment

assignment = Assignment(name="elbo", title="The ELBO: exact, amortised, and importance-weighted")
