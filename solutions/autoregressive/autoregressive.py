# %% [markdown]
# # Autoregressive models: chain rule, masks, attention, sampling
#
# Read README.md beside this file first: it derives what you implement here and fixes the conventions.
# Everywhere: `*batch` stands for any leading shape, `()` and empty ones included; log-probabilities are in nats, one
# per example, in the inputs' dtype and on their device; inputs are never modified; the batch is handled by tensor
# operations, not by a Python loop. Loops over variables, layers or time steps are fine.

# %%
from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

# %% [markdown]
# ## ar.1 The chain rule on a table


# %%
def joint_to_conditionals(p: Tensor) -> list[Tensor]:
    """The conditionals p(x_i | x_1 .. x_{i-1}) of a joint table.

    Args:
        p: Probabilities that sum to one, shape [V_1, ..., V_D]: p[x_1, ..., x_D]. Zeros occur.

    Returns:
        D tensors, the i-th (from 1) of shape [V_1, ..., V_i]: a distribution over x_i, along the last dimension, for
        each value of the variables before it. Where those values never occur, the uniform distribution.
        For p = [[0.1, 0.3], [0.6, 0]]: [0.4, 0.6], then [[0.25, 0.75], [1, 0]].
    """
    ### BEGIN SOLUTION
    conds = []
    for i in range(p.dim()):
        prefix = p.flatten(i + 1).sum(-1) if i + 1 < p.dim() else p
        total = prefix.sum(-1, keepdim=True)
        occurs = total > 0
        uniform = torch.full_like(prefix, 1 / prefix.shape[-1])
        conds.append(torch.where(occurs, prefix / torch.where(occurs, total, torch.ones_like(total)), uniform))
    return conds
    ### END SOLUTION


# %%
def chain_log_prob(conds: Sequence[Tensor], x: Tensor) -> Tensor:
    """The log-probability of outcomes under the product of conditionals.

    Args:
        conds: D tensors as joint_to_conditionals returns them, the i-th (from 1) of shape [V_1, ..., V_i].
        x: Integer outcomes, shape [*batch, D], counted from 0.

    Returns:
        log p(x) in nats, shape [*batch]; -inf where a factor is zero. With the conditionals above, x = [0, 1] gives
        log 0.3 = -1.204, and x = [1, 1] gives -inf.
    """
    ### BEGIN SOLUTION
    values = x.unbind(-1)
    return torch.stack([cond[values[: i + 1]].log() for i, cond in enumerate(conds)]).sum(0)
    ### END SOLUTION


# %% [markdown]
# ## ar.2 A linear-Gaussian model


# %%
def gaussian_ar_nll(x: Tensor, W: Tensor, b: Tensor, log_sigma: Tensor | float) -> Tensor:
    """The negative log-likelihood of x_i ~ N(b_i + sum_{j < i} W_ij x_j, sigma_i^2), i = 1 .. D.

    Args:
        x: Data, shape [*batch, D].
        W: Weights, shape [D, D]: row i predicts x_i. Only the part strictly below the diagonal counts; whatever
            stands elsewhere is ignored, and its gradient is zero.
        b: Intercepts, shape [D].
        log_sigma: Log standard deviations (not log-variances): a tensor of shape [D], or one for all dimensions,
            as a 0-dim tensor or a number.

    Returns:
        One value per example in nats, every constant included, shape [*batch]. For D = 2, x = [1, 3], W_21 = 2,
        b = 0 and log_sigma = 0: 0.919 + 0.5 for x_1 and 0.919 + 0.5 for x_2, together 2.838.
    """
    ### BEGIN SOLUTION
    residual = x - b - x @ W.tril(-1).mT
    log_sigma = torch.as_tensor(log_sigma, dtype=x.dtype, device=x.device)
    squares = (residual * torch.exp(-log_sigma)).square()
    return (0.5 * math.log(2 * math.pi) + log_sigma + 0.5 * squares).sum(-1)
    ### END SOLUTION


# %%
def gaussian_ar_fit(x: Tensor) -> tuple[Tensor, Tensor]:
    """The W and b under which data are most likely, for any sigma: one least-squares fit per dimension.

    Args:
        x: Data, shape [N, D], N at least 1; perhaps fewer points than unknowns.

    Returns:
        W of shape [D, D], zero on and above the diagonal, and b of shape [D]. Where several solutions fit equally well,
        row i has the one for which the squares of (b_i, W_i1, ..., W_i,i-1) have the smallest sum, the intercept
        among them. For x = [[0, 1], [2, 5], [4, 9]]: W_21 = 2 and b = [2, 1].
        For the single point [[1, 4]]: W_21 = 2 and b = [1, 2].
    """
    ### BEGIN SOLUTION
    n, d = x.shape
    W, b = x.new_zeros(d, d), x.new_zeros(d)
    ones = x.new_ones(n, 1)
    for i in range(d):
        # The pseudo-inverse gives the shortest solution where there are several.
        solution = torch.linalg.pinv(torch.cat((ones, x[:, :i]), dim=1)) @ x[:, i]
        b[i], W[i, :i] = solution[0], solution[1:]
    return W, b
    ### END SOLUTION


# %% [markdown]
# ## ar.3 The masks of MADE


# %%
def made_masks(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    """Masks that let output i of a fully connected network see exactly the inputs before i.

    Args:
        order: order[d] is the position of input d, a permutation of 0 .. D-1, int64, shape [D]: input 0 comes first
            where order[0] is 0.
        hidden_degrees: For each hidden layer, from the input on, one integer per unit, int64, shape [units]: a unit of
            degree m may see the inputs at positions 0 .. m. Degrees are from 0 to D-2 (0 where D = 1). Maybe no layer.
        out_mult: Outputs per variable.

    Returns:
        One mask per layer of weights, bool, of shape [units out, units in]; True keeps the weight. The last one has
        out_mult blocks of D rows: first a row for each variable, then again a row for each variable, and so on.
        For order = [1, 0] and one hidden layer of degrees [0, 0, 0]: [[False, True]] three times, and then
        [[True, True, True], [False, False, False]].
    """
    ### BEGIN SOLUTION
    masks = []
    degrees = order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    masks.append((order[:, None] > degrees[None, :]).repeat(out_mult, 1))
    return masks
    ### END SOLUTION


# %% [markdown]
# ## ar.4 The masks of PixelCNN


# %%
def pixelcnn_mask(kind: Literal["A", "B"], in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    """The mask of a convolution whose output at a pixel sees only what comes before it in raster order.

    Rows come from top to bottom, pixels of a row from left to right, and the colours of one pixel in their order.
    Channels belong to colours in blocks: with 6 channels and 3 colours, channels 0 and 1 are of colour 0, channels 2
    and 3 of colour 1, channels 4 and 5 of colour 2.

    Args:
        kind: "A" hides a colour from itself (first layer), "B" does not (all later layers).
        in_ch: Input channels.
        out_ch: Output channels.
        k: Height and width of the kernel.
        n_colors: Colours of a pixel.

    Returns:
        Mask of shape [out_ch, in_ch, k, k], bool, on the CPU; True keeps the weight. As in nn.Conv2d, the weight [i, j]
        meets the pixel i - k//2 rows below the output's and j - k//2 columns to its right. For kind A, one channel each
        way and k = 3: [[True, True, True], [True, False, False], [False, False, False]].

    Raises:
        ValueError: Where k is even, or a number of channels is no multiple of n_colors.
    """
    ### BEGIN SOLUTION
    if k % 2 == 0:
        raise ValueError(f"a kernel of size {k} has no centre")
    if in_ch % n_colors or out_ch % n_colors:
        raise ValueError(f"{in_ch} and {out_ch} channels cannot be shared out among {n_colors} colours")
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre, :] = True
    mask[:, :, centre, :centre] = True
    color_out = torch.arange(out_ch) // (out_ch // n_colors)
    color_in = torch.arange(in_ch) // (in_ch // n_colors)
    before = color_out[:, None] > color_in[None, :]
    same = color_out[:, None] == color_in[None, :]
    mask[:, :, centre, centre] = before if kind == "A" else before | same
    return mask
    ### END SOLUTION


# %% [markdown]
# ## ar.5 Causal attention


# %%
def causal_attention(q: Tensor, k: Tensor, v: Tensor, *, key_padding_mask: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention in which a query sees the keys up to its own time.

    The queries are those of the last Tq of Tk times: query i (from 0) stands at the time i + Tk - Tq and sees keys
    0 .. i + Tk - Tq. With Tq < Tk the first keys and values come from a cache; with Tq > Tk the first queries see none.
    F.scaled_dot_product_attention is what you write here, so do not use it.

    Args:
        q: Queries, shape [*batch, Tq, d].
        k: Keys, shape [*batch, Tk, d].
        v: Values, shape [*batch, Tk, dv].
        key_padding_mask: Bool, shape [*batch, Tk]: True marks a key that nobody may see (as in nn.MultiheadAttention).

    Returns:
        Weighted averages of the values, shape [*batch, Tq, dv]; weights are softmax(q k^T / sqrt(d)) over the keys that
        a query sees. A query that sees no key gets zeros, with gradients of zero. For d = 1, q = [[1], [1]],
        k = [[0], [log 3]], v = [[0], [4]]: [[0], [3]].
    """
    ### BEGIN SOLUTION
    n_queries, n_keys = q.shape[-2], k.shape[-2]
    query_time = torch.arange(n_queries, device=q.device) + n_keys - n_queries
    visible = torch.arange(n_keys, device=q.device) <= query_time[:, None]
    if key_padding_mask is not None:
        visible = visible & ~key_padding_mask[..., None, :]
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    # A row of -inf alone has no softmax; any finite scores do, as its weights are then zeroed.
    scores = scores.masked_fill(~visible.any(-1, keepdim=True), 0.0)
    return scores.softmax(-1).masked_fill(~visible, 0.0) @ v
    ### END SOLUTION


# %% [markdown]
# ## ar.6 The loss of a language model


# %%
def lm_loss(logits: Tensor, tokens: Tensor, *, pad_id: int | None = None) -> Tensor:
    """Mean negative log-probability, in nats, of the tokens that a model predicts.

    logits[..., t, :] is the prediction of tokens[..., t + 1]: the last logits predict nothing, and nothing predicts the
    first token.

    Args:
        logits: Shape [*batch, T, V], unnormalised.
        tokens: Shape [*batch, T], int64, from 0 to V-1.
        pad_id: One of the V tokens, which fills short sequences up: as a target it does not count. None: all count.

    Returns:
        The mean over all predicted tokens of all sequences together, shape []. Zero where there are none. For tokens =
        [0, 1, 1] with logits [[0, log 3], [0, 0], [5, 0]]: (log 4/3 + log 2) / 2 = 0.490.

    Raises:
        ValueError: Where T is less than 2, so that nothing can be predicted.
    """
    ### BEGIN SOLUTION
    if tokens.shape[-1] < 2:
        raise ValueError("a sequence of fewer than two tokens has nothing to predict")
    targets = tokens[..., 1:]
    log_probs = logits[..., :-1, :].log_softmax(-1)
    nll = -log_probs.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    counts = torch.ones_like(targets, dtype=torch.bool) if pad_id is None else targets != pad_id
    return torch.where(counts, nll, 0.0).sum() / counts.sum().clamp(min=1)
    ### END SOLUTION


# %% [markdown]
# ## ar.7 Ancestral sampling


# %%
def ar_sample(
    cond_logits_fn: Callable[[Tensor], Tensor],
    n: int,
    D: int,
    *,
    generator: torch.Generator,
    prefix: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Draw n independent samples of D variables, one variable after another, from left to right.

    Args:
        cond_logits_fn: The model. For integers x of shape [n, D] it returns logits of shape [n, D, V]; those at
            position i depend on x[:, :i] alone, whatever stands at i and after. It is called once for each variable
            that is drawn, with all samples at a time.
        n: Samples, at least 1.
        D: Variables of a sample.
        generator: Where all randomness comes from; it is on the model's device.
        prefix: Values of the first P variables, int64, of shape [P] for all samples alike or [n, P]; only the rest is
            drawn, and the result starts with them.
        temperature: Divides the logits. Below 1 likely values become more likely; 0 takes the most likely value,
            which is the limit.

    Returns:
        Values from 0 to V-1, int64, shape [n, D]. Logits [0, log 3] give the value 1 with probability 3/4, at
        temperature 0.5 with probability 9/10, at temperature 0 always.
    """
    ### BEGIN SOLUTION
    x = torch.zeros(n, D, dtype=torch.int64, device=generator.device)
    start = 0 if prefix is None else prefix.shape[-1]
    if prefix is not None:
        x[:, :start] = prefix
    for i in range(start, D):
        logits = cond_logits_fn(x)[:, i]
        if temperature == 0:
            x[:, i] = logits.argmax(-1)
        else:
            x[:, i] = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).squeeze(-1)
    return x
    ### END SOLUTION


# %% [markdown]
# ## ar.8 Bits per dimension


# %%
def bits_per_dim(log_prob: Tensor, n_dims: int, *, scale_levels: int | None = None) -> Tensor:
    """What data cost in bits per dimension, in the unit of their own integer levels.

    Args:
        log_prob: Log-probabilities or log-densities in nats, one per example, shape [*batch].
        n_dims: Dimensions of an example, such as 3 * 32 * 32.
        scale_levels: Where log_prob is a density of data that were divided by their number of levels (pixels from 0 to
            255 that became numbers from 0 to 1), that number, 256. None: the data were not scaled.

    Returns:
        One value per example, shape [*batch]. A log-probability of -16.636 for 3 dimensions is 8 bits for each; so is
        a log-density of 0 with scale_levels = 256.
    """
    ### BEGIN SOLUTION
    bits = -log_prob / (n_dims * math.log(2))
    return bits if scale_levels is None else bits + math.log2(scale_levels)
    ### END SOLUTION


# %% [markdown]
# ## ar.9 Train one


# %%
### BEGIN SOLUTION
class Made(nn.Module):
    """Masked layers from D binary inputs to D logits, with ReLU between them."""

    def __init__(self, size: int, hidden: Sequence[int], *, generator: torch.Generator) -> None:
        super().__init__()
        device = generator.device
        order = torch.arange(size, device=device)
        degrees = [torch.arange(units, device=device) % max(size - 1, 1) for units in hidden]
        masks = made_masks(order, degrees)
        for i, mask in enumerate(masks):
            self.register_buffer(f"mask{i}", mask)
        bounds = [1 / math.sqrt(mask.shape[1]) for mask in masks]

        def uniform(*shape: int, bound: float) -> nn.Parameter:
            noise = torch.rand(shape, generator=generator, device=device, dtype=torch.float32)
            return nn.Parameter(bound * (2 * noise - 1))

        self.weights = nn.ParameterList(
            [uniform(*mask.shape, bound=bound) for mask, bound in zip(masks, bounds, strict=True)]
        )
        self.biases = nn.ParameterList(
            [uniform(len(mask), bound=bound) for mask, bound in zip(masks, bounds, strict=True)]
        )

    def forward(self, x: Tensor) -> Tensor:
        values = 2 * x - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = nn.functional.linear(
                values if i == 0 else values.relu(), weight * self.get_buffer(f"mask{i}"), bias
            )
        return values


### END SOLUTION


# %%
def train_made(x_train: Tensor, *, generator: torch.Generator, budget_s: float = 30.0) -> nn.Module:
    """Fit an autoregressive model of binary data by maximum likelihood.

    Args:
        x_train: Data, zeros and ones, float32, shape [N, D]; D is 12 and N is 20000.
        generator: Where all randomness comes from (the start, the order of the data); on the data's device.
        budget_s: Seconds of processor time that training may take. It is enforced; `time` tells how many have passed.

    Returns:
        A module that maps x, float32 of shape [n, D], to logits [n, D] in the natural order: logits [:, i] depend on
        x[:, :i] alone, and the sigmoid of them is the probability that x_i is 1. It is called in evaluation mode.
        On a coin that falls on 1 three times of four, and D = 1, it returns log 3 = 1.099 for every x.
    """
    ### BEGIN SOLUTION
    deadline = time.monotonic() + 0.6 * budget_s
    model = Made(x_train.shape[1], [96], generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    steps = 1200
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for _ in range(steps):
        rows = torch.randint(len(x_train), (200,), generator=generator, device=x_train.device)
        batch = x_train[rows]
        losses = nn.functional.binary_cross_entropy_with_logits(model(batch), batch, reduction="none")
        optimizer.zero_grad()
        losses.sum(-1).mean().backward()
        optimizer.step()
        schedule.step()
        if time.monotonic() > deadline:
            break
    return model
    ### END SOLUTION


# %% [markdown]
# ## C3 What is being fitted?
#
# Take the model of ar.2 with one sigma for all dimensions. (a) Starting from the chain rule, derive its negative
# log-likelihood and show that, in W and b, minimising it is minimising a sum of squared errors, whatever sigma is.
# (b) Which model is this, what do you call its fit, and what does it become where the mean is a neural network of the
# variables before? Answer in the cell below, in a page or less.

# %% [markdown]
# <!-- answer: C3 -->
# *YOUR ANSWER HERE*
