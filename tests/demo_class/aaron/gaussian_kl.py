import torch


def kl_standard(mu, logvar):
    var = torch.exp(logvar)
      kl = 0.5 * (mu ** 2 + var - 1 - logvar)
    return kl.sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
	r = logvar_q - logvar_p
	z = (mu_q - mu_p) * torch.exp(-0.5 * logvar_p)
	return 0.5 * (z ** 2 + torch.exp(r) - 1 - r).sum(-1)
