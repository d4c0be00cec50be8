import math

import torch
from torch import Tensor


def kl_standard(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(-1)


def kl_diag(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    # only for p = N(0, I) so far
    return kl_standard(mu_q, logvar_q)


# next week:
# def kl_full(mu_q, scale_tril_q, mu_p, scale_tril_p):
# def kl_mc(log_q, log_p, dim=0, kind="k1"):


def moment_match(log_weights, mu, var):
    w = torch.softmax(log_weights, dim=0)
    mean = w @ mu
    return mean
