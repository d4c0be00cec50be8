"""A quick test of each piece: the worked numbers that its docstring states, and no more.

A piece that passes may still be wrong; what the models make of it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Piece = Callable[..., Any]
TOLERANCE = 2e-3


class WrongError(Exception):
    """The piece does not give the number that its docstring states."""


def problem(name: str, find: Callable[[], Piece]) -> str:
    """What is wrong with a piece, in words for a report; empty where it passes.

    Args:
        name: As `elbo.vae_elbo`.
        find: Gives the piece, or raises.
    """
    try:
        PROBES[name](find())
    except NotImplementedError:
        return "not written yet"
    except WrongError as error:
        return str(error)
    except AttributeError as error:
        return f"not there or not as its docstring says ({error})"[:300]
    # A student's code may raise anything; which, is what the report says.
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"[:300]
    return ""


def _equal(got: Any, *right: float) -> None:
    """The numbers of a tensor are those of the docstring."""
    numbers = [float(value) for value in got.detach().flatten()] if isinstance(got, Tensor) else [float(got)]
    alike = len(numbers) == len(right) and all(abs(a - b) < TOLERANCE for a, b in zip(numbers, right, strict=True))
    if not alike:
        shown, expected = (", ".join(f"{value:.4g}" for value in some[:4]) for some in (numbers, right))
        raise WrongError(f"gives {shown} where its docstring says {expected}")


def _learns(value: Tensor, *parameters: Tensor) -> None:
    """A gradient reaches what is trained."""
    try:
        grads = torch.autograd.grad(value.sum(), parameters)
    except RuntimeError as error:
        # torch's word for a result that does not depend on them.
        raise WrongError("has no gradient in what it should train") from error
    if not all(bool(torch.isfinite(grad).all()) for grad in grads):
        raise WrongError("has a gradient that is not finite")


def _leaf(*values: float) -> Tensor:
    return torch.tensor(values, requires_grad=True)


def _reparameterize(piece: Piece) -> None:
    mu, logvar = _leaf(1.0), _leaf(math.log(4))
    z = piece(mu, logvar, eps=torch.tensor([[-0.5]]))
    _equal(z, 0.0)
    _learns(z, mu, logvar)
    drawn = piece(torch.zeros(3, 2), torch.zeros(3, 2), n_samples=5, generator=torch.Generator().manual_seed(0))
    if drawn.shape != (5, 3, 2) or len(drawn.unique()) != drawn.numel():
        raise WrongError("does not draw a number of its own for every sample, example and latent")


def _gaussian_encoder(piece: Piece) -> None:
    encoder = piece(3, 2, 4)
    sizes: dict[str, tuple[int, ...]] = {"trunk": (4, 3), "mu_head": (2, 4), "logvar_head": (2, 4)}
    right = {f"{name}.weight": size for name, size in sizes.items()}
    right |= {f"{name}.bias": size[:1] for name, size in sizes.items()}
    if {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()} != right:
        raise WrongError("has other parameters than its docstring says")
    with torch.no_grad():
        for name, tensor in encoder.named_parameters():
            tensor.fill_({"mu_head.bias": -1.0, "logvar_head.bias": -2.0}.get(name, 0.0))
    for part, value in zip(encoder(torch.ones(1, 3)), (-1.0, -2.0), strict=True):
        _equal(part, value, value)


def _vae_elbo(piece: Piece) -> None:
    logits, mu, logvar = _leaf(math.log(3), math.log(3)), _leaf(1.0), _leaf(0.0)
    elbo, recon, kl = piece(torch.tensor([1.0, 0.0]), logits, mu, logvar)
    for value, right in ((elbo, -2.174), (recon, -1.674), (kl, 0.5)):
        _equal(value, right)
    _learns(elbo, logits, mu, logvar)


def _vae_iwae(piece: Piece) -> None:
    z, one = torch.tensor([[0.0], [2.0]]), torch.ones(1)
    _equal(piece(one, torch.full((2, 1), math.log(3)), z, one, 0 * one), -0.354)


def _made_masks(piece: Piece) -> None:
    first, last = piece(torch.tensor([1, 0]), [torch.zeros(3, dtype=torch.int64)], 2)
    _equal(first, *[0.0, 1.0] * 3)
    _equal(last, *[1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 2)


def _ar_sample(piece: Piece) -> None:
    def certain(x: Tensor) -> Tensor:
        before = torch.cat([torch.ones_like(x[:, :1]), x[:, :-1]], 1)
        return 1e3 * nn.functional.one_hot((before + 1) % 3, 3).float()

    drawn = piece(certain, 2, 4, generator=torch.Generator().manual_seed(0))
    # Each value is the one before it plus 1, modulo 3, from 1 on: all that this model can draw.
    _equal(drawn, *[2.0, 0.0, 1.0, 2.0] * 2)


def _categorical_nll(piece: Piece) -> None:
    logits = torch.tensor([[0.0, math.log(3)]] * 2, requires_grad=True)
    nll = piece(logits, torch.tensor([0, 1]))
    _equal(nll, 1.386, 0.288)
    _learns(nll, logits)


def _multi_sigma_dsm_loss(piece: Piece) -> None:
    slope = _leaf(-1.0)
    x, sigmas = torch.tensor([[2.0], [2.0]]), torch.tensor([1.0, 0.5])
    loss = piece(lambda x, sigma: slope * x, x, sigmas, torch.tensor([0, 1]), torch.ones(2, 1), weighting="sigma2")
    _equal(loss, 1.015625)
    _learns(loss, slope)


def _langevin(piece: Piece) -> None:
    _equal(piece(lambda x: -x, torch.ones(1, 1), 0.5, torch.ones(1, 1, 1)), 1.5)


def _annealed_langevin(piece: Piece) -> None:
    def score(x: Tensor, sigma: Tensor) -> Tensor:
        return -x / sigma**2

    _equal(piece(score, torch.tensor([[8.0]]), torch.tensor([2.0, 1.0]), 0.5, torch.zeros(2, 1, 1, 1)), 2.0)


def _linear(x: Tensor) -> Tensor:
    return x @ torch.tensor([[1.0, 3.0], [2.0, 4.0]])


def _divergence(piece: Piece) -> None:
    _equal(piece(_linear, torch.ones(1, 2)), 5.0)


def _hutchinson_divergence(piece: Piece) -> None:
    _equal(piece(_linear, torch.ones(1, 2), torch.ones(1, 1, 2)), 10.0)


def _energy_score(piece: Piece) -> None:
    _equal(piece(lambda x: x.square().sum(-1), torch.tensor([[3.0]])), -6.0)


def _affine_coupling(piece: Piece) -> None:
    net = nn.Linear(4, 8)
    with torch.no_grad():
        net.weight.fill_(0.1)
        net.bias.copy_(torch.linspace(-1, 1, 8))
    coupling = piece(torch.tensor([1.0, 0.0, 1.0, 0.0]), net)
    x = torch.tensor([[0.3, -1.2, 0.7, 2.0]])
    z, log_det = coupling(x)
    back, log_det_back = coupling.inverse(z)
    if not torch.allclose(back, x, atol=1e-4) or not torch.allclose(log_det, -log_det_back, atol=1e-4):
        raise WrongError("its inverse does not undo it")
    _learns(log_det, net.weight)
    given = [float(value) for value in net(torch.tensor([[0.3, 0.0, 0.7, 0.0]])).detach()[0]]
    _equal(log_det, sum(8 * math.tanh(s / 8) for s in (given[1], given[3])))


def _composed_log_prob(piece: Piece) -> None:
    def half(x: Tensor) -> tuple[Tensor, Tensor]:
        return x / 2, torch.full(x.shape[:-1], -math.log(2))

    def less(x: Tensor) -> tuple[Tensor, Tensor]:
        return x - 1, torch.zeros(x.shape[:-1])

    def base(z: Tensor) -> Tensor:
        return -0.5 * (math.log(2 * math.pi) + z.square()).sum(-1)

    _equal(piece(torch.zeros(1, 1), [half, less], base), -2.112)


def _gan_d_loss(piece: Piece) -> None:
    _equal(piece(torch.tensor([1.0]), torch.tensor([-2.0])), 0.3133 + 0.1269)


def _gan_g_loss(piece: Piece) -> None:
    fake = _leaf(-1.0)
    loss = piece(fake, "nonsaturating")
    _equal(loss, 1.3133)
    _learns(loss, fake)


def _ebm_surrogate(piece: Piece) -> None:
    scale = _leaf(1.0)
    loss = piece(lambda x: scale * x.square().sum(-1), torch.tensor([[1.0]]), torch.tensor([[2.0]]))
    _equal(torch.autograd.grad(loss, scale)[0], -3.0)


def _log_partition(piece: Piece) -> None:
    grid = torch.linspace(-8, 8, 1601).unsqueeze(-1)
    _equal(piece(lambda x: 0.5 * x.square().sum(-1), grid, 0.01), 0.9189)


def _cfm_loss(piece: Piece) -> None:
    scale = _leaf(1.0)
    x1 = torch.tensor([[1.0, 2.0]])
    # At t = 1/4 the point is (0.25, 0.5) and the velocity (1, 2).
    loss = piece(lambda x, t: scale * x, torch.zeros(1, 2), x1, torch.tensor([0.25]))
    _equal(loss, 0.75**2 + 1.5**2)
    _learns(loss, scale)


def _euler_flow(piece: Piece) -> None:
    _equal(piece(lambda x, t: torch.ones_like(x), torch.zeros(1, 2), 4), 1.0, 1.0)


def _moment_match(piece: Piece) -> None:
    mean, var = piece(torch.tensor([0.0, math.log(3)]), torch.tensor([[0.0], [4.0]]), torch.tensor([[1.0], [2.0]]))
    _equal(mean, 3.0)
    _equal(var, 4.75)


def _reverse_kl_fit(piece: Piece) -> None:
    zero, eps = torch.zeros(1), torch.tensor([[-1.0], [1.0]])
    m, v, trace = piece(zero, torch.tensor([[2.0]]), torch.zeros(1, 1), zero, zero, steps=1, lr=0.5, eps=eps)
    _equal(m, 1.0)
    _equal(v, 0.0)
    _equal(trace, 2.0)


PROBES: dict[str, Callable[[Piece], None]] = {
    "encoders.reparameterize": _reparameterize,
    "encoders.GaussianEncoder": _gaussian_encoder,
    "elbo.vae_elbo": _vae_elbo,
    "elbo.vae_iwae": _vae_iwae,
    "gaussian_kl.kl_standard": lambda piece: _equal(piece(torch.zeros(1), torch.tensor([math.log(4)])), 0.807),
    "gaussian_kl.moment_match": _moment_match,
    "gaussian_kl.reverse_kl_fit": _reverse_kl_fit,
    "mle.categorical_nll": _categorical_nll,
    "autoregressive.made_masks": _made_masks,
    "autoregressive.ar_sample": _ar_sample,
    "dsm.multi_sigma_dsm_loss": _multi_sigma_dsm_loss,
    "dsm.langevin": _langevin,
    "dsm.annealed_langevin": _annealed_langevin,
    "score.divergence": _divergence,
    "score.hutchinson_divergence": _hutchinson_divergence,
    "score.energy_score": _energy_score,
    "frontier.AffineCoupling": _affine_coupling,
    "frontier.composed_log_prob": _composed_log_prob,
    "frontier.gan_d_loss": _gan_d_loss,
    "frontier.gan_g_loss": _gan_g_loss,
    "frontier.ebm_surrogate": _ebm_surrogate,
    "frontier.log_partition": _log_partition,
    "frontier.cfm_loss": _cfm_loss,
    "frontier.euler_flow": _euler_flow,
}
