"""Wrong answers to lvm.3, with what each of them deserves to hear."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.question import Twin

Step = tuple[Tensor, ...]
"""New logits, means and variances, and the log-likelihood before."""


def normalises_over_the_points(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(0)
    counts = r.sum(0)
    new_mu = r.mT @ x / counts.unsqueeze(-1)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = (scatter / counts.unsqueeze(-1)).clamp(min=min_var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def measures_from_the_old_mean(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def divides_the_scatter_by_one_less(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    new_mu = r.mT @ x / counts.unsqueeze(-1)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = (scatter / (counts - 1).unsqueeze(-1)).clamp(min=min_var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def divides_by_all_points(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    new_mu = (r.unsqueeze(-1) * x.unsqueeze(1)).mean(0)
    new_var = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).mean(0).clamp(min=min_var)
    return torch.log(r.mean(0)), new_mu, new_var, joint.logsumexp(-1).sum()


def assigns_each_point_to_one_component(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = torch.nn.functional.one_hot(joint.argmax(-1), len(logits)).to(x.dtype)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def returns_counts_for_logits(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return counts, new_mu, new_var, joint.logsumexp(-1).sum()


def returns_weights_for_logits(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return counts / max(len(x), 1), new_mu, new_var, joint.logsumexp(-1).sum()


def returns_log_counts(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return counts.log(), new_mu, new_var, joint.logsumexp(-1).sum()


def returns_the_likelihood_after_the_step(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    def log_joint(logits: Tensor, mu: Tensor, var: Tensor) -> Tensor:
        squares = (x.unsqueeze(1) - mu).square() / var
        return logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)

    r = log_joint(logits, mu, var).softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    new_logits = torch.log(counts / max(len(x), 1))
    return new_logits, new_mu, new_var, log_joint(new_logits, new_mu, new_var).logsumexp(-1).sum()


def averages_the_likelihood(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).mean()


def sums_weighted_log_densities(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, (r * joint).sum()


def ignores_the_weights(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    log_density = -0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = log_density.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    log_lik = (log_density + logits.log_softmax(-1)).logsumexp(-1).sum()
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, log_lik


def takes_variances_for_standard_deviations(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    z = (x.unsqueeze(1) - mu) / var
    joint = logits.log_softmax(-1) - (0.5 * math.log(2 * math.pi) + var.log() + 0.5 * z.square()).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def returns_standard_deviations(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_std = torch.where(there, (scatter / divisor).clamp(min=min_var).sqrt(), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_std, joint.logsumexp(-1).sum()


def shares_one_variance(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum((0, 1)) / max(len(x), 1)
    new_var = torch.where(there, scatter.clamp(min=min_var).expand_as(var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def adds_the_floor(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, scatter / divisor + min_var, var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def floors_what_an_empty_component_keeps(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, scatter / divisor, var).clamp(min=min_var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def divides_by_counts_of_zero(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    new_mu = r.mT @ x / counts.unsqueeze(-1)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = (scatter / counts.unsqueeze(-1)).clamp(min=min_var)
    return torch.log(counts / len(x)) if len(x) else logits, new_mu, new_var, joint.logsumexp(-1).sum()


def adds_a_small_constant_to_the_counts(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0) + 1e-6
    new_mu = r.mT @ x / counts.unsqueeze(-1)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = (scatter / counts.unsqueeze(-1)).clamp(min=min_var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def normalises_densities(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    densities = torch.exp(-0.5 * (x.unsqueeze(1) - mu).square() / var) / (2 * math.pi * var).sqrt()
    joint = logits.softmax(-1) * densities.prod(-1)
    r = joint / joint.sum(-1, keepdim=True)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.sum(-1).log().sum()


def updates_the_parameters_in_place(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1).detach()
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    with torch.no_grad():
        mu.copy_(torch.where(there, r.mT @ x / divisor, mu))
        scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - mu).square()).sum(0)
        var.copy_(torch.where(there, (scatter / divisor).clamp(min=min_var), var))
    return torch.log(counts / max(len(x), 1)), mu, var, joint.logsumexp(-1).sum()


def updates_one_component_after_another(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    logits, mu, var, log_lik = logits.clone(), mu.clone(), var.clone(), x.new_zeros(())
    counts = torch.zeros_like(logits)
    for k in range(len(logits)):
        squares = (x.unsqueeze(1) - mu).square() / var
        joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
        log_lik = joint.logsumexp(-1).sum() if k == 0 else log_lik
        r = joint.softmax(-1)[:, k]
        counts[k] = r.sum()
        new_mu = r @ x / r.sum()
        new_var = (r @ (x - new_mu).square() / r.sum()).clamp(min=min_var)
        mu = torch.where((torch.arange(len(mu), device=x.device) == k).unsqueeze(-1) & (r.sum() > 0), new_mu, mu)
        var = torch.where((torch.arange(len(mu), device=x.device) == k).unsqueeze(-1) & (r.sum() > 0), new_var, var)
    return torch.log(counts / max(len(x), 1)), mu, var, log_lik


def takes_logits_for_log_weights(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def drops_the_constant(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def counts_the_constant_once(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + (var.log() + squares).sum(-1))
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def ignores_the_floor(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def forgets_to_normalise(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.exp()
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def divides_the_scatter_by_all_points(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / max(len(x), 1)).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def takes_variances_for_their_logarithms(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var.exp()
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def returns_logarithms_of_variances(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var.log(), joint.logsumexp(-1).sum()


def returns_a_likelihood_for_each_point(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1)


def leaves_the_weights_out(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = -0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def gives_all_components_one_weight(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = -math.log(len(logits)) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


def takes_the_log_of_summed_densities(
    x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0
) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    evidence = joint.exp().sum(-1).log()
    r = (joint - evidence.unsqueeze(-1)).exp()
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, evidence.sum()


def adds_a_floor_to_the_evidence(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    evidence = torch.log(joint.exp().sum(-1) + 1e-12)
    r = (joint - evidence.unsqueeze(-1)).exp()
    counts = r.sum(0)
    there, divisor = (counts > 0).unsqueeze(-1), counts.unsqueeze(-1).clamp(min=1e-300)
    new_mu = torch.where(there, r.mT @ x / divisor, mu)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = torch.where(there, (scatter / divisor).clamp(min=min_var), var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, evidence.sum()


def clamps_the_counts(x: Tensor, logits: Tensor, mu: Tensor, var: Tensor, *, min_var: float = 0.0) -> Step:
    squares = (x.unsqueeze(1) - mu).square() / var
    joint = logits.log_softmax(-1) - 0.5 * (math.log(2 * math.pi) + var.log() + squares).sum(-1)
    r = joint.softmax(-1)
    counts = r.sum(0).clamp(min=1e-10)
    new_mu = r.mT @ x / counts.unsqueeze(-1)
    scatter = (r.unsqueeze(-1) * (x.unsqueeze(1) - new_mu).square()).sum(0)
    new_var = (scatter / counts.unsqueeze(-1)).clamp(min=min_var)
    return torch.log(counts / max(len(x), 1)), new_mu, new_var, joint.logsumexp(-1).sum()


DENSITY = "Give it one point: is exp of your log-likelihood a density of that point, with the area 1 over a fine grid?"
POINTS = "Each *point* must distribute weight one."
PEAK = "At one standard deviation from the mean a density is exp(-1/2) of its peak; and yours, for var = 4?"
UNITS = "Multiply all data by 3: by what factor should the third result grow?"
HEAVIER = "A point halfway between two components, one of them much heavier: where does it belong?"
FAR = "50 sigma from every component a point still belongs to one; which density do you divide by?"
SMALL = "You add a small number to the counts. Where does it move the mean of a component that nothing belongs to?"
DIVISOR = "Three points belong to one component alone: put your variance into the slope of the likelihood. Is it zero?"
LOGITS = "Put your new logits through a softmax: do three points of four get the weight 3/4?"
EMPTY = "A component that nothing belongs to: what is zero divided by zero, and which values should it keep?"

SENTENCES: dict[Callable[..., Any] | Twin, str] = {
    normalises_over_the_points: POINTS,
    measures_from_the_old_mean: "Your variance is too large by (new mean - old mean)^2.",
    divides_the_scatter_by_one_less: DIVISOR,
    divides_by_all_points: "Give half of the points to each of two components: should both means be half as large?",
    assigns_each_point_to_one_component: "A point halfway between two components belongs to both; what does yours say?",
    returns_counts_for_logits: LOGITS,
    returns_weights_for_logits: LOGITS,
    returns_log_counts: "Sum exp of your new logits: what should the weights of a mixture sum to?",
    returns_the_likelihood_after_the_step: "Whose log-likelihood do you return: the parameters' you got, or your own?",
    averages_the_likelihood: "Give every point twice: should the log-likelihood of the data double?",
    sums_weighted_log_densities: "Which of the two does EM raise for sure: the likelihood, or what you return last?",
    ignores_the_weights: HEAVIER,
    takes_variances_for_standard_deviations: PEAK,
    returns_standard_deviations: UNITS,
    shares_one_variance: "Two clouds, one narrow and one wide: which variance does each get?",
    adds_the_floor: "Where the data are spread widely, should min_var change anything?",
    floors_what_an_empty_component_keeps: (
        "A component that nothing belongs to keeps its variance; does yours, if it is below min_var?"
    ),
    divides_by_counts_of_zero: EMPTY,
    adds_a_small_constant_to_the_counts: SMALL,
    normalises_densities: FAR,
    updates_one_component_after_another: (
        "Number the components the other way round: do you get the same step? With whose parameters did you start?"
    ),
    updates_the_parameters_in_place: "Print mu before and after the call: whose tensor do you write to?",
    takes_logits_for_log_weights: (
        "Add 5 to every logit: no component gets more weight than another. Does your log-likelihood change?"
    ),
    drops_the_constant: DENSITY,
    counts_the_constant_once: DENSITY,
    ignores_the_floor: "Put all points in one place and ask for min_var = 0.1: which variance comes back?",
    forgets_to_normalise: POINTS,
    divides_the_scatter_by_all_points: (
        "Give half of the points to each of two components: should both variances be half as large?"
    ),
    takes_variances_for_their_logarithms: PEAK,
    returns_logarithms_of_variances: UNITS,
    returns_a_likelihood_for_each_point: "The log-likelihood of the data is one number. Which shape has yours?",
    leaves_the_weights_out: HEAVIER,
    gives_all_components_one_weight: HEAVIER,
    takes_the_log_of_summed_densities: FAR,
    adds_a_floor_to_the_evidence: FAR,
    Twin(adds_a_floor_to_the_evidence, "adds_a_floor_to_the_evidence_of_1e_10", "1e-12", "1e-10"): FAR,
    Twin(adds_a_floor_to_the_evidence, "adds_a_floor_to_the_evidence_of_1e_8", "1e-12", "1e-8"): FAR,
    Twin(adds_a_small_constant_to_the_counts, "adds_a_small_constant_to_the_counts_of_1e_8", "1e-6", "1e-8"): SMALL,
    Twin(adds_a_small_constant_to_the_counts, "adds_a_small_constant_to_the_counts_of_1e_10", "1e-6", "1e-10"): SMALL,
    clamps_the_counts: (
        "A component that nothing belongs to: what are its sums, and where does your division put its mean?"
    ),
}
"""What each of them deserves to hear."""
