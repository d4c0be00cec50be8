"""fr.2: an affine coupling layer (Dinh et al. 2017, section 3).

z = m x + (1 - m) (x e^s + t),  (s, t) = net(m x) with s bounded by 8 tanh(s / 8);  log|det dz/dx| = sum (1 - m) s
"""

from __future__ import annotations

import math
from collections.abc import Callable

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor, nn

from grader.compare import Tolerance, assert_value, expect
from grader.families import described
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    answer,
    arguments,
    asked,
    cotangents_like,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    of_module,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from grader.worker.described import Described
from reference.frontier._coupling import AffineCoupling
from reference.frontier._coupling_mistakes import SENTENCES

Pair = tuple[Tensor, Tensor]

question = Question(id="fr.2", functions=["AffineCoupling"], title="An affine coupling layer")
question.oracle(AffineCoupling)

SIZES = (1, 2, 5, 7)
HIDDEN = 4
METHODS = ("forward", "inverse")


def a_mask(source: Numbers, dim: int) -> Tensor:
    """Zeros and ones in no order, of each at least one; of one entry, which has to change, a zero."""
    mask = source.integers((dim,), low=0, high=2).to(torch.float64)
    place = int(source.integers((), low=0, high=dim))
    mask[(place + 1) % dim] = 1.0
    mask[place] = 0.0
    return mask


def parts(source: Numbers, dim: int, *, scale: float = 1.0) -> tuple[Tensor, dict[str, Tensor]]:
    """A mask, and the weights and biases of a net, as the layer's state names them."""
    shapes: dict[str, Shape] = {
        "net.0.weight": (HIDDEN, dim),
        "net.0.bias": (HIDDEN,),
        "net.2.weight": (2 * dim, HIDDEN),
        "net.2.bias": (2 * dim,),
    }
    return a_mask(source, dim), {name: source.normal(shape, scale=scale) for name, shape in shapes.items()}


def layer(mask: Tensor, weights: dict[str, Tensor]) -> Arguments:
    """What the layer is built with: a mask and a net."""
    net = described(
        "mlp",
        weights=[weights[f"net.{i}.weight"] for i in (0, 2)],
        biases=[weights[f"net.{i}.bias"] for i in (0, 2)],
    )
    return arguments(mask, net)


@st.composite
def couplings(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = BATCH_SHAPES,
    sizes: tuple[int, ...] = SIZES,
    methods: tuple[str, ...] = METHODS,
    loaded: bool = False,
) -> Arguments:
    """One call of a method of a layer; with `loaded`, of one that computes with a state that is given to it."""
    source, dim = draw(numbers()), draw(st.sampled_from(sizes))
    mask, weights = parts(source, dim)
    x = source.normal((*draw(st.sampled_from(batch_shapes)), dim), scale=1.5)
    state = {"mask": mask, **weights} if loaded else None
    return of_module(layer(mask, weights), state, x, method=draw(st.sampled_from(methods)))


# A sum of scales may cancel; wrong answers differ by 1e-3 and more.
CANCELLED = Tolerance(rtol=1e-6, atol=1e-6)


def gives_the_right(part: int, method: str) -> Callable[..., None]:
    """One of the two results is right, whatever the other one is."""

    @given(inputs=couplings(methods=(method,)))
    def check(student: Student, inputs: Arguments) -> None:
        got = asked(student, inputs)(*inputs.args)
        assert_value(got[part], answer(AffineCoupling, inputs)[part], tolerance=CANCELLED)

    return check


values = tuple(
    question.check("value", points=points, name=name, description=description)(gives_the_right(part, method))
    for points, name, part, method, description in (
        (2.0, "z", 0, "forward", "forward gives the right z."),
        (1.5, "log_det", 1, "forward", "forward gives log|det dz/dx| of each example."),
        (1.5, "x", 0, "inverse", "inverse gives the right x."),
        (1.0, "log_det_of_inverse", 1, "inverse", "inverse gives log|det dx/dz| of each example."),
    )
)

question.check("precision", points=0.75, requires=values)(keeps_precision(AffineCoupling, couplings()))

# Of one entry, log-determinants do not depend on it: any is as good there.
for method, points in (("forward", 1.0), ("inverse", 0.75)):
    question.check(
        "gradient",
        points=points,
        name=f"gradient_of_{method}",
        description=f"{method} has the right gradient in its input.",
    )(gradients_match(AffineCoupling, couplings(methods=(method,), sizes=SIZES[1:]), tolerance=CANCELLED))


def trains_through(method: str) -> Callable[..., None]:
    """The gradients of a method in the net's parameters, which the state names."""

    @given(inputs=couplings(methods=(method,), sizes=SIZES[1:], loaded=True), source=numbers())
    def check(student: Student, inputs: Arguments, source: Numbers) -> None:
        weights = cotangents_like(answer(AffineCoupling, inputs), source)
        names = list(inputs.args[0])
        # Other names than the right layer's are refused: a mask among them would be trained.
        student.AffineCoupling.build(*mask_and_net(inputs)).parameters()
        of_mask = names.index("mask")
        got = asked(student, inputs).vjp(inputs.args, weights)
        right = oracle_vjp(AffineCoupling, inputs, weights)
        # The mask is given and not learnt: what its gradient would be is nobody's business.
        kept = [i for i in range(len(names)) if i != of_mask]
        assert_value(tuple(got[i] for i in kept), tuple(right[i] for i in kept), tolerance=CANCELLED)

    return check


for method, points in (("forward", 0.75), ("inverse", 0.5)):
    question.check(
        "gradient",
        points=points,
        name=f"training_through_{method}",
        description=f"With loaded parameters and mask, gradients through {method} reach the net.",
    )(trains_through(method))


def mask_and_net(inputs: Arguments) -> tuple[Tensor, Described]:
    """What the layer of a call is built with."""
    assert inputs.construct is not None
    mask, net = inputs.construct[0]
    return mask, net


@question.check("law", points=0.25)
@given(inputs=couplings())
def check_round_trip(student: Student, inputs: Arguments) -> None:
    """forward and then inverse, or inverse and then forward, leads back to where it began."""
    (start,) = inputs.args
    module = student.AffineCoupling.build(*mask_and_net(inputs))
    there, back = inputs.method, "inverse" if inputs.method == "forward" else "forward"
    moved, _ = module.method(there)(start)
    expect(bool((moved != start).any()), "the layer leaves everything as it is.")
    returned, _ = module.method(back)(moved)
    assert_value(returned, start, tolerance=CANCELLED)


@question.check("law", points=0.25)
@given(inputs=couplings(methods=("forward",)))
def check_log_dets_are_opposite(student: Student, inputs: Arguments) -> None:
    """At z = forward(x), inverse has minus the log-determinant that forward has at x."""
    module = student.AffineCoupling.build(*mask_and_net(inputs))
    z, log_det = module(*inputs.args)
    _, back = module.method("inverse")(z)
    expect(log_det != 0, "a log-determinant is zero where the layer changes volumes.")
    assert_value(back, -log_det, tolerance=CANCELLED)


@question.check("law", points=0.25, examples=3)
@given(inputs=couplings(batch_shapes=((),)))
def check_log_det_is_that_of_the_jacobian(student: Student, inputs: Arguments) -> None:
    """The log-determinant is that of the matrix of derivatives of the method's own result."""
    method, (x,) = asked(student, inputs), inputs.args
    none = torch.zeros((), dtype=torch.float64)
    rows = [method.vjp(inputs.args, (unit, none))[0] for unit in torch.eye(len(x), dtype=torch.float64)]
    _, log_det = method(*inputs.args)
    exact = torch.linalg.slogdet(torch.stack(rows)).logabsdet
    expect(torch.isfinite(exact), "the matrix of derivatives cannot be inverted.")
    expect(exact != 0, "the layer changes no volume.")
    assert_value(log_det, exact, tolerance=CANCELLED)


# A layer is used in evaluation mode, and no other check looks at it there. Zeros pass.
@question.check("law", points=0.75, requires=values[0])
@given(inputs=couplings())
def check_same_in_evaluation_mode(student: Student, inputs: Arguments) -> None:
    """Does the same in training and in evaluation mode."""
    training = student.AffineCoupling.build(*mask_and_net(inputs)).method(inputs.method)
    assert_value(training.eval()(*inputs.args), training(*inputs.args))


# What returns its input passes.
@question.check("law", points=0.25, requires=values[1])
@given(inputs=couplings(sizes=SIZES[1:]))
def check_masked_entries_stay(student: Student, inputs: Arguments) -> None:
    """Where the mask is 1, entries come out of both methods as they went in."""
    (x,), (mask, _) = inputs.args, mask_and_net(inputs)
    got, _ = asked(student, inputs)(x)
    assert_value(got[..., mask.bool()], x[..., mask.bool()])


# So does what returns its input, whatever the net says.
@question.check("law", points=0.25, requires=values[0])
@given(source=numbers(), dim=st.sampled_from(SIZES), method=st.sampled_from(METHODS))
def check_zero_net_is_the_identity(student: Student, source: Numbers, dim: int, method: str) -> None:
    """Where net returns 0, the layer returns its input, and a log-determinant of 0."""
    mask, weights = parts(source, dim)
    silent = layer(mask, {name: torch.zeros_like(tensor) for name, tensor in weights.items()})
    x = source.normal((3, dim))
    got = asked(student, of_module(silent, None, x, method=method))(x)
    assert_value(got, (x, torch.zeros(3, dtype=torch.float64)))


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other points for every example but the first."""
    (x,) = inputs.args
    changed = torch.cat((x[:1], source.normal(tuple(x[1:].shape), scale=2.0)))
    return Arguments((changed,), construct=inputs.construct, method=inputs.method, loaded=inputs.loaded)


question.check("law", points=0.25, requires=values[0])(
    ignores_other_examples(couplings(batch_shapes=((2,), (3,))), change_all_but_first)
)


@st.composite
def steady_layers(draw: st.DrawFn, s: tuple[float, ...]) -> tuple[Arguments, Tensor]:
    """A layer whose net all but ignores its input, with raw scales of one size and both signs; and x, float64."""
    source, dim = draw(numbers()), draw(st.sampled_from((2, 5)))
    mask, weights = parts(source, dim, scale=0.1)
    signs = 1.0 - 2.0 * source.integers((dim,), low=0, high=2)
    raw = draw(st.sampled_from(s)) * signs
    weights["net.2.bias"] = torch.cat((raw, source.normal((dim,))))
    return layer(mask, weights), source.normal((3, dim))


AT_FIVE = 8 * math.atanh(5 / 8)
"""Of net, where s is 5."""


# A correct layer errs by 4e-4 where |s| is 8, and by less than a tenth of that at 5.
ROUND_TRIP = Tolerance(rtol=0, atol=1e-3)


@question.check("stress", points=0.5)
@given(case=steady_layers((AT_FIVE,)))
def check_round_trip_in_float32(student: Student, case: tuple[Arguments, Tensor]) -> None:
    """In float32 and with s near 5 or -5, forward and inverse lead back to within 0.001."""
    built, x = case[0].to(torch.float32), case[1].to(torch.float32)
    module = student.AffineCoupling.build(*built.args)
    z, _ = module(x)
    expect((z != x).any(-1), "the layer leaves everything as it is.")
    returned, _ = module.method("inverse")(z)
    assert_value(returned, x, tolerance=ROUND_TRIP)


@question.check("stress", points=0.5)
@given(case=steady_layers((30.0, 1000.0)), method=st.sampled_from(METHODS))
def check_scale_is_bounded(student: Student, case: tuple[Arguments, Tensor], method: str) -> None:
    """Whatever net returns, s stays between -8 and 8, and all results are finite."""
    inputs = of_module(case[0], None, case[1], method=method)
    assert_value(asked(student, inputs)(*inputs.args), answer(AffineCoupling, inputs), tolerance=CANCELLED)


ROUNDED_SUMS = Tolerance(rtol=5e-5, atol=5e-5)

question.check("stress", points=0.5, requires=values, examples=4)(
    accurate_in(torch.float32, AffineCoupling, couplings(), tolerance=ROUNDED_SUMS)
)
question.check("robustness", points=0.25, requires=values[0])(leaves_inputs_unchanged(couplings()))
question.check("robustness", points=0.25, requires=values)(
    accepts_any_strides(AffineCoupling, couplings(batch_shapes=((3,), (2, 3)), sizes=(2, 5)), tolerance=CANCELLED)
)
question.check("robustness", points=0.25, requires=values[0])(
    accepts_empty_batches(couplings(batch_shapes=((0,), (0, 3))), AffineCoupling)
)
question.check("behaviour", points=0.25, requires=values[0])(runs_on_other_devices(couplings(batch_shapes=((2, 3),))))
question.check("behaviour", points=0.25, requires=values[0])(keeps_generators(couplings()))


def batches(size: int) -> SearchStrategy[Arguments]:
    """Layers of one size with a batch of this one."""
    return couplings(batch_shapes=((size,),), sizes=(5,), methods=("forward",))


question.check("behaviour", points=0.25, requires=values[0])(does_constant_work(batches(3), batches(300)))

for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
class ChoosesEntries(nn.Module):
    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = net

    def forward(self, x: Tensor) -> Pair:
        kept = self.mask > 0.5
        out = self.net(torch.where(kept, x, torch.zeros_like(x)))
        s = 8.0 * torch.tanh(out[..., : x.shape[-1]] / 8.0)
        t = out[..., x.shape[-1] :]
        z = torch.where(kept, x, x * s.exp() + t)
        return z, s.masked_fill(kept, 0.0).sum(dim=-1)

    def inverse(self, z: Tensor) -> Pair:
        kept = self.mask > 0.5
        out = self.net(torch.where(kept, z, torch.zeros_like(z)))
        s = 8.0 * torch.tanh(out[..., : z.shape[-1]] / 8.0)
        t = out[..., z.shape[-1] :]
        x = torch.where(kept, z, (z - t) / s.exp())
        return x, -s.masked_fill(kept, 0.0).sum(dim=-1)


@question.alternative
class WritesTheFormulaOut(nn.Module):
    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        super().__init__()
        self.c = 8
        self.net = net
        self.register_buffer("mask", mask.clone())

    def forward(self, x: Tensor) -> Pair:
        m = self.mask
        s, t = torch.chunk(self.net(m * x), 2, dim=-1)
        s = self.c * torch.tanh(s / self.c)
        z = m * x + (1 - m) * (x * torch.exp(s) + t)
        return z, torch.sum((1 - m) * s, dim=-1)

    def inverse(self, z: Tensor) -> Pair:
        m = self.mask
        s, t = torch.chunk(self.net(m * z), 2, dim=-1)
        s = self.c * torch.tanh(s / self.c)
        x = m * z + (1 - m) * (z - t) * torch.exp(-s)
        return x, torch.sum((1 - m) * -s, dim=-1)


@question.alternative
class MultipliesScales(nn.Module):
    mask: Tensor

    def __init__(self, mask: Tensor, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mask", mask)

    def conditioned(self, kept: Tensor) -> Pair:
        raw, t = self.net(kept).tensor_split(2, dim=-1)
        squashed = 1 - 2 / (torch.exp(raw / 4) + 1)
        return 8 * squashed * (1 - self.mask), t - self.mask * t

    def forward(self, x: Tensor) -> Pair:
        kept = x * self.mask
        s, t = self.conditioned(kept)
        changed = (x - kept) * s.exp() + t
        return kept + changed, torch.einsum("...d->...", s)

    def inverse(self, z: Tensor) -> Pair:
        kept = z * self.mask
        s, t = self.conditioned(kept)
        changed = (z - kept - t) / s.exp()
        return kept + changed, s.neg().sum(-1)
