"""More wrong answers to enc.2, taken over from other encoders, and their sentences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grader.question import Twin
from reference.encoders._encoder_mistakes import _BOUNDED, _LIMIT, _SCALE, _SHAPE, _TANH

Pair = tuple[Tensor, Tensor]


class UsesGelu(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = nn.functional.gelu(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden)


class PutsTanhOnBoth(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return torch.tanh(self.mu_head(hidden)), torch.tanh(self.logvar_head(hidden))


class PutsTanhOnLogvar(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), torch.tanh(self.logvar_head(hidden))


class ClampsLogvarFurtherOut(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden).clamp(-20, 20)


class TakesTheHeadForLogSigma(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), 2 * self.logvar_head(hidden)


class TakesTheHeadForTheStandardDeviation(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), torch.log(self.logvar_head(hidden).square())


class ViewsTheFirstDimensionAsTheBatch(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x.view(x.shape[0], -1)))
        return self.mu_head(hidden), self.logvar_head(hidden)


class FlattensAllButTheFirst(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(torch.flatten(x, 1)))
        return self.mu_head(hidden), self.logvar_head(hidden)


SENTENCES: dict[type[nn.Module] | Twin, str] = {
    UsesGelu: _TANH,
    Twin(UsesGelu, "UsesLeakyRelu", "nn.functional.gelu", "nn.functional.leaky_relu"): _TANH,
    Twin(UsesGelu, "UsesElu", "nn.functional.gelu", "nn.functional.elu"): _TANH,
    Twin(UsesGelu, "UsesSilu", "nn.functional.gelu", "nn.functional.silu"): _TANH,
    Twin(UsesGelu, "UsesSoftplus", "nn.functional.gelu", "nn.functional.softplus"): _TANH,
    Twin(UsesGelu, "UsesSigmoid", "nn.functional.gelu", "torch.sigmoid"): (
        "Between which values does a unit of your hidden layer lie, and between which one of the layer that was asked "
        "for?"
    ),
    PutsTanhOnBoth: _BOUNDED,
    PutsTanhOnLogvar: _LIMIT,
    ClampsLogvarFurtherOut: _LIMIT,
    Twin(ClampsLogvarFurtherOut, "ClampsLogvarAsLatentDiffusionDoes", "clamp(-20, 20)", "clamp(-30, 20)"): _LIMIT,
    TakesTheHeadForLogSigma: _SCALE,
    TakesTheHeadForTheStandardDeviation: _SCALE,
    ViewsTheFirstDimensionAsTheBatch: _SHAPE,
    FlattensAllButTheFirst: _SHAPE,
}
