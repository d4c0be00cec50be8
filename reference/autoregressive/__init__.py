"""Autoregressive models: the chain rule, masks that keep it, attention, losses, sampling, and a trained model."""

from grader.question import Assignment

assignment = Assignment(name="autoregressive", title="Autoregressive models: chain rule, masks, attention, sampling")
