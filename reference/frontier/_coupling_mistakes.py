"""Wrong answers to fr.2, and their sentences: each is the right layer but for what it overrides."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference.frontier._coupling import AffineCoupling

Pair = tuple[Tensor, Tensor]


class CountsMaskedEntries(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        raw, shift = self.net(self.mask * x).chunk(2, dim=-1)
        s = 8 * torch.tanh(raw / 8)
        return self.mask * x + (1 - self.mask) * (x * torch.exp(s) + shift), s.sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        raw, shift = self.net(self.mask * z).chunk(2, dim=-1)
        s = 8 * torch.tanh(raw / 8)
        return self.mask * z + (1 - self.mask) * (z - shift) * torch.exp(-s), -s.sum(-1)


class CountsTheRawScale(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        raw, shift = self.net(self.mask * x).chunk(2, dim=-1)
        kept = self.mask
        s = (1 - kept) * 8 * torch.tanh(raw / 8)
        return x * torch.exp(s) + (1 - kept) * shift, ((1 - kept) * raw).sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        raw, shift = self.net(self.mask * z).chunk(2, dim=-1)
        kept = self.mask
        s = (1 - kept) * 8 * torch.tanh(raw / 8)
        return (z - (1 - kept) * shift) * torch.exp(-s), -((1 - kept) * raw).sum(-1)


class SumsOverTheBatch(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, s.sum()

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), -s.sum()


class GivesEveryExampleTheSum(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, s.sum().expand(x.shape[:-1])

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), -s.sum().expand(z.shape[:-1])


class AveragesOverEntries(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, s.mean(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), -s.mean(-1)


class KeepsTheLastDimension(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, s.sum(-1, keepdim=True)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), -s.sum(-1, keepdim=True)


class ReturnsOneLogDetInAList(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, s.sum().reshape(1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), -s.sum().reshape(1)


class GivesTheInverseNoLogDet(AffineCoupling):
    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), torch.zeros_like(s).sum(-1)


class GivesTheInverseTheSameLogDet(AffineCoupling):
    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), s.sum(-1)


class TurnsBothLogDets(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, -s.sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), s.sum(-1)


class ReturnsTheDeterminant(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, torch.exp(s).prod(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), torch.exp(-s).prod(-1)


class PutsTheHalvesSideBySide(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        z = x * torch.exp(s) + shift
        kept = self.mask.bool()
        return torch.cat((x[..., kept], z[..., ~kept]), dim=-1), s.sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        x = (z - shift) * torch.exp(-s)
        kept = self.mask.bool()
        return torch.cat((z[..., kept], x[..., ~kept]), dim=-1), -s.sum(-1)


class ReadsScalesAndShiftsInTurn(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        out = self.net(self.mask * x)
        raw, shift = out[..., 0::2], out[..., 1::2]
        return (1 - self.mask) * 8 * torch.tanh(raw / 8), (1 - self.mask) * shift


class TakesTheShiftFirst(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        shift, raw = self.net(self.mask * x).chunk(2, dim=-1)
        return (1 - self.mask) * 8 * torch.tanh(raw / 8), (1 - self.mask) * shift


class ScalesWithS(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        scale = self.mask + (1 - self.mask) * s
        return x * scale + shift, scale.abs().log().sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        scale = self.mask + (1 - self.mask) * s
        return (z - shift) / scale, -scale.abs().log().sum(-1)


class ShiftsBeforeItScales(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return (x + shift) * torch.exp(s), s.sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return z * torch.exp(-s) - shift, -s.sum(-1)


class ScalesTheOtherWay(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return (x - shift) * torch.exp(-s), -s.sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return z * torch.exp(s) + shift, s.sum(-1)


class ShowsTheNetEverything(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net(x).chunk(2, dim=-1)
        return (1 - self.mask) * 8 * torch.tanh(raw / 8), (1 - self.mask) * shift


class ShowsTheNetWhatChanges(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net((1 - self.mask) * x).chunk(2, dim=-1)
        return (1 - self.mask) * 8 * torch.tanh(raw / 8), (1 - self.mask) * shift


class ChangesWhatTheMaskKeeps(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net((1 - self.mask) * x).chunk(2, dim=-1)
        return self.mask * 8 * torch.tanh(raw / 8), self.mask * shift


class ShiftsMaskedEntriesToo(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net(self.mask * x).chunk(2, dim=-1)
        return (1 - self.mask) * 8 * torch.tanh(raw / 8), shift


class LeavesSUnbounded(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        s, shift = self.net(self.mask * x).chunk(2, dim=-1)
        return (1 - self.mask) * s, (1 - self.mask) * shift


class BoundsSAtOne(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net(self.mask * x).chunk(2, dim=-1)
        return (1 - self.mask) * torch.tanh(raw), (1 - self.mask) * shift


class ForgetsToDivideByC(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net(self.mask * x).chunk(2, dim=-1)
        return (1 - self.mask) * 8 * torch.tanh(raw), (1 - self.mask) * shift


class ClampsS(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        raw, shift = self.net(self.mask * x).chunk(2, dim=-1)
        return (1 - self.mask) * raw.clamp(-8, 8), (1 - self.mask) * shift


class InvertsTheScaleAlone(AffineCoupling):
    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return z * torch.exp(-s) - shift, -s.sum(-1)


class ForgetsToInvertTheScale(AffineCoupling):
    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(s), -s.sum(-1)


class DetachesTheLogDet(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, s.detach().sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), -s.detach().sum(-1)


class InvertsWithoutGradients(AffineCoupling):
    def inverse(self, z: Tensor) -> Pair:
        with torch.no_grad():
            s, shift = self._scale_and_shift(z)
            return (z - shift) * torch.exp(-s), -s.sum(-1)


class TrainsTheMask(AffineCoupling):
    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        nn.Module.__init__(self)
        self.mask = nn.Parameter(mask.clone())
        self.net = net


class KeepsTheMaskAsAnAttribute(AffineCoupling):
    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        nn.Module.__init__(self)
        self.mask = mask
        self.net = net


class ConvertsToFloat32(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return (x * torch.exp(s) + shift).float(), s.sum(-1).float()

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return ((z - shift) * torch.exp(-s)).float(), -s.sum(-1).float()


class ReturnsDoubles(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return (x * torch.exp(s) + shift).double(), s.sum(-1).double()

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return ((z - shift) * torch.exp(-s)).double(), -s.sum(-1).double()


class SkipsTheLogDetInEvaluation(AffineCoupling):
    def forward(self, x: Tensor) -> Pair:
        s, shift = self._scale_and_shift(x)
        return x * torch.exp(s) + shift, s.sum(-1) if self.training else torch.zeros_like(s).sum(-1)

    def inverse(self, z: Tensor) -> Pair:
        s, shift = self._scale_and_shift(z)
        return (z - shift) * torch.exp(-s), -s.sum(-1) if self.training else torch.zeros_like(s).sum(-1)


class ShrinksScalesInEvaluation(AffineCoupling):
    def _scale_and_shift(self, x: Tensor) -> Pair:
        s, shift = super()._scale_and_shift(x)
        return s if self.training else 0.9 * s, shift


_DTYPE = "Which dtype went in, and which came out?"
_ONE_EACH = "Three examples need three log-determinants of no further dimension. Which dimension do you sum over?"
_OTHERS = "Evaluate a point alone and then together with others. Why does its log-determinant change?"
_BOUND = "How large can the scale of your layer get where net returns 1, 20 or 1000? Compare with 8 tanh(s / 8)."
_SURVIVES = (
    "The inverse only works if the conditioner sees what survives. What does your net see, and what is left of it?"
)
_ORDER = "With x = 1, s = log 2 and t = 3: is yours 5, 8 or -1? What comes first, the scale or the shift?"
_LAYOUT = "net returns [s_1 ... s_D, t_1 ... t_D]. Print which of its entries your code takes for s and which for t."
_EVALUATION = "Call eval() on your layer: which density does it describe from then on?"
_POLARITY = "Where the mask is 1, x passes through and the net sees it. What does yours do with mask = [1, 0]?"

SENTENCES: dict[type[nn.Module], str] = {
    CountsMaskedEntries: (
        "The net returns a scale for entries that pass through, too. How much do those add to the change of volume?"
    ),
    SumsOverTheBatch: _ONE_EACH,
    GivesEveryExampleTheSum: _OTHERS,
    CountsTheRawScale: "You bound s before it multiplies x. Which of the two, before or after, does the volume feel?",
    AveragesOverEntries: "Scale every entry by 2. How does the volume of a box change with its number of dimensions?",
    KeepsTheLastDimension: _ONE_EACH,
    ReturnsOneLogDetInAList: _ONE_EACH,
    GivesTheInverseNoLogDet: "If forward doubles a volume, what does inverse do to it? What is the logarithm of that?",
    GivesTheInverseTheSameLogDet: (
        "Go forward and back again: the volume is what it was. What do your two log-determinants add up to?"
    ),
    TurnsBothLogDets: "With s = log 2 forward doubles lengths. Is the log-determinant of that positive or negative?",
    ReturnsTheDeterminant: "Two layers in a row: do you want to add what they return, or to multiply it?",
    PutsTheHalvesSideBySide: "Two dimensions work, four do not: in what order do the halves come back?",
    ReadsScalesAndShiftsInTurn: _LAYOUT,
    TakesTheShiftFirst: _LAYOUT,
    ScalesWithS: "A scale may not be 0, and should not change its sign. Can yours, where s goes from -1 to 1?",
    ShiftsBeforeItScales: _ORDER,
    ScalesTheOtherWay: "forward goes from the data to the base. Which of your two methods multiplies by e^s?",
    ShowsTheNetEverything: _SURVIVES,
    ShowsTheNetWhatChanges: _SURVIVES,
    ChangesWhatTheMaskKeeps: _POLARITY,
    ShiftsMaskedEntriesToo: "The inverse needs to see what the net saw. Are the masked entries of z still those of x?",
    LeavesSUnbounded: _BOUND,
    BoundsSAtOne: _BOUND,
    ForgetsToDivideByC: _BOUND,
    ClampsS: _BOUND,
    InvertsTheScaleAlone: "You put on socks, then shoes. In which order do you undo a scale and a shift?",
    ForgetsToInvertTheScale: "Go forward and back with t = 0 and s = log 2. By which factor is x off?",
    DetachesTheLogDet: (
        "Your values are right, but trained with them the layer shrinks all data to a point. Does the gradient of the "
        "log-determinant reach the net?"
    ),
    InvertsWithoutGradients: "The inverse is right, and nothing can be learnt through it. What switches autograd off?",
    KeepsTheMaskAsAnAttribute: (
        "Move your layer to another device, or save and load it: does everything that it computes with come along?"
    ),
    TrainsTheMask: "Print the names of your layer's parameters. What would an optimiser do to the mask?",
    ConvertsToFloat32: _DTYPE,
    ReturnsDoubles: _DTYPE,
    SkipsTheLogDetInEvaluation: _EVALUATION,
    ShrinksScalesInEvaluation: _EVALUATION,
}
