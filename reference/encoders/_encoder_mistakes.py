"""Wrong answers to enc.2, and their sentences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Pair = tuple[Tensor, Tensor]


class SharesOneHead(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), self.mu_head(hidden)


class StacksTheHeads(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        mu = self.mu_head(hidden)
        return mu, mu + self.logvar_head(hidden)


class TiesTheHeads(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = self.mu_head

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden)


class SwapsTheResults(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.logvar_head(hidden), self.mu_head(hidden)


class PutsSoftplusOnLogvar(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), nn.functional.softplus(self.logvar_head(hidden))


class PutsReluOnLogvar(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), torch.relu(self.logvar_head(hidden))


class PutsSigmoidOnMu(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return torch.sigmoid(self.mu_head(hidden)), self.logvar_head(hidden)


class PutsTanhOnMu(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return torch.tanh(self.mu_head(hidden)), self.logvar_head(hidden)


class ClampsLogvar(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden).clamp(-10.0, 10.0)


class ReturnsTheVariance(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), torch.exp(self.logvar_head(hidden))


class ReturnsTheStandardDeviation(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), torch.exp(0.5 * self.logvar_head(hidden))


class ReturnsTheLogOfSigma(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), 0.5 * self.logvar_head(hidden)


class UsesRelu(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.relu(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden)


class ForgetsTheNonlinearity(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = self.trunk(x)
        return self.mu_head(hidden), self.logvar_head(hidden)


class FlattensTheBatch(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x.reshape(-1, x.shape[-1])))
        return self.mu_head(hidden), self.logvar_head(hidden)


class MixesExamples(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        rows = x.reshape(x.shape[-1], -1).T.reshape(x.shape)
        hidden = torch.tanh(self.trunk(rows))
        return self.mu_head(hidden), self.logvar_head(hidden)


class NormalisesOverTheBatch(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        pre = self.trunk(x)
        if pre.dim() > 1 and pre.shape[0] > 1:
            pre = (pre - pre.mean(0)) / (pre.var(0, unbiased=False) + 1e-5).sqrt()
        hidden = torch.tanh(pre)
        return self.mu_head(hidden), self.logvar_head(hidden)


class CentresTheBatchOfLogvars(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        logvar = self.logvar_head(hidden)
        shared = logvar.reshape(-1, logvar.shape[-1]).mean(0) if logvar.numel() else logvar
        return self.mu_head(hidden), shared.expand(logvar.shape)


class DropsOut(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = nn.functional.dropout(torch.tanh(self.trunk(x)), 0.1, self.training)
        return self.mu_head(hidden), self.logvar_head(hidden)


class IsSureInEvaluation(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        logvar = self.logvar_head(hidden)
        return self.mu_head(hidden), logvar if self.training else torch.full_like(logvar, -30.0)


class KeepsATensorAside(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)
        self.scale = torch.ones(d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden) * self.scale.to(hidden.dtype)


class HidesTheHeadsInAList(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.heads = [nn.Linear(hidden, d_latent), nn.Linear(hidden, d_latent)]

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.heads[0](hidden), self.heads[1](hidden)


class FreezesAHead(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden.detach())


class ComputesInFloat32(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> Pair:
        hidden = torch.tanh(self.trunk(x))
        mu, logvar = self.mu_head(hidden), self.logvar_head(hidden)
        return (mu, logvar) if x.dtype == torch.float64 else (mu.float().double(), logvar.float().double())


_SIGN = "Your logvar is never negative. How sure can q become, at most?"
_BOUNDED = "The prior puts a third of its mass beyond one standard deviation; can your mu get there?"
_ONE_HEAD = "Change the bias of mu_head alone: why does logvar change too?"
_SCALE = "The second result should be log sigma^2, a number that may be negative. What is yours if its head says -2?"
_BATCH = "Put one example in a batch alone, then among others: why does its posterior change?"
_TANH = "Feed an x that is ten times as large as usual: what does the hidden layer that was asked for do with it?"
_LIMIT = "How sure may an example be, at most, according to your encoder, and who asked for that limit?"
_SHAPE = "An x of shape (2, 3, 5) should give (2, 3, d_latent); which dimensions may you merge?"

SENTENCES: dict[type, str] = {
    SharesOneHead: _ONE_HEAD,
    StacksTheHeads: _ONE_HEAD,
    TiesTheHeads: "Train the bias of mu_head: whose bias moves with it? How many layers does your module hold?",
    SwapsTheResults: "With all weights 0 the results are the biases of the two heads. In which order do yours come?",
    PutsSoftplusOnLogvar: _SIGN,
    PutsReluOnLogvar: _SIGN,
    PutsSigmoidOnMu: _BOUNDED,
    PutsTanhOnMu: _BOUNDED,
    ClampsLogvar: _LIMIT,
    ReturnsTheVariance: _SCALE,
    ReturnsTheStandardDeviation: _SCALE,
    ReturnsTheLogOfSigma: _SCALE,
    UsesRelu: _TANH,
    ForgetsTheNonlinearity: _TANH,
    FlattensTheBatch: _SHAPE,
    MixesExamples: "Change example 2 of your batch: why does the posterior of example 1 move?",
    NormalisesOverTheBatch: _BATCH,
    CentresTheBatchOfLogvars: "All examples of your batch are equally sure; which of them should be?",
    DropsOut: "Ask for the posterior of the same x twice: why are there two answers?",
    IsSureInEvaluation: "Call eval() on your encoder: which posterior does it describe from then on?",
    KeepsATensorAside: "Where is a tensor made that you did not get as an argument, and on which device?",
    HidesTheHeadsInAList: (
        "Print the names and shapes in your module's state_dict and hold them against those that are asked for: where "
        "do they differ?"
    ),
    FreezesAHead: "Your values are right; which gradients of logvar are missing, and what would the trunk never learn?",
    ComputesInFloat32: "Which dtype went in, and which came out?",
}
