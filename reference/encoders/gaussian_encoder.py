"""enc.2: an amortised posterior with two heads (Kingma & Welling 2014, Appendix C.2).

h = tanh(W x + b),  mu = W_mu h + b_mu,  logvar = W_lv h + b_lv
"""

from __future__ import annotations

import hypothesis.strategies as st
import torch
from hypothesis import given
from hypothesis.strategies import SearchStrategy
from torch import Tensor, nn

from grader.compare import Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import RemoteModule, Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    answer,
    arguments,
    asked,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    of_module,
    runs_on_other_devices,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.encoders import _encoder_habits, _encoder_mistakes

question = Question(id="enc.2", functions=["GaussianEncoder"], title="An encoder with two heads")


@question.oracle
class GaussianEncoder(nn.Module):
    """x [*batch, d_in] to mu and logvar, both [*batch, d_latent]."""

    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.tanh(self.trunk(x))
        return self.mu_head(hidden), self.logvar_head(hidden)


Sizes = tuple[int, int, int]

SIZES: tuple[Sizes, ...] = ((1, 1, 1), (5, 2, 7), (2, 1, 5), (4, 3, 11))
"""Of x, z and the hidden layer."""


def state_of(source: Numbers, sizes: Sizes, *, scale: float = 0.6) -> dict[str, Tensor]:
    """Weights and biases of an encoder."""
    d_in, d_latent, hidden = sizes
    shapes: dict[str, Shape] = {
        "trunk": (hidden, d_in),
        "mu_head": (d_latent, hidden),
        "logvar_head": (d_latent, hidden),
    }
    return {
        f"{layer}.{name}": source.normal(shape, scale=scale)
        for layer, (out, into) in shapes.items()
        for name, shape in (("weight", (out, into)), ("bias", (out,)))
    }


@st.composite
def encoders(
    draw: st.DrawFn,
    *,
    batch_shapes: tuple[Shape, ...] = BATCH_SHAPES,
    sizes: tuple[Sizes, ...] = SIZES,
    scale: float = 0.6,
) -> Arguments:
    """One call of an encoder with given weights."""
    source, size = draw(numbers()), draw(st.sampled_from(sizes))
    x = source.normal((*draw(st.sampled_from(batch_shapes)), size[0]))
    return of_module(arguments(*size), state_of(source, size, scale=scale), x)


# Sums may cancel, which leaves no digit of a float32 constant; wrong answers differ by 1e-2 and more.
CANCELLED = Tolerance(rtol=1e-6, atol=3e-6)


ONE_EXAMPLE: tuple[Shape, ...] = ((), (1,))
"""Batches in which nothing can be mixed, so that the formula earns its points."""

check_values = question.check("value", points=4, description="With given weights, returns the right mu and logvar.")(
    matches_oracle(GaussianEncoder, encoders(batch_shapes=ONE_EXAMPLE), tolerance=CANCELLED)
)
question.check(
    "value", points=1, name="batches", description="Returns mu and logvar of each example of a batch.", examples=4
)(matches_oracle(GaussianEncoder, encoders(batch_shapes=((3,), (2, 3))), tolerance=CANCELLED))

question.check("precision", points=0.5, requires=check_values)(keeps_precision(GaussianEncoder, encoders()))

question.check("gradient", points=2.5, description="Gradients reach x and all parameters.")(
    gradients_match(GaussianEncoder, encoders(sizes=SIZES[1:]), tolerance=CANCELLED)
)


# A zero for both would pass, and so would a head that is not there.
@question.check("law", points=1.5)
@given(inputs=encoders(sizes=SIZES[1:]))
def check_heads_are_separate(student: Student, inputs: Arguments) -> None:
    """mu does not depend on the parameters of logvar_head, nor logvar on those of mu_head."""
    names = list(inputs.args[0])
    mu, _ = answer(GaussianEncoder, inputs)
    ones, none = torch.ones_like(mu), torch.zeros_like(mu)
    for weights, own, other in (((ones, none), "mu_head", "logvar_head"), ((none, ones), "logvar_head", "mu_head")):
        gradients = dict(zip(names, asked(student, inputs).vjp(inputs.args, weights), strict=False))
        expect(bool((gradients[f"{own}.bias"] != 0).all()), f"{own} does not reach its result.")
        expect(bool((gradients[f"{other}.weight"] == 0).all()), f"{other} reaches the other head's result.")
        expect(bool((gradients[f"{other}.bias"] == 0).all()), f"{other} reaches the other head's result.")


@question.check("law", points=1, examples=3)
@given(inputs=encoders())
def check_reaches_all_real_numbers(student: Student, inputs: Arguments) -> None:
    """Both results can be far below and far above zero: nothing bounds a mean or a log-variance."""
    state, x = inputs.args
    far = {name: tensor + 35 if name.endswith("head.bias") else tensor for name, tensor in state.items()}
    turned = {name: -tensor if "head" in name else tensor for name, tensor in far.items()}
    there = asked(student, inputs)(far, x)
    back = asked(student, inputs)(turned, x)
    expect(all(bool((part > 20).all()) for part in there), "a result stays small where it should be large.")
    assert_value(back, tuple(-part for part in there), tolerance=CANCELLED)


@question.check("law", points=0.75, requires=check_values)
@given(inputs=encoders(batch_shapes=((2,), (3,)), sizes=SIZES[1:]), source=numbers())
def check_treats_examples_independently(student: Student, inputs: Arguments, source: Numbers) -> None:
    """What the encoder says of an example depends on that example alone."""
    state, x = inputs.args
    changed = torch.cat((x[:1], source.normal(tuple(x[1:].shape), scale=3.0)))
    before, after = (asked(student, inputs)(state, batch) for batch in (x, changed))
    assert_value(tuple(part[0] for part in after), tuple(part[0] for part in before))


@question.check("law", points=0.5, requires=check_heads_are_separate)
@given(inputs=encoders())
def check_same_in_evaluation_mode(student: Student, inputs: Arguments) -> None:
    """Does the same in training and in evaluation mode."""
    training = asked(student, inputs)
    assert isinstance(training, RemoteModule)
    once, again = training(*inputs.args), training(*inputs.args)
    # A module that gives nan gives it twice.
    same = all(torch.equal(one.nan_to_num(), other.nan_to_num()) for one, other in zip(once, again, strict=True))
    expect(same, "the same x has another posterior when it is asked for again.", misconception="DropsOut")
    assert_value(training.eval()(*inputs.args), once)


# Three sums of up to eleven terms, one after another.
ROUNDING = {
    torch.float32: Tolerance(rtol=2e-5, atol=1e-5),
    torch.float16: Tolerance(rtol=4e-3, atol=2e-2),
    torch.bfloat16: Tolerance(rtol=2e-2, atol=1e-1),
}

for dtype, points in ((torch.float32, 0.5), (torch.float16, 0.25), (torch.bfloat16, 0.25)):
    question.check("stress", points=points, requires=check_values)(
        accurate_in(dtype, GaussianEncoder, encoders(sizes=SIZES[1:]), tolerance=ROUNDING[dtype])
    )

question.check("robustness", points=0.5, requires=check_values)(leaves_inputs_unchanged(encoders()))
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(GaussianEncoder, encoders(batch_shapes=((3,), (2, 3)), sizes=SIZES[1:]), tolerance=CANCELLED)
)
question.check("robustness", points=0.5, requires=check_values)(
    accepts_empty_batches(encoders(batch_shapes=((0,), (0, 3))), GaussianEncoder)
)
question.check("behaviour", points=0.5, requires=check_values)(runs_on_other_devices(encoders()))
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(encoders()))


def batches(size: int) -> SearchStrategy[Arguments]:
    """Encoders of one size with a batch of this one."""
    return encoders(batch_shapes=((size,),), sizes=((5, 2, 7),))


question.check("behaviour", points=0.25, requires=check_values)(does_constant_work(batches(3), batches(300)))

for bank in (_encoder_mistakes, _encoder_habits):
    for mistake, sentence in bank.SENTENCES.items():
        question.misconception(sentence)(mistake)


@question.alternative
class MultipliesOnceForBothHeads(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(d_in, hidden)
        self.mu_head = nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weight = torch.cat((self.mu_head.weight, self.logvar_head.weight))
        bias = torch.cat((self.mu_head.bias, self.logvar_head.bias))
        mu, logvar = nn.functional.linear(self.trunk(x).tanh(), weight, bias).chunk(2, dim=-1)
        return mu, logvar


@question.alternative
class BuildsLayersByName(nn.Module):
    trunk: nn.Linear
    mu_head: nn.Linear
    logvar_head: nn.Linear

    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        for name, into, out in (
            ("logvar_head", hidden, d_latent),
            ("mu_head", hidden, d_latent),
            ("trunk", d_in, hidden),
        ):
            self.add_module(name, nn.Linear(into, out))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = 2 * torch.sigmoid(2 * self.trunk(x)) - 1
        return self.mu_head(hidden), self.logvar_head(hidden)


@question.alternative
class WritesTheSumsOut(nn.Module):
    def __init__(self, d_in: int, d_latent: int, hidden: int) -> None:
        super().__init__()
        self.trunk, self.mu_head = nn.Linear(d_in, hidden), nn.Linear(hidden, d_latent)
        self.logvar_head = nn.Linear(hidden, d_latent)
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.act(torch.einsum("...i,hi->...h", x, self.trunk.weight) + self.trunk.bias)
        mu, logvar = (hidden @ head.weight.mT + head.bias for head in (self.mu_head, self.logvar_head))
        return mu, logvar
