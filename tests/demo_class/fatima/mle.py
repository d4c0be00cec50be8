# Fatima Zahra
# Homework 1.  I prefer to write everything out step by step.
import math

import torch


def gaussian_log_prob(x, mu, logvar):
    # step 1: bring everything to the same shape
    x, mu, logvar = torch.broadcast_tensors(x, mu, logvar)
    # step 2: how many standard deviations away from the mean are we
    difference = x - mu
    log_standard_deviation = logvar / 2
    standard_deviation = torch.exp(log_standard_deviation)
    number_of_sigmas = difference / standard_deviation
    # step 3: the three terms of the log density
    term_constant = -x.shape[-1] * math.log(2 * math.pi) / 2
    term_logvar = -torch.sum(log_standard_deviation, dim=-1)
    term_square = -torch.sum(torch.square(number_of_sigmas), dim=-1) / 2
    # step 4: add them up
    return term_constant + term_logvar + term_square


def gaussian_mle(x, weights=None):
    # without weights every point counts once
    if weights is None:
        mean = torch.mean(x, dim=0)
        squared_distance = torch.square(x - mean)
        variance = torch.mean(squared_distance, dim=0)
        return mean, variance
    # with weights: put the weights in the same number of dimensions as x
    w = weights
    for _ in range(x.dim() - 1):
        w = w.unsqueeze(-1)
    total_weight = torch.sum(weights)
    mean = torch.sum(w * x, dim=0) / total_weight
    squared_distance = torch.square(x - mean)
    variance = torch.sum(w * squared_distance, dim=0) / total_weight
    return mean, variance


def categorical_nll(logits, targets):
    # I loop over the classes (not over the batch!) to build the log of the sum of exponentials
    number_of_classes = logits.shape[-1]
    biggest = logits[..., 0]
    for v in range(1, number_of_classes):
        biggest = torch.maximum(biggest, logits[..., v])
    biggest = biggest.detach()
    total = torch.zeros_like(biggest)
    chosen = torch.zeros_like(biggest)
    for v in range(number_of_classes):
        total = total + torch.exp(logits[..., v] - biggest)
        chosen = torch.where(targets == v, logits[..., v] - biggest, chosen)
    return torch.log(total) - chosen


def nll_kl_decomposition(p, logits):
    log_q = torch.log_softmax(logits, dim=-1)
    cross_entropy = torch.zeros_like(p[..., 0])
    entropy = torch.zeros_like(p[..., 0])
    for v in range(p.shape[-1]):
        p_v = p[..., v]
        cross_entropy = cross_entropy - p_v * log_q[..., v]
        # 0 log 0 = 0: look at the log only where p_v is positive
        is_zero = p_v == 0
        safe = torch.where(is_zero, torch.ones_like(p_v), p_v)
        entropy = entropy - p_v * torch.log(safe)
    kl = cross_entropy - entropy
    return cross_entropy, entropy, kl


def ridge_map(X, y, noise_var, prior_precision):
    # posterior precision  A = X'X / s^2 + lambda I
    # posterior mean       w = A^{-1} X'y / s^2
    number_of_features = X.shape[-1]
    X_transposed = torch.transpose(X, -2, -1)
    X_X = torch.matmul(X_transposed, X)
    X_y = torch.matmul(X_transposed, y.unsqueeze(-1))
    identity = torch.eye(number_of_features, dtype=X.dtype, device=X.device)
    A = X_X / noise_var + prior_precision * identity
    b = X_y / noise_var
    w = torch.linalg.solve(A, b)
    return w.squeeze(-1)


def map_objective(log_lik, params, prior_precision, dataset_size):
    minibatch_size = log_lik.shape[0]
    average_log_likelihood = torch.sum(log_lik) / minibatch_size
    sum_of_squares = torch.zeros((), dtype=log_lik.dtype, device=log_lik.device)
    for parameter in params:
        sum_of_squares = sum_of_squares + torch.sum(parameter * parameter)
    log_prior = -prior_precision / 2 * sum_of_squares
    log_prior_per_data_point = log_prior / dataset_size
    return -(average_log_likelihood + log_prior_per_data_point)
