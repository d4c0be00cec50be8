"""Denoising score matching, noise levels, Tweedie's formula, and Langevin sampling."""

from grader.question import Assignment

assignment = Assignment(name="dsm", title="Denoising score matching and Langevin sampling")
