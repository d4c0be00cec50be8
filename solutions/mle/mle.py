# %% [markdown]
# # Maximum likelihood and MAP
# Read README.md beside this file first: it derives what you implement here.

# %%
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# %% [markdown]
# ## mle.1 Log-density of a diagonal Gaussian


# %%
def gaussian_log_prob(x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log-density of N(mu, diag(exp(logvar))) at x, in nats, every constant included.

    The three arguments broadcast against each other to [*batch, event]; a `logvar` of shape [1], for example, is
    shared by all dimensions of the event.

    Args:
        x: Points.
        mu: Means.
        logvar: Log-variances, log sigma^2 (not log standard deviations); finite, and as large as +-100.

    Returns:
        One value per example, shape [*batch]. At x - mu = 1, logvar = log 4 each dimension gives -1.737.
    """
    ### BEGIN SOLUTION
    # Scaling before squaring: neither the variance nor its inverse is ever formed.
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + z.square()).sum(-1)
    ### END SOLUTION


# %% [markdown]
# ## mle.2 Maximum-likelihood mean and variance of weighted data


# %%
def gaussian_mle(x: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and variance of the independent Gaussians under which weighted data are most likely.

    Args:
        x: Data, shape [n, *event]; the first dimension counts the points, and event may be ().
        weights: One weight >= 0 per point, shape [n]; they need not sum to one. None: all points weigh the same.

    Returns:
        `(mu, var)`, both of shape [*event]: the weighted mean, and the variance (not the standard deviation) that
        maximises the likelihood. The data 0, 0, 3, or 0, 3 with the weights 2, 1, give mu = 1 and var = 2. Where n
        or all weights are 0, nan and 0 are both fine.
    """
    ### BEGIN SOLUTION
    if weights is None:
        weights = x.new_ones(x.shape[0])
    w = weights.reshape(-1, *[1] * (x.dim() - 1))
    total = weights.sum()
    mu = (w * x).sum(0) / total
    return mu, (w * (x - mu).square()).sum(0) / total
    ### END SOLUTION


# %% [markdown]
# ## mle.3 Negative log-likelihood of a class


# %%
def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    """Negative log-probability of each target under softmax(logits), in nats.

    Args:
        logits: Unnormalised log-probabilities, shape [*batch, classes]: the classes are the last dimension, unlike in
            torch.nn.functional.cross_entropy. As large as +-1e4.
        targets: Class indices, int64, shape [*batch].

    Returns:
        One value >= 0 per example, shape [*batch], not averaged. Logits [0, log 3] give 1.386 for target 0 and
        0.288 for target 1.
    """
    ### BEGIN SOLUTION
    shifted = logits - logits.amax(-1, keepdim=True)
    chosen = shifted.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return shifted.exp().sum(-1).log() - chosen
    ### END SOLUTION


# %% [markdown]
# ## mle.4 Cross-entropy as entropy plus KL divergence


# %%
def nll_kl_decomposition(p: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a model costs in expectation, split into what the data cost and what the model adds, all in nats.

    The data have the distribution p and the model q = softmax(logits), both over the last dimension.

    Args:
        p: Probabilities that sum to one over the last dimension, shape [*batch, classes]. Some may be zero; a class
            that never occurs contributes nothing (0 log 0 = 0).
        logits: Shape [*batch, classes], as large as +-1000.

    Returns:
        `(cross_entropy, entropy, kl)`, each of shape [*batch]: the expectation of -log q under p, the entropy of p,
        and KL(p || q). The first is the sum of the others. p = [1/2, 1/2] and logits = [0, log 3] give
        (0.837, 0.693, 0.144).
    """
    ### BEGIN SOLUTION
    log_q = logits.log_softmax(-1)
    # xlogy is 0 at p = 0, where p * log(p) is nan.
    information = torch.xlogy(p, p)
    return -(p * log_q).sum(-1), -information.sum(-1), (information - p * log_q).sum(-1)
    ### END SOLUTION


# %% [markdown]
# ## mle.5 Most probable weights of a linear model


# %%
def ridge_map(X: Tensor, y: Tensor, noise_var: float, prior_precision: float) -> Tensor:
    """The mode of the posterior of w, for y = X w + noise, noise ~ N(0, noise_var I), w ~ N(0, I / prior_precision).

    Args:
        X: Inputs, shape [*batch, n, features]; n may be smaller than features, and columns may be collinear.
        y: Targets, shape [*batch, n].
        noise_var: Variance of the noise, > 0 (not its standard deviation).
        prior_precision: Inverse variance of each weight under the prior, > 0.

    Returns:
        One solution per problem of the batch, shape [*batch, features]. X = [[1], [2]] and y = [1, 2] with noise_var
        = 0.5 and prior_precision = 4 give w = 0.714.
    """
    ### BEGIN SOLUTION
    # Multiplied by noise_var, so that the data enter unscaled.
    eye = torch.eye(X.shape[-1], dtype=X.dtype, device=X.device)
    matrix = X.mT @ X + noise_var * prior_precision * eye
    return torch.linalg.solve(matrix, X.mT @ y.unsqueeze(-1)).squeeze(-1)
    ### END SOLUTION


# %% [markdown]
# ## mle.6 MAP objective of a minibatch


# %%
def map_objective(log_lik: Tensor, params: Sequence[Tensor], prior_precision: float, dataset_size: int) -> Tensor:
    """The loss per data point whose minimum is the MAP estimate, estimated without bias from a minibatch.

    The prior on every parameter is N(0, 1 / prior_precision); its normalising constant is left out.

    Args:
        log_lik: Log-likelihood of each example of the minibatch under the current parameters, shape [minibatch].
        params: The parameters, tensors of any shapes and memory layouts (a transposed one has no flat `.view`).
        prior_precision: Inverse variance of the prior.
        dataset_size: How many data points there are in all, not in the minibatch.

    Returns:
        A 0-dim tensor that can be differentiated in `log_lik` and in `params`. log_lik = [-1, -3], params = [[2]],
        prior_precision = 5 and dataset_size = 10 give 3.0.
    """
    ### BEGIN SOLUTION
    squares = sum(tensor.square().sum() for tensor in params)
    return -log_lik.mean() + prior_precision / (2 * dataset_size) * squares
    ### END SOLUTION
