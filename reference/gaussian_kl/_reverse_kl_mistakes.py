"""Wrong answers to kl.6, one for each sentence. Positional arguments: logits, mu, logvar, init_mu, init_logvar."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Triple = tuple[Tensor, Tensor, Tensor]


def matches_moments(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    logits, mu, logvar, *_ = given
    weights = torch.softmax(logits, 0).unsqueeze(-1)
    mean = (weights * mu).sum(0)
    var = (weights * (logvar.exp() + (mu - mean).square())).sum(0)
    z = mean + var.sqrt() * eps
    squares = logvar + (z.unsqueeze(1) - mu).square() * torch.exp(-logvar)
    log_target = torch.logsumexp(torch.log_softmax(logits, 0) - 0.5 * squares.sum(-1), 1)
    loss = (-0.5 * (var.log() + eps.square()).sum(-1) - log_target).mean()
    return mean, var.log(), loss.expand(steps).clone()


def detaches_the_samples(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = (m + torch.exp(0.5 * v) * eps).detach()
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def scores_samples_as_constants(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z.detach(), m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def forgets_the_entropy(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = -log_target.mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def steps_in_std(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        std = torch.exp(0.5 * v)
        m, v = m - lr * grad_m, 2 * torch.log(std - lr * grad_v * 2 / std)
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def steps_in_log_std(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - 4 * lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def climbs_the_loss(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m + lr * grad_m, v + lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def records_the_loss_after_the_step(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def loss_at(m: Tensor, v: Tensor) -> Tensor:
        z = m + torch.exp(0.5 * v) * eps
        squares = logvar + (z.unsqueeze(1) - mu).square() * torch.exp(-logvar)
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) - 0.5 * squares.sum(-1), 1)
        return (-0.5 * (v + eps.square()).sum(-1) - log_target).mean()

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        grad_m, grad_v = torch.autograd.grad(loss_at(m, v), (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss_at(m, v).detach())
    return m.detach(), v.detach(), torch.stack(trace)


def sums_over_samples(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).sum()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def takes_logits_for_log_weights(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(logits + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def ignores_the_weights(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(log_normal(z.unsqueeze(1), mu, logvar), 1) - math.log(len(logits))
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def averages_the_logarithms(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = (torch.softmax(logits, 0) * log_normal(z.unsqueeze(1), mu, logvar)).sum(1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def scales_noise_by_the_variance(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def descends_with_momentum(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace, speed_m, speed_v = [], torch.zeros_like(m), torch.zeros_like(v)
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        speed_m, speed_v = lr * grad_m + 0.9 * speed_m, lr * grad_v + 0.9 * speed_v
        m, v = m - speed_m, v - speed_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def keeps_the_last_gradient(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace, kept_m, kept_v = [], torch.zeros_like(m), torch.zeros_like(v)
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        kept_m, kept_v = kept_m + grad_m, kept_v + grad_v
        m, v = m - lr * kept_m, v - lr * kept_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def descends_with_adam(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace, m, v = [], m.clone(), v.clone()
    optimizer = torch.optim.Adam([m, v], lr=lr)
    for _ in range(steps):
        m.requires_grad_()
        v.requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        m.grad, v.grad = torch.autograd.grad(loss, (m, v))
        optimizer.step()
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def exponentiates_before_summing(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = given
    trace = []
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.log((torch.softmax(logits, 0) * torch.exp(log_normal(z.unsqueeze(1), mu, logvar))).sum(1))
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


def returns_double(*given: Tensor, steps: int, lr: float, eps: Tensor) -> Triple:
    def log_normal(x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + spread + (x - mean).square() * torch.exp(-spread)).sum(-1)

    logits, mu, logvar, m, v = (part.double() for part in given)
    trace, eps = [], eps.double()
    for _ in range(steps):
        m, v = m.detach().requires_grad_(), v.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * eps
        log_target = torch.logsumexp(torch.log_softmax(logits, 0) + log_normal(z.unsqueeze(1), mu, logvar), 1)
        loss = (log_normal(z, m, v) - log_target).mean()
        grad_m, grad_v = torch.autograd.grad(loss, (m, v))
        m, v = m - lr * grad_m, v - lr * grad_v
        trace.append(loss.detach())
    return m.detach(), v.detach(), torch.stack(trace)


LOG_VARIANCE = "The step is lr times a gradient in the log-variance. In what did you take yours?"

SENTENCES = {
    matches_moments: "Started near the left mode, your q ended between modes.",
    detaches_the_samples: "Your q never moves. Trace the gradient from the loss back to m: where is the path cut?",
    scores_samples_as_constants: "Your q shrinks to a point: does log q know that z moves with v?",
    forgets_the_entropy: "Your q shrinks to the point of highest density; which term should keep it wide?",
    steps_in_std: LOG_VARIANCE,
    steps_in_log_std: LOG_VARIANCE,
    climbs_the_loss: "Print the trace of a long fit: in which direction does your loss go?",
    records_the_loss_after_the_step: "With one step, should the trace tell where q started or where it ended?",
    sums_over_samples: "Give every sample twice: should the loss, and the step, double?",
    takes_logits_for_log_weights: "Add 1 to every logit: the mixture is the same. Is your loss?",
    ignores_the_weights: "Give one component nearly all the weight: does your target notice?",
    averages_the_logarithms: "A component far away should hardly matter; yours pulls the harder the farther it is.",
    scales_noise_by_the_variance: "With v = log 4 and eps = 1, how far from m should the sample be?",
    descends_with_momentum: "Your first step is right, your second too long: what do you carry over?",
    keeps_the_last_gradient: "Your first step is right, your second too long: what do you carry over?",
    descends_with_adam: "Your first step is as long in every dimension; should a larger gradient not go further?",
    exponentiates_before_summing: "Start 80 away from every component: what is the log of a density rounded to 0?",
    returns_double: "Which dtype went in, and which came out? A model in float32 cannot add the two.",
}
"""What each of them deserves to hear."""
