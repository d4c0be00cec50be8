# %% [markdown]
# # Flows, GANs, energy models, flow matching, and what they trade
#
# Read README.md beside this file first: it derives what you implement here and fixes the conventions.
# Everywhere: `*batch` stands for any leading shape, `()` and empty ones included; log-densities and losses are in nats;
# results have the inputs' dtype and device; inputs are never modified; the batch is handled by tensor operations, not
# by a Python loop. Only functions whose names end in `_loss`, and `ebm_surrogate`, average over the batch.

# %%
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

# %% [markdown]
# ## fr.1 The density of a flow


# %%
def flow_log_prob(
    x: Tensor, inverse_fn: Callable[[Tensor], tuple[Tensor, Tensor]], base_log_prob: Callable[[Tensor], Tensor]
) -> Tensor:
    """log p(x) of a normalising flow, in nats, for each example.

    Args:
        x: Points, shape [*batch, dim].
        inverse_fn: Takes x to (z, log|det dz/dx|), of shapes [*batch, dim] and [*batch]: the direction from the data
            to the base. What it returns is its own and may be shared between examples; do not write to it.
        base_log_prob: The log-density of z, [*batch, dim] to [*batch].

    Returns:
        Shape [*batch]. With z = x / 2 in one dimension, log|det dz/dx| = -0.693; for a standard normal base and x = 0
        the result is -0.919 - 0.693 = -1.612.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def composed_log_prob(
    x: Tensor,
    inverse_fns: Sequence[Callable[[Tensor], tuple[Tensor, Tensor]]],
    base_log_prob: Callable[[Tensor], Tensor],
) -> Tensor:
    """log p(x) of a flow made of several maps, in nats, for each example.

    Args:
        x: Points, shape [*batch, dim].
        inverse_fns: Functions as in flow_log_prob, in the order in which they are applied: the first one gets x, each
            other one what the one before it made. There may be none.
        base_log_prob: The log-density of the last one's result.

    Returns:
        Shape [*batch]. With z = x / 2 and then z - 1, a standard normal base and x = 0 it is -1.419 - 0.693 = -2.112.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## fr.2 A coupling layer


# %%
class AffineCoupling(nn.Module):
    """z = m x + (1 - m) (x e^s + t) with (s, t) = net(m x): some entries pass through and say how the others change.

    net returns [s_1 .. s_D, t_1 .. t_D], and each s is bounded smoothly: what counts is 8 tanh(s / 8).

    The mask is a registered buffer of the name `mask` and the net a submodule of the name `net`; the layer has no other
    parameters and no other buffers in its state. It does the same in training and in evaluation mode.

    Args:
        mask: m, shape [dim], zeros and ones in the dtype of x. Entries with m = 1 pass through unchanged, and they are
            all that net sees of x: net is given m x.
        net: Takes [*batch, dim] to [*batch, 2 dim].
    """

    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        # YOUR CODE HERE
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From the data to the base.

        Args:
            x: Shape [*batch, dim].

        Returns:
            z, shape [*batch, dim], and log|det dz/dx|, shape [*batch]. With m = [1, 0], x = [3, 2] and a net that
            returns [1, 1, 0.5, 0.5], s = 8 tanh(1/8) = 0.995, z = [3, 5.908], and the log-determinant is 0.995.
        """
        # YOUR CODE HERE
        raise NotImplementedError

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """From the base to the data.

        Args:
            z: Shape [*batch, dim].

        Returns:
            x, shape [*batch, dim], and log|det dx/dz|, shape [*batch]: at corresponding points, minus what forward
            returns. With the same layer and z = [3, 5.908] they are [3, 2] and -0.995.
        """
        # YOUR CODE HERE
        raise NotImplementedError


# %% [markdown]
# ## fr.3 The losses of a GAN


# %%
def gan_d_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The loss that a GAN's discriminator minimises: -E log D(real) - E log(1 - D(fake)), with D = sigmoid(logit).

    Args:
        real_logits: Of real examples, shape [n] or [n, 1]. Logits from -120 to 120 occur, also in float32.
        fake_logits: Of generated examples, shape [m] or [m, 1]; m need not be n, nor the shapes of one kind. Gradients
            reach both: who trains the discriminator alone detaches the generated examples before.

    Returns:
        A 0-dim tensor: the mean over the real ones plus the mean over the fake ones, in nats. At logits of 0 it is
        2 log 2 = 1.386; one real logit of 1 and one fake logit of 2 give 0.313 + 2.127 = 2.440.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def gan_g_loss(fake_logits: Tensor, kind: Literal["saturating", "nonsaturating"]) -> Tensor:
    """The loss that a GAN's generator minimises.

    Args:
        fake_logits: Of generated examples, shape [m] or [m, 1]. Logits from -120 to 120 occur, also in float32.
        kind: "saturating" is E log(1 - D(fake)), the discriminator's loss with the other sign; "nonsaturating" is
            -E log D(fake).

    Returns:
        A 0-dim tensor: the mean over the batch, in nats. For one fake logit of 2 it is -2.127 for the saturating kind
        and 0.127 for the other one.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## fr.4 What the best discriminator sees


# %%
def optimal_discriminator(p: Tensor, q: Tensor) -> Tensor:
    """D* = p / (p + q), the discriminator that is best against fakes from q.

    Args:
        p: Probabilities of outcomes under the law of the data, shape [*batch, outcomes]. Rows sum to 1; zeros occur.
        q: The same under the law of the generator, same shape.

    Returns:
        Probabilities that an outcome is real, shape [*batch, outcomes]. Where p = q = 0 it is 1/2. For p = [0.75, 0.25]
        and q = [0.25, 0.75] it is [0.75, 0.25].
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def gan_value(p: Tensor, q: Tensor, d: Tensor) -> Tensor:
    """V(d) = E_p[log d] + E_q[log(1 - d)], what the discriminator maximises, in nats.

    Args:
        p: As in optimal_discriminator, shape [*batch, outcomes].
        q: As in optimal_discriminator, same shape.
        d: Probabilities that an outcome is real, same shape; 0 and 1 occur.

    Returns:
        Shape [*batch]. Outcomes that p never draws count nothing in the first term, whatever d is there, and those that
        q never draws nothing in the second. At d = 1/2 it is -2 log 2 = -1.386; for p = [0.75, 0.25],
        q = [0.25, 0.75] and d = [0.75, 0.25] it is -1.125.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def jsd(p: Tensor, q: Tensor) -> Tensor:
    """The Jensen-Shannon divergence 1/2 KL(p || m) + 1/2 KL(q || m) with m = (p + q) / 2, in nats.

    Args:
        p: Probabilities, shape [*batch, outcomes]; zeros occur, and 0 log 0 is 0.
        q: The same shape.

    Returns:
        Shape [*batch], from 0 to log 2 = 0.693. For p = [0.75, 0.25] and q = [0.25, 0.75] it is 0.131.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## fr.5 Energy models


# %%
def log_partition(energy_fn: Callable[[Tensor], Tensor], grid: Tensor, dx: float) -> Tensor:
    """log Z of the density exp(-E(x)) / Z, as a Riemann sum over a grid: log of the sum of exp(-E) dx.

    Energies may be as low as -2000 or as high as 2000, where exp(-E) is no number.

    Args:
        energy_fn: Maps points [points, dim] to energies [points]. Low energy is high density.
        grid: The points of a regular grid, shape [points, dim]; each stands for one cell.
        dx: The volume of one cell: the spacing in one dimension, the product of the spacings in several.

    Returns:
        A 0-dim tensor. For E(x) = x^2 / 2 on a wide and fine grid it is log sqrt(2 pi) = 0.919; for two points of
        energy 0 and dx = 0.5 it is 0. Differentiable in what energy_fn depends on.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def ebm_surrogate(energy_fn: Callable[[Tensor], Tensor], x_data: Tensor, x_model: Tensor) -> Tensor:
    """A loss whose gradient in the parameters of the energy is that of the mean negative log-likelihood.

    It is the mean energy of the data minus the mean energy of samples of the model. Its value is no likelihood.

    Args:
        energy_fn: As for log_partition.
        x_data: Data, shape [n_data, dim].
        x_model: Samples of the model as it is now, shape [n_model, dim]; often as many as the data, but not always.
            They are fixed numbers: no gradient reaches them.

    Returns:
        A 0-dim tensor. Data of mean energy 1 and samples of mean energy 3 give -2.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## fr.6 Flow matching


# %%
def cfm_pair(x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The point at time t of the straight path from noise to data, and the velocity there.

    Args:
        x0: Noise, the path's point at t = 0, shape [*batch, *event]; an event is a vector or, say, an image.
        x1: Data, the path's point at t = 1, same shape.
        t: Times from 0 to 1, shape [*batch]: one for each example, and 0-dim for a single example without a batch.

    Returns:
        (x_t, u), each of the shape of x0: the point, and the velocity that stays the same all along the path. From
        x0 = 1 to x1 = 5, at t = 1/4, they are 2 and 4.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def cfm_loss(v_fn: Callable[[Tensor, Tensor], Tensor], x0: Tensor, x1: Tensor, t: Tensor) -> Tensor:
    """The flow matching loss: the squared distance of the field from the velocity of each pair, averaged over pairs.

    Args:
        v_fn: The field; maps (x, t), of shapes [*batch, *event] and [*batch], to velocities of the shape of x.
        x0: Noise, shape [*batch, *event].
        x1: Data, same shape.
        t: Times, shape [*batch]. The event is all dimensions that t does not have.

    Returns:
        A 0-dim tensor: squares are summed over the event and averaged over the batch. For a field that is zero, and
        one pair x0 = (0, 0), x1 = (1, 2), it is 5. Differentiable in what v_fn depends on.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
def euler_flow(v_fn: Callable[[Tensor, Tensor], Tensor], x0: Tensor, n_steps: int) -> Tensor:
    """Follow the field from t = 0 to t = 1 in steps of equal length, each along the velocity where it begins.

    Args:
        v_fn: As for cfm_loss. It is given times as a tensor of x0's dtype: shape [batch] for x0 of shape
            [batch, *event], and 0-dim for one vector x0 of shape [dim].
        x0: Where to start.
        n_steps: How many steps, 1 or more; a Python loop over them is fine.

    Returns:
        The points at t = 1, of x0's shape. Two steps of v(x, t) = x + t from x0 = 1: 1 becomes 1.5, and that becomes
        1.5 + (1.5 + 0.5) / 2 = 2.5. Differentiable in x0 and in what v_fn depends on.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## fr.7 What a likelihood says
#
# First a table for yourself. It is worth no points; `grader check` and the public tests tell which rows are off. Put
# in place of each "?", from left to right:
#
# - what the model tells of log p(x): "exact" (computable to any accuracy), "bound", or "none";
# - what a sample costs: "one pass", "one pass per dimension", or "many passes" (how many is a choice);
# - the failure that it is known for, each of these for one family: "bridges between modes" (an invertible
#   map cannot tear one blob into two), "coarse steps" (of an integral along a path), "component collapse" (onto one
#   data point), "empty regions" (nothing is learnt where no data are, and samples start there), "errors pile up"
#   (what comes first is never taken back), "invisible detail" (most of the likelihood is spent on what nobody
#   sees), "linear only", "mode collapse" (some of the data are never generated), "poor mixing" (of a chain that must
#   visit all modes), "unused latent".

# %%
TAXONOMY = (
    ("mixture of Gaussians, fitted by EM", "?", "?", "?"),
    ("probabilistic PCA", "?", "?", "?"),
    ("autoregressive model", "?", "?", "?"),
    ("variational autoencoder, trained on the ELBO", "?", "?", "?"),
    ("flow of affine couplings", "?", "?", "?"),
    ("continuous flow, trained by flow matching", "?", "?", "?"),
    ("diffusion model, trained on the ELBO", "?", "?", "?"),
    ("denoising score network, sampled by Langevin dynamics", "?", "?", "?"),
    ("energy model, Z unknown, sampled by MCMC", "?", "?", "?"),
    ("generative adversarial network", "?", "?", "?"),
)
# YOUR CODE HERE


# %%
def dequantized_log_mass_bound(log_density_fn: Callable[[Tensor], Tensor], x_int: Tensor, u: Tensor) -> Tensor:
    """The lower bound E_u[log p(x + u)] <= log P(x) on the log-mass of integer data, from a density, per example.

    P(x) is the mass that the density p has on the unit cube [x, x + 1)^dim; u is uniform on [0, 1)^dim. The data are
    in their own units: nothing is divided by a number of levels.

    Args:
        log_density_fn: log p in nats, of points [..., dim] to [...].
        x_int: Data, int64, shape [*batch, dim].
        u: Draws from the unit cube, floating point: shape [samples, *batch, dim], or [*batch, dim] for one draw.

    Returns:
        The mean of log p(x + u) over the draws, shape [*batch], in the dtype of u. For p uniform on [0, 4) in one
        dimension it is log 1/4 = -1.386 for x = 0, 1, 2 and 3, whatever u is: the bound is tight.
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %%
@dataclass(frozen=True)
class Evidence:
    """What is known of the log-likelihood that a model gives to an image, or on average to those of a test set."""

    kind: Literal["exact", "lower", "upper"]
    """Whether the log-likelihood is `nats`, at least `nats` (a lower bound on it), or at most `nats`."""
    nats: float
    """In nats, of a whole image, all dimensions together."""
    measure: Literal["counting", "lebesgue"]
    """counting: the log of the probability of an image of integers; lebesgue: the log of a density."""
    n_dims: int
    """How many dimensions an image has."""
    unit_scale: float = 1.0
    """What the integers were multiplied by before the density was taken, say 1/256; of no matter to a probability."""


def rank_models(a: Evidence, b: Evidence) -> Literal["a", "b", "undetermined"]:
    """Which of two models certainly gives the higher log-likelihood to the same images; the higher, the better.

    - Different n_dims are different images: undetermined.
    - A density of scaled data becomes one of the data in their own units: with unit_scale = 1/256 and
      3 dimensions, nats + 3 log(1/256) = nats - 16.64.
    - A density against a density is compared as that. Where one is a probability and the other a density, probabilities
      are compared: of the density we use only that E_u[log p(x + u)] <= log P(x). So the density's value, or
      a lower bound on it, is a lower bound on the log-probability, and an upper bound on it says nothing.
    - A model wins where it wins whatever the two log-likelihoods are: a lower bound of -80 beats an exact -90; an
      exact -80 against a lower bound of -90 is undetermined.
    - Numbers within 1e-9 of each other, relatively, are equal, and equal ones are undetermined.

    Args:
        a: What is known of the first model.
        b: What is known of the second one.

    Returns:
        "a", "b" or "undetermined".
    """
    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## fr.8 A flow of the banana


# %%
# YOUR CODE HERE


# %%
def train_flow(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 40.0) -> nn.Module:
    """Trains a flow on points of the plane by maximum likelihood.

    The points are independent draws of x = y + shift, or of x = (y_2, y_1) + shift, with

        y_1 = 1.5 e_1,    y_2 = bend (y_1^2 - 2.25) + 0.5 e_2,    e standard normal,

    and a bend between 0.3 and 0.6 or between -0.6 and -0.3. Which of the two, the bend and the shift are not told. The
    entropy is 1 + log(2 pi) + log(0.75) = 2.550 nats, whatever they are.

    Args:
        x_train: Shape [10000, 2], float32.
        generator: Where every random number of the training comes from, first weights included: torch's global random
            state is the same after the call as before.
        budget_s: Seconds of processor time that the call may take, on one core.

    Returns:
        A module with the methods of AffineCoupling: forward takes x, [*batch, 2], to z and log|det dz/dx|, inverse
        takes z back to x and log|det dx/dz|. It is evaluated in evaluation mode, with a standard normal base. Its mean
        -log p(x) over new points must be within 0.03 nats of the entropy for full points, within 0.10 for half of them.
    """

    # YOUR CODE HERE
    raise NotImplementedError


# %% [markdown]
# ## C5 Which model is better?
#
# A paper reports log p(x) = -85.1 nats for an autoregressive model and -86.8 nats for a variational autoencoder,
# both for the same test image, and says that the first model is better. (a) Can you conclude that it gives the image
# the higher likelihood? (b) What would you compute, or ask the authors for, to be able to? (c) What would you still
# not know of the two models? Answer in the cell below, in a page or less.

# %% [markdown]
# <!-- answer: C5 -->
# *YOUR ANSWER HERE*
