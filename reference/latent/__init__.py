"""Latent-variable models with exact answers: mixtures, EM, sampling, and linear Gaussian models."""

from grader.question import Assignment

assignment = Assignment(name="latent", title="Latent variables: mixtures, EM and linear Gaussian models")
