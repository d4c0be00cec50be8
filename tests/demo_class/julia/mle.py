# Devoir 1, Júlia Fernández. Écart-type et non variance: à vérifier!
import math
import torch


def gaussian_log_prob(x, mu, logvar):
    # densité gaussienne
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + z ** 2).sum(-1)
