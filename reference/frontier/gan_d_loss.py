"""fr.3: the losses of a GAN, on logits (Goodfellow et al. 2014, section 3; equation 1 and the remark below it).

D = sigmoid(logit):  loss of D = -E log D(real) - E log(1 - D(fake));
of G: E log(1 - D(fake)), which saturates where D is sure, or -E log D(fake), which does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor
from torch.nn.functional import logsigmoid

from grader.compare import ROUNDED, Tolerance, assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    about,
    answer,
    arguments,
    does_constant_work,
    gradients_match,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    oracle_vjp,
    runs_on_other_devices,
)
from grader.strategies import Numbers, Shape, numbers
from reference.frontier._gan_loss_mistakes import DISCRIMINATOR, GENERATOR

question = Question(
    id="fr.3",
    functions=["gan_d_loss", "gan_g_loss"],
    title="The losses of a GAN",
    exempt={
        "fails_on_empty": "the mean over no examples is no number",
        "fails_on_noncontiguous": "every layout of (N,) or (N, 1) can be viewed as (N,)",
    },
)


@question.oracle
def gan_d_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """A 0-dim tensor; logits are [n] or [n, 1], of two sizes."""
    # logsigmoid is accurate, and has the right gradient, for every logit; softplus changes its formula at 20.
    return -logsigmoid(real_logits).mean() - logsigmoid(-fake_logits).mean()


@question.oracle
def gan_g_loss(fake_logits: Tensor, kind: Literal["saturating", "nonsaturating"]) -> Tensor:
    """A 0-dim tensor."""
    return -logsigmoid(fake_logits).mean() if kind == "nonsaturating" else logsigmoid(-fake_logits).mean()


KINDS = ("saturating", "nonsaturating")
ONE: tuple[Shape, ...] = ((1,), (1, 1))
MANY: tuple[Shape, ...] = ((3,), (5, 1), (2,), (7, 1))


@st.composite
def both(draw: st.DrawFn, *, shapes: tuple[Shape, ...] = ONE + MANY) -> Arguments:
    """Arguments (real_logits, fake_logits), mostly of two sizes."""
    source = draw(numbers())
    real, fake = (draw(st.sampled_from(shapes)) for _ in range(2))
    return arguments(source.normal(real, loc=1.0, scale=2.0), source.normal(fake, loc=-0.5, scale=2.0))


@st.composite
def fakes(draw: st.DrawFn, *, shapes: tuple[Shape, ...] = ONE + MANY, kinds: tuple[str, ...] = KINDS) -> Arguments:
    """Arguments (fake_logits, kind)."""
    source = draw(numbers())
    return arguments(source.normal(draw(st.sampled_from(shapes)), scale=2.0), draw(st.sampled_from(kinds)))


# Terms of two means may cancel in a gradient, not in a value; wrong answers differ by 1e-2 and more.
values_of_d = question.check(
    "value", points=2, name="values_of_gan_d_loss", description="gan_d_loss is right for one real and one fake logit."
)(matches_oracle(gan_d_loss, both(shapes=ONE)))
question.check(
    "value", points=1, name="batches_of_gan_d_loss", description="gan_d_loss averages over each of its two batches."
)(matches_oracle(gan_d_loss, both(shapes=MANY)))
values_of_g = {
    kind: question.check(
        "value",
        points=1.5,
        name=f"values_of_the_{kind}_loss",
        description=f"gan_g_loss of the kind '{kind}' is the right average over the batch.",
    )(about("gan_g_loss", matches_oracle(gan_g_loss, fakes(kinds=(kind,)))))
    for kind in KINDS
}
values_of_both_kinds = tuple(values_of_g.values())

question.check("precision", points=0.25, requires=values_of_d, description="gan_d_loss keeps the accuracy of float64.")(
    keeps_precision(gan_d_loss, both())
)
question.check(
    "precision", points=0.5, requires=values_of_both_kinds, description="gan_g_loss keeps the accuracy of float64."
)(about("gan_g_loss", keeps_precision(gan_g_loss, fakes())))

question.check("gradient", points=1, description="gan_d_loss has the right gradient in both batches.")(
    gradients_match(gan_d_loss, both())
)
for kind in KINDS:
    question.check(
        "gradient",
        points=1,
        name=f"gradient_of_the_{kind}_loss",
        description=f"gan_g_loss of the kind '{kind}' has the right gradient.",
    )(about("gan_g_loss", gradients_match(gan_g_loss, fakes(kinds=(kind,)))))

UNIT = torch.ones((), dtype=torch.float64)


@question.check("law", points=0.5)
@given(inputs=fakes(kinds=KINDS))
def check_generator_wants_higher_logits(student: Student, inputs: Arguments) -> None:
    """Raising any fake logit lowers the generator's loss of either kind; the slope in a single one of 0 is -1/2."""
    for kind in KINDS:
        (slopes,) = student.gan_g_loss.vjp((inputs.args[0], kind), UNIT)
        expect(slopes < 0, "raising a fake logit does not lower the generator's loss.")
        # The losses of other GANs fall, too.
        undecided, sure = (
            student.gan_g_loss.vjp((torch.full((1,), logit, dtype=torch.float64), kind), UNIT)[0]
            for logit in (0.0, 2.0)
        )
        expect((undecided + 0.5).abs() < 1e-6, "at a single fake logit of 0 the generator's loss has another slope.")
        expect(undecided != sure, "the generator's loss has the same slope, whatever the discriminator says.")


@question.check("law", points=0.5)
@given(source=numbers(), count=st.sampled_from((1, 3, 7)))
def check_only_one_kind_saturates(student: Student, source: Numbers, count: int) -> None:
    """Where D is sure of the fakes, the saturating loss has almost no slope, the other one -1/N for each of them."""
    logits = source.uniform((count,), low=-22.0, high=-18.0)
    slopes = {kind: student.gan_g_loss.vjp((logits, kind), UNIT)[0] for kind in KINDS}
    saturating, other = slopes["saturating"], slopes["nonsaturating"]
    expect((saturating < 0) & (saturating > -1e-7 / count), "the saturating loss has another slope there.")
    expect((other * count + 1).abs() < 1e-6, "the nonsaturating loss has another slope there.")


@question.check("law", points=0.25)
@given(real=st.sampled_from(ONE + MANY), fake=st.sampled_from(ONE + MANY))
def check_undecided_discriminator(student: Student, real: Shape, fake: Shape) -> None:
    """At logits of 0 the discriminator loses 2 log 2, at real logits of log 3 and fake ones of -log 3 2 log 4/3."""
    for logit, exact in ((0.0, 2 * math.log(2)), (math.log(3), 2 * math.log(4 / 3))):
        logits = (torch.full(shape, sign * logit, dtype=torch.float64) for shape, sign in ((real, 1), (fake, -1)))
        assert_value(student.gan_d_loss(*logits), torch.tensor(exact, dtype=torch.float64))


@question.check("law", points=0.25)
@given(inputs=both())
def check_roles_and_signs_can_be_swapped(student: Student, inputs: Arguments) -> None:
    """Real and fake may be swapped if all logits change their signs; one pair's swap alone adds r - f."""
    real, fake = inputs.args
    assert_value(student.gan_d_loss(-fake, -real), student.gan_d_loss(real, fake))
    # Zeros, constants and the losses of other GANs are symmetric, too: differences of means, squares, hinges.
    one, other = real[:1], fake[:1]
    loss, swapped = student.gan_d_loss(one, other), student.gan_d_loss(other, one)
    expect((loss > 0) & (swapped > 0), "a loss of the discriminator is not positive.")
    change = (one - other.reshape(one.shape)).sum()
    # The logarithm of a sigmoid and a little more is off by less, and loses its points elsewhere.
    expect((swapped - loss - change).abs() < 1e-4, "swapping one real and one fake logit has another effect on it.")


# The difference of the means has slopes that cancel, too, but no values.
@question.check("law", points=0.25, requires=values_of_g["saturating"])
@given(inputs=both())
def check_saturating_game_has_no_winner(student: Student, inputs: Arguments) -> None:
    """In the fake logits, the slopes of the discriminator's loss and of the saturating one cancel."""
    real, fake = inputs.args
    (_, of_d), (of_g,) = student.gan_d_loss.vjp((real, fake), UNIT), student.gan_g_loss.vjp((fake, KINDS[0]), UNIT)
    expect(of_d != 0, "the discriminator's loss has no slope in a fake logit.")
    assert_value(of_g, -of_d)


@question.check("law", points=0.75, requires=(values_of_d, *values_of_both_kinds))
@given(inputs=both(shapes=((3,), (7,))))
def check_columns_are_batches(student: Student, inputs: Arguments) -> None:
    """Logits of shape (N, 1) mean what logits of shape (N,) mean."""
    real, fake = inputs.args
    flat = student.gan_d_loss(real, fake)
    for first, second in ((real[:, None], fake), (real, fake[:, None]), (real[:, None], fake[:, None])):
        assert_value(student.gan_d_loss(first, second), flat)
    for kind in KINDS:
        assert_value(student.gan_g_loss(fake[:, None], kind), student.gan_g_loss(fake, kind))


# torch's softplus is off by 2e-9 where it changes its formula, at 20.
SOFTPLUS = Tolerance(rtol=1e-6, atol=1e-8)


@st.composite
def sure_logits(draw: st.DrawFn, *, dtypes: tuple[torch.dtype, ...] = (torch.float64, torch.float32)) -> Tensor:
    """Seven logits from -120 to 120, both ends among them, in an order of chance."""
    source = draw(numbers())
    inside = torch.cat((source.uniform((2,), low=20.0, high=110.0), source.uniform((2,), low=-110.0, high=-20.0)))
    logits = torch.cat((torch.tensor([-120.0, 120.0, 0.7], dtype=torch.float64), inside))
    return logits[source.permutation(7)].to(draw(st.sampled_from(dtypes)))


def stays_finite(function: Callable[..., Tensor], *kinds: str) -> Callable[..., None]:
    """Values and gradients of a loss where the discriminator is sure, right or wrong."""

    @given(fake=sure_logits(), sign=st.sampled_from((1, -1)))
    def check(student: Student, fake: Tensor, sign: int) -> None:
        tolerance = ROUNDED[torch.float32] if fake.dtype == torch.float32 else SOFTPLUS
        for kind in kinds or (None,):
            inputs = arguments(fake, kind) if kind else arguments(sign * fake[:2], sign * fake[2:])
            exact = inputs.to(torch.float64)
            assert_value(student.function(*inputs.args), answer(function, exact).to(fake.dtype), tolerance=tolerance)
            slopes = tuple(each.to(fake.dtype) for each in oracle_vjp(function, exact, UNIT))
            assert_value(student.function.vjp(inputs.args, UNIT), slopes, tolerance=tolerance)

    return check


question.check(
    "stress",
    points=0.75,
    requires=values_of_d,
    name="sure_discriminator",
    description="gan_d_loss and its gradient are right for logits from -120 to 120.",
)(stays_finite(gan_d_loss))
question.check(
    "stress",
    points=0.75,
    requires=values_of_both_kinds,
    name="sure_discriminator_for_the_generator",
    description="gan_g_loss and its gradient are right for logits from -120 to 120.",
)(about("gan_g_loss", stays_finite(gan_g_loss, *KINDS)))
question.check("robustness", points=0.25, requires=values_of_d)(leaves_inputs_unchanged(both()))
question.check(
    "robustness", points=0.25, requires=values_of_both_kinds, description="gan_g_loss leaves its input as it was."
)(about("gan_g_loss", leaves_inputs_unchanged(fakes())))
question.check("behaviour", points=0.25, requires=values_of_d)(runs_on_other_devices(both()))
question.check("behaviour", points=0.25, requires=values_of_d)(keeps_generators(both()))
question.check("behaviour", points=0.25, requires=values_of_d)(
    does_constant_work(both(shapes=((3, 1),)), both(shapes=((300, 1),)))
)

for mistakes, replaced in ((DISCRIMINATOR, "gan_d_loss"), (GENERATOR, "gan_g_loss")):
    for mistake, sentence in mistakes.items():
        question.misconception(sentence, replaces=replaced)(mistake)


@question.alternative
def uses_cross_entropies(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    real = cross_entropy(real_logits, torch.ones_like(real_logits))
    return real + cross_entropy(fake_logits, torch.zeros_like(fake_logits))


@question.alternative
def uses_softplus(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    softplus = torch.nn.functional.softplus
    return torch.mean(softplus(-real_logits)) + torch.mean(softplus(fake_logits))


@question.alternative
def adds_in_the_exponent(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    none = torch.zeros_like(real_logits)
    losses_of_reals = torch.logaddexp(none, -real_logits)
    losses_of_fakes = torch.logaddexp(torch.zeros((), dtype=fake_logits.dtype, device=fake_logits.device), fake_logits)
    return losses_of_reals.sum() / losses_of_reals.numel() + losses_of_fakes.sum() / losses_of_fakes.numel()


@question.alternative
def takes_the_maximum_out(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    def loss(x: Tensor) -> Tensor:
        return torch.stack((torch.zeros_like(x), x)).logsumexp(0).mean()

    return loss(-real_logits.flatten()) + loss(fake_logits.flatten())


@question.alternative_of("gan_g_loss")
def flips_the_labels(fake_logits: Tensor, kind: str) -> Tensor:
    real = torch.full_like(fake_logits, 1.0 if kind == "nonsaturating" else 0.0)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(fake_logits, real, reduction="mean")
    return loss if kind == "nonsaturating" else loss.neg()


@question.alternative_of("gan_g_loss")
def takes_minus_softplus(fake_logits: Tensor, kind: str) -> Tensor:
    sign = -1 if kind == "nonsaturating" else 1
    return -sign * torch.nn.functional.softplus(sign * fake_logits).mean()


@question.alternative_of("gan_g_loss")
def subtracts_the_logit(fake_logits: Tensor, kind: str) -> Tensor:
    log_one_minus_d = torch.nn.functional.logsigmoid(-fake_logits).reshape(-1)
    if kind == "saturating":
        return torch.mean(log_one_minus_d)
    return torch.mean(-torch.nn.functional.logsigmoid(fake_logits).reshape(-1))
