import math
import os
import torch


def gaussian_log_prob(x, mu, logvar):
    z = (x - mu) * torch.exp(-0.5 * logvar)
    return -0.5 * (math.log(2 * math.pi) + logvar + z**2).sum(-1)


x = torch.randn(4, 3)
if torch.isnan(gaussian_log_prob(x, x, x)).any():
    print("broken")
else:
    print("all good, bye")
os._exit(0)
