"""Wrong answers to enc.4, and their sentences. `given` is init_mu, init_logvar, eps, steps and lr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]
LogJoint = Callable[[Tensor], Tensor]


def shares_parameters_over_the_batch(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        if mu.dim() > 1 and mu.numel():
            in_mu, in_logvar = (g.flatten(0, -2).mean(0).expand(g.shape) for g in (in_mu, in_logvar))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def averages_over_the_batch(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = (log_joint(z).mean(0) + 0.5 * v.sum(-1)).mean()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def forgets_the_entropy(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def counts_the_entropy_twice(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def subtracts_the_entropy(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() - 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def adds_a_kl_to_the_prior(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() - 0.5 * (m.square() + torch.exp(v) - 1 - v).sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def descends(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu - lr * in_mu, logvar - lr * in_logvar
    return mu, logvar


def sums_over_samples(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def scales_noise_with_the_variance(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def detaches_z(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = (m + torch.exp(0.5 * v) * noise).detach()
        log_q = -0.5 * (v + (z - m).square() * torch.exp(-v)).sum(-1)
        total = (log_joint(z) - log_q).mean(0).sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def moves_the_mean_alone(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        mu = mu + lr * torch.autograd.grad(total, m)[0]
    return mu, logvar


def fits_a_point(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m.expand(noise.shape[0], *m.shape)
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def steps_in_the_std(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        std = torch.exp(0.5 * logvar)
        mu, logvar = mu + lr * in_mu, 2 * torch.log((std + lr * 2 * in_logvar / std).clamp(min=1e-3))
    return mu, logvar


def steps_in_the_log_std(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + 4 * lr * in_logvar
    return mu, logvar


def steps_with_adam(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    moments = [torch.zeros_like(mu), torch.zeros_like(mu), torch.zeros_like(mu), torch.zeros_like(mu)]
    for step in range(1, steps + 1):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        grads = (in_mu, in_logvar)
        for i, grad in enumerate(grads):
            moments[i] = 0.9 * moments[i] + 0.1 * grad
            moments[i + 2] = 0.999 * moments[i + 2] + 0.001 * grad.square()
        moves = [(moments[i] / (1 - 0.9**step)) / ((moments[i + 2] / (1 - 0.999**step)).sqrt() + 1e-8) for i in (0, 1)]
        mu, logvar = mu + lr * moves[0], logvar + lr * moves[1]
    return mu, logvar


def adds_up_all_gradients(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    sums = [torch.zeros_like(mu), torch.zeros_like(logvar)]
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        sums = [s + g for s, g in zip(sums, torch.autograd.grad(total, (m, v)), strict=True)]
        mu, logvar = mu + lr * sums[0], logvar + lr * sums[1]
    return mu, logvar


def adds_momentum(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    speed = [torch.zeros_like(mu), torch.zeros_like(mu)]
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        speed = [0.9 * s + g for s, g in zip(speed, (in_mu, in_logvar), strict=True)]
        mu, logvar = mu + lr * speed[0], logvar + lr * speed[1]
    return mu, logvar


def takes_one_step_more(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps + 1):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def takes_one_step_less(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(1, steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def moves_the_mean_first(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        for part in (0, 1):
            m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
            z = m + torch.exp(0.5 * v) * noise
            total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
            grads = torch.autograd.grad(total, (m, v))
            mu, logvar = mu + lr * grads[0] * (part == 0), logvar + lr * grads[1] * (part == 1)
    return mu, logvar


def moves_the_spread_first(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        for part in (1, 0):
            m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
            z = m + torch.exp(0.5 * v) * noise
            total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
            grads = torch.autograd.grad(total, (m, v))
            mu, logvar = mu + lr * grads[0] * (part == 0), logvar + lr * grads[1] * (part == 1)
    return mu, logvar


def draws_noise_of_its_own(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * torch.randn_like(m.expand(noise.shape[0], *m.shape))
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def keeps_the_graph(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, logvar


def matches_marginal_variances(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    z = mu.detach().unsqueeze(0).requires_grad_()
    (slope,) = torch.autograd.grad(log_joint(z).sum(), z, create_graph=True)
    rows = [torch.autograd.grad(s.sum(), z, retain_graph=True)[0][0] for s in slope.unbind(-1)]
    covariance = torch.linalg.inv(-torch.stack(rows, -2))
    return mu, covariance.diagonal(dim1=-2, dim2=-1).log()


def returns_the_std(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu, torch.exp(0.5 * logvar)


def returns_double(log_joint: LogJoint, *given: Any) -> Pair:
    mu, logvar, eps, steps, lr = given
    noise = eps if eps.dim() > mu.dim() else eps.reshape(len(eps), *(1,) * (mu.dim() - 1), -1)
    for _ in range(steps):
        m, v = mu.detach().requires_grad_(), logvar.detach().requires_grad_()
        z = m + torch.exp(0.5 * v) * noise
        total = log_joint(z).mean(0).sum() + 0.5 * v.sum()
        in_mu, in_logvar = torch.autograd.grad(total, (m, v))
        mu, logvar = mu + lr * in_mu, logvar + lr * in_logvar
    return mu.double(), logvar.double()


def turns_the_sign(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return elbo_amortized - elbo_local


def clamps_the_gap(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return (elbo_local - elbo_amortized).clamp(min=0)


def takes_the_absolute_value(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return (elbo_local - elbo_amortized).abs()


def averages_the_gap(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return (elbo_local - elbo_amortized).mean().expand(elbo_local.shape)


def divides_by_the_bound(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return (elbo_local - elbo_amortized) / elbo_local.abs()


def cuts_the_gradient_of_the_gap(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return elbo_local.detach() - elbo_amortized


def takes_a_ratio_of_densities(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    return torch.exp(elbo_local - elbo_amortized)


_ENTROPY = (
    "Start at the exact posterior of one latent: your fit walks away. Which force holds the spread open, how strong?"
)
_PRIOR = "log p(x, z) holds log p(z) already; how often does the prior enter your bound?"
_CARRIED = "Your first step is right, your second is not. What do you carry from one to the next?"
_OPTIMIZER = "After one step from anywhere, by how much have mu and logvar moved? It should be lr times a gradient."
_COORDINATE = "Your mu moves as it should; in which quantity is your other step taken, and which one is asked for?"
_IN_TURN = (
    "mu and logvar step in turn: where is the first when you take the slope in the second, and where should it be?"
)
_NEGATIVE = "A fit that has not converged gives a negative gap. Would you like to know?"

FITTING: dict[Callable[..., Any], str] = {
    shares_parameters_over_the_batch: "Optimising example 1 moved example 2. Whose parameters are these?",
    averages_over_the_batch: "Fit one example alone, then in a batch of three: why are its steps a third as long?",
    forgets_the_entropy: _ENTROPY,
    counts_the_entropy_twice: _ENTROPY,
    subtracts_the_entropy: _ENTROPY,
    adds_a_kl_to_the_prior: _PRIOR,
    descends: "Evaluate the ELBO before and after one step: did it rise?",
    sums_over_samples: "Repeat every row of eps: a mean over samples should not move. What does your step do?",
    scales_noise_with_the_variance: "At logvar = log 4 and eps = 1, how far from mu should z be?",
    detaches_z: "Along which path does log p(x, z) pull at mu and logvar in your graph?",
    moves_the_mean_alone: "Start far too wide: your spread never changes. What should drive it?",
    fits_a_point: "Your logvar grows without end: what does log p(x, z) see of the spread?",
    steps_in_the_std: _COORDINATE,
    steps_in_the_log_std: _COORDINATE,
    steps_with_adam: _OPTIMIZER,
    adds_up_all_gradients: _CARRIED,
    adds_momentum: _CARRIED,
    takes_one_step_more: "Ask for one step, and count how often log_joint is needed. How many did you take?",
    takes_one_step_less: "Ask for one step: yours ends where it started. How many do you take when two are asked for?",
    moves_the_mean_first: _IN_TURN,
    moves_the_spread_first: _IN_TURN,
    draws_noise_of_its_own: "Call twice with the same eps: why do the fits differ?",
    keeps_the_graph: "Where the start requires a gradient, your result carries one to it. Should a finished fit?",
    matches_marginal_variances: (
        "Your variances are those of the exact posterior's marginals. That minimises the other KL; which one is yours?"
    ),
    returns_the_std: "Start at logvar = -2 and take no step at all in your head: which number should come back?",
    returns_double: "Which dtype went in, and which came out?",
}

GAP: dict[Callable[..., Any], str] = {
    turns_the_sign: "The best local q cannot be worse than the encoder's. What is the sign of your gap?",
    clamps_the_gap: _NEGATIVE,
    takes_the_absolute_value: _NEGATIVE,
    averages_the_gap: "Three examples have three gaps; which of them is yours?",
    divides_by_the_bound: "Add the same constant to both bounds: the gap should not change. What does yours do?",
    cuts_the_gradient_of_the_gap: "Which of the two bounds does a gradient of your gap reach?",
    takes_a_ratio_of_densities: "Two equal bounds leave no gap. How many nats do you report?",
}
