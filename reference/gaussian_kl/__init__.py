"""The Kullback-Leibler divergence between Gaussians, in closed form, by sampling, and as two ways to fit."""

from grader.question import Assignment

assignment = Assignment(name="gaussian_kl", title="Gaussian KL: closed forms, estimates, and two ways to fit")
