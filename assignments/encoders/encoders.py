# %% [markdown]
# # Encoders: reparameterisation, gradient estimators and a VAE
#
# Read README.md beside this file first: it derives what you implement here and fixes the conventions.
# Everywhere: `*batch` stands for any leading shape, `()` and empty ones included; log-densities are in nats; `logvar`
# is log sigma^2; results have the inputs' dtype and device; inputs are never modified; the batch is handled by tensor
# operations, not by a Python loop. Random numbers come from the `generator` that is given, and torch's global random
# state is the same after a call as before.

# %%
from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

# %% [markdown]
# ## enc.1 Reparameterised samples


# %%
def reparameterize(
    mu: Tensor,
    logvar: Tensor,
    *,
    eps: Tensor | None = None,
    n_samples: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Samples z = mu + sigma eps of N(mu, diag(exp(logvar))), through which gradients reach mu and logvar.

    Args:
        mu: Means, shape [*batch, latent].
        logvar: Log-variances (not log standard deviations), same shape. Values from -200 to 40 occur.
        eps: The noise to use, shape [samples, *batch, latent]; its number of samples counts, whatever n_samples says.
            If it is None, standard normal noise is drawn: a number of its own for every sample, example and latent.
        n_samples: How many samples to draw for each example.
        generator: Where the noise is drawn from, on the device of mu.

    Returns:
        Shape [n_samples, *batch, latent], or the shape of eps. Nothing depends on whether gradients are recorded. At
        mu = 1, logvar = log 4 and eps = -0.5 it is 0.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## enc.2 An encoder


# %%
class GaussianEncoder(nn.Module):
    """Maps x to the mean and the log-variance of q(z | x): one hidden layer with tanh, and a linear head for each.

    Your module is loaded with known weights and compared with others of the same architecture, so the names count:
    `trunk` is Linear(d_in, hidden), `mu_head` and `logvar_head` are Linear(hidden, d_latent). It has no other
    parameters or buffers, and does the same in training and in evaluation mode.

    Args:
        d_in: Size of x.
        d_latent: Size of z.
        hidden: Size of the hidden layer.
    """

    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        # YOUR CODE HERE
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x).

        Args:
            x: Shape [*batch, d_in].

        Returns:
            mu and logvar, both [*batch, d_latent] and both any real number. With all weights 0, all biases of mu_head
            -1 and all biases of logvar_head -2, they are -1 and -2: a standard deviation of 0.368.
        """
        # YOUR CODE HERE
        raise NotImplementedError


# %% [markdown]
# ## enc.3 Two gradient estimators


# %%
def reparam_grad(f: Callable[[Tensor], Tensor], mu: Tensor, logvar: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Pathwise estimate of the gradient of E_q[f(z)] in mu and logvar, q = N(mu, diag(exp(logvar))).

    It differentiates f(mu + sigma eps) through z, with the given noise.

    Args:
        f: Takes z, shape [samples, *batch, latent], and returns one number for each sample and example, [samples,
            *batch]; or it acts on each entry of z alone and returns as many numbers, [samples, *batch, latent]: then
            entry l of the result is the gradient of the expectation of f(z_l). Where autograd sees no path from z to
            f(z), as for a step function, the gradient is zero.
        mu: Shape [*batch, latent].
        logvar: Shape [*batch, latent].
        eps: Shape [samples, *batch, latent], used as given.

    Returns:
        Gradients in mu and in logvar, one for each example, both [*batch, latent]: the mean over samples. For
        f(z) = z^2, mu = 1, logvar = log 4 and eps = [0.5, -0.5] they are 2 and 1.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def score_function_grad(
    f: Callable[[Tensor], Tensor],
    mu: Tensor,
    logvar: Tensor,
    eps: Tensor,
    baseline: float | Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Score-function (REINFORCE) estimate of the same gradients: the mean of (f(z) - baseline) grad log q(z).

    z = mu + sigma eps is a constant here, and f need not be differentiable.

    Args:
        f: As for reparam_grad. Where it acts on each entry of z alone, the value at entry l goes with the gradient of
            the log-density of z_l alone.
        mu: Shape [*batch, latent].
        logvar: Shape [*batch, latent].
        eps: Shape [samples, *batch, latent], used as given.
        baseline: What is subtracted from f(z): a number, or a tensor that broadcasts to f(z); nothing where it is None.

    Returns:
        Gradients in mu and in logvar, both [*batch, latent]: the mean over samples. For f(z) = z^2, mu = 1,
        logvar = log 4 and eps = [0.5, -0.5] they are 0.5 and -0.75; with a baseline of 1, 0.5 and -0.375.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## enc.4 Local posteriors and the amortisation gap


# %%
def fit_local_posterior(
    log_joint: Callable[[Tensor], Tensor],
    init_mu: Tensor,
    init_logvar: Tensor,
    eps: Tensor,
    steps: int,
    lr: float,
) -> tuple[Tensor, Tensor]:
    """Plain gradient ascent on each example's own ELBO, from its own variational parameters.

    The ELBO of an example is the mean over samples of log p(x, z) at z = mu + sigma eps, plus the entropy of
    q = N(mu, diag(exp(logvar))), with the same eps in every step. One step adds lr times its gradient in (mu, logvar)
    to (mu, logvar): no momentum, no schedule.

    Args:
        log_joint: Takes z, shape [samples, *batch, latent], and returns log p(x, z) with each example's own x, shape
            [samples, *batch]. Give it the whole batch; an example's value depends on its own z alone.
        init_mu: Where mu starts, shape [*batch, latent].
        init_logvar: Where logvar starts, same shape.
        eps: Shape [samples, *batch, latent], or [samples, latent] for noise that all examples share. The caller has
            standardised it over the samples to mean 0 and mean square 1; use it as given.
        steps: How many steps to take, at least 1.
        lr: Step size, for mu and for logvar alike.

    Returns:
        Final mu and logvar, both [*batch, latent], without gradients, even of inputs that require them. For
        log p(x, z) = -2 (z - 1)^2, start 0 and 0, eps = [[-1], [1]], lr = 0.1 and one step: 0.4 and -0.15.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def amortization_gap(elbo_local: Tensor, elbo_amortized: Tensor) -> Tensor:
    """What it costs each example that an encoder chooses its posterior: ELBO of its best local one minus the encoder's.

    Args:
        elbo_local: ELBO at the best q of the family for each example, shape [*batch], in nats.
        elbo_amortized: ELBO at the encoder's q, same shape.

    Returns:
        Shape [*batch], in nats, as it comes out: a local fit that has not converged can make it negative, and that is
        worth seeing. For -8.5 and -9 it is 0.5.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## enc.5 A variational autoencoder


# %%
# YOUR CODE HERE


# %%
def train_vae(
    x_train: Tensor, *, d_latent: int, generator: torch.Generator, budget_s: float = 60
) -> tuple[nn.Module, nn.Module]:
    """Trains encoder and decoder by maximising the ELBO of q(z | x), p(x | z) and the prior N(0, I).

    The data come from a linear model: x = W z + b + 0.5 noise, with 8 dimensions and 2 latents, so that the best
    possible ELBO is log p(x), which the grader knows. It measures yours on data of its own, with its own code. Full
    points take a mean ELBO within 0.15 nats of log p(x); 0.25 nats earn half. A bound above log p(x) is no bound.

    Args:
        x_train: Data, shape [4000, 8], float32.
        d_latent: Size of z.
        generator: Decides every random number, the initial weights and the order of the data included.
        budget_s: Processor time that you may take, in seconds on one core; a few are enough.

    Returns:
        The encoder, which maps x [*batch, 8] to mu and logvar of q(z | x), both [*batch, d_latent], and the decoder,
        which maps z [*batch, d_latent] to mean and logvar of p(x | z), both [*batch, 8]. All results have the dtype
        of their input. They are used in evaluation mode.

    torch initialises layers from its global generator. Build them inside `torch.random.fork_rng()`, after a
    `torch.manual_seed` with a number drawn from `generator`: then the global state is afterwards what it was before.
    """

    # YOUR CODE HERE
    raise NotImplementedError
