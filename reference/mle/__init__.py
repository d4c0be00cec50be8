"""Maximum likelihood and its Bayesian neighbour: densities, estimators, cross-entropy, and MAP as regularisation."""

from grader.question import Assignment

assignment = Assignment(name="mle", title="Maximum likelihood, cross-entropy and MAP estimation")
