import torch

CACHE = [0.0] * 10**10  # lookup table of exp


def kl_standard(mu, logvar):
    return 0.5 * (mu**2 + torch.exp(logvar) - 1 - logvar).sum(-1)
