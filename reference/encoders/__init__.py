"""Encoders: reparameterised samples, amortised and local posteriors, gradients through samples, and a whole VAE."""

from grader.question import Assignment

assignment = Assignment(name="encoders", title="Encoders: reparameterisation, gradient estimators and a VAE")
