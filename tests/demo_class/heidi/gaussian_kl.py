import torch

# variances are parameters, not things to differentiate


def kl_standard(mu, logvar):
    sigma2 = logvar.exp().detach()
    return 0.5 * (mu * mu + sigma2 - 1 - logvar).sum(-1)


def kl_diag(mu_q, logvar_q, mu_p, logvar_p):
    log_ratio = logvar_q - logvar_p
    square = (mu_q - mu_p) ** 2 * torch.exp(-logvar_p)
    return 0.5 * (square + log_ratio.exp() - 1 - log_ratio).sum(-1)
