"""Wrong answers to elbo.1, one for each sentence."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Triple = tuple[Tensor, Tensor, Tensor]


def takes_the_log_of_the_mean_joint(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    elbo = torch.logsumexp(log_q + log_joint, -1)
    return elbo, log_px, log_px - elbo


def takes_the_expectation_under_the_posterior(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    posterior = torch.softmax(log_joint, -1)
    elbo = torch.where(posterior > 0, posterior * (log_joint - log_q), 0.0).sum(-1)
    return elbo, log_px, log_px - elbo


def keeps_the_log_outside(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    used = log_q > -math.inf
    elbo = torch.logsumexp(torch.where(used, log_q + (log_joint - log_q), -math.inf), -1)
    return elbo, log_px, log_px - elbo


def turns_the_gap_around(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    log_posterior = log_joint - log_px[..., None]
    gap = (log_posterior.exp() * (log_posterior - log_q)).sum(-1)
    return elbo, log_px, gap


def derives_the_bound_from_a_gap_turned_around(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    log_posterior = log_joint - log_px[..., None]
    gap = (log_posterior.exp() * (log_posterior - log_q)).sum(-1)
    return log_px - gap, log_px, gap


def subtracts_the_entropy(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint + log_q), 0.0).sum(-1)
    return elbo, log_px, log_px - elbo


def forgets_the_entropy(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = torch.where(q > 0, q * log_joint, 0.0).sum(-1)
    return elbo, log_px, log_px - elbo


def averages_over_states_evenly(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    elbo = (log_joint - log_q).mean(-1)
    return elbo, log_px, log_px - elbo


def multiplies_zero_by_infinity(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    elbo = (log_q.exp() * (log_joint - log_q)).sum(-1)
    return elbo, log_px, log_px - elbo


def masks_only_the_entropy(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = (q * log_joint).sum(-1) + torch.special.entr(q).sum(-1)
    return elbo, log_px, log_px - elbo


def replaces_infinities(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    elbo = torch.nan_to_num(log_q.exp() * (log_joint - log_q)).sum(-1)
    return elbo, log_px, log_px - elbo


def adds_eps_inside_the_logs(log_joint: Tensor, log_q: Tensor) -> Triple:
    p, q = log_joint.exp(), log_q.exp()
    log_px = torch.log(p.sum(-1) + 1e-8)
    elbo = (q * (torch.log(p + 1e-8) - torch.log(q + 1e-8))).sum(-1)
    return elbo, log_px, log_px - elbo


def averages_the_joint(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1) - math.log(log_joint.shape[-1])
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    return elbo, log_px, log_px - elbo


def returns_a_negative_gap(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    return elbo, log_px, elbo - log_px


def compares_q_with_the_joint(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    return elbo, log_px, -elbo


def returns_the_evidence_first(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    return log_px, elbo, log_px - elbo


def sums_the_evidence_over_the_batch(log_joint: Tensor, log_q: Tensor) -> Triple:
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    log_px = torch.logsumexp(log_joint.flatten(), 0).expand(elbo.shape)
    return elbo, log_px, log_px - elbo


def averages_over_the_batch(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1).mean()
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1).mean()
    return elbo, log_px, log_px - elbo


def detaches_the_weights(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp().detach()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    return elbo, log_px, log_px - elbo


def returns_double(log_joint: Tensor, log_q: Tensor) -> Triple:
    log_joint, log_q = log_joint.double(), log_q.double()
    log_px = torch.logsumexp(log_joint, -1)
    q = log_q.exp()
    elbo = torch.where(q > 0, q * (log_joint - log_q), 0.0).sum(-1)
    return elbo, log_px, log_px - elbo


NO_WEIGHT = "A state that q gives no weight adds nothing to the bound. What is 0 times -inf in floating point?"

SENTENCES = {
    takes_the_log_of_the_mean_joint: "Take q equal to the posterior: the bound should reach log p(x). What is "
    "inside your logarithm?",
    takes_the_expectation_under_the_posterior: "Your 'lower bound' exceeds log p(x) for this q: under which "
    "distribution is your expectation?",
    keeps_the_log_outside: "Try two different q: your bound is the same for both. Where did Jensen's inequality go?",
    turns_the_gap_around: "Your three numbers do not add up unless q is the posterior.",
    derives_the_bound_from_a_gap_turned_around: "Which of the two distributions is the expectation in your gap under: "
    "q, or p(z | x)?",
    subtracts_the_entropy: "Let all states be equally likely: should a q that spreads over them do better, or worse?",
    forgets_the_entropy: "With q one-hot you are right, and the more q spreads the worse. What is q's spread worth?",
    averages_over_states_evenly: "Put nearly all of q on one state: how much should the other states still say?",
    multiplies_zero_by_infinity: NO_WEIGHT,
    masks_only_the_entropy: NO_WEIGHT,
    replaces_infinities: "q uses a state that cannot have produced x: how good can the bound be? Yours is finite.",
    adds_eps_inside_the_logs: "You add a small number inside a logarithm. Which input does it guard against, "
    "and what does it cost the others?",
    averages_the_joint: "Two states of joint probability 0.1 each: how probable is x?",
    returns_a_negative_gap: "A KL is never negative. Which of the two numbers that you subtract is the larger?",
    compares_q_with_the_joint: "At q = p(z | x) the gap should be zero; between which two distributions over z "
    "is yours?",
    returns_the_evidence_first: "Which of your three results should be the largest? In which order are they asked for?",
    sums_the_evidence_over_the_batch: "Put one example in a batch alone, then among others: why does its log "
    "p(x) change?",
    averages_over_the_batch: "How many bounds do you expect for a batch of three examples?",
    detaches_the_weights: "Your values are right. Move probability from one state of q to another: does your "
    "gradient know?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
}
