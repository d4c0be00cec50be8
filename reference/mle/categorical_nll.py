"""mle.3: the negative log-likelihood of a class under softmax(logits) (Bishop 2006, eqs. 4.104 and 4.108).

-log softmax(logits)[t] = log sum_v exp(logits_v) - logits_t
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import Tolerance, assert_value, expect
from grader.question import Question, Twin
from grader.remote import Student
from grader.standard import (
    Arguments,
    accepts_any_strides,
    accepts_empty_batches,
    accurate_in,
    arguments,
    avoids_forbidden_names,
    does_constant_work,
    gradients_match,
    ignores_other_examples,
    keeps_generators,
    keeps_precision,
    leaves_inputs_unchanged,
    matches_oracle,
    runs_on_other_devices,
    second_gradients_match,
)
from grader.strategies import BATCH_SHAPES, Numbers, Shape, numbers
from reference.mle._batches import (
    ONE_BATCH_DIMENSION,
    ONE_EXAMPLE,
    SEVERAL_EXAMPLES,
    THREE_EXAMPLES,
    change_all_but_first,
)

question = Question(
    id="mle.3",
    functions=["categorical_nll"],
    title="Negative log-likelihood of a class",
    forbidden=["torch.nn.functional.cross_entropy", "torch.nn.functional.nll_loss", "torch.logsumexp"],
)


@question.oracle
def categorical_nll(logits: Tensor, targets: Tensor) -> Tensor:
    """Nats; logits are [*batch, classes], int64 targets [*batch], the result is [*batch]."""
    # The largest logit is subtracted before the difference is taken: logsumexp - logit cancels where both are large.
    shifted = logits - logits.amax(-1, keepdim=True).detach()
    chosen = shifted.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return shifted.exp().sum(-1).log() - chosen


def draw_classes(source: Numbers, batch: Shape, classes: int, *, scale: float = 2.0) -> Arguments:
    """Arguments (logits, targets)."""
    return arguments(source.normal((*batch, classes), scale=scale), source.integers(batch, low=0, high=classes))


@st.composite
def labelled(
    draw: st.DrawFn,
    *,
    batch_shapes: Sequence[Shape] = BATCH_SHAPES,
    classes: Sequence[int] = (2, 5, 7),
    scale: float = 2.0,
) -> Arguments:
    """Arguments (logits, targets)."""
    batch, count = draw(st.sampled_from(batch_shapes)), draw(st.sampled_from(classes))
    return draw_classes(draw(numbers()), batch, count, scale=scale)


check_values = question.check("value", points=4.75, description="Equals -log softmax(logits)[target].")(
    matches_oracle(categorical_nll, labelled(batch_shapes=ONE_EXAMPLE, classes=(1, 2, 5, 7)))
)

question.check(
    "value",
    points=1,
    requires=check_values,
    name="values_for_a_batch",
    description="Gives one value per example, with the classes in the last dimension of any batch.",
)(matches_oracle(categorical_nll, labelled(batch_shapes=SEVERAL_EXAMPLES)))

question.check("precision", points=0.75, requires=check_values)(
    keeps_precision(categorical_nll, labelled(batch_shapes=ONE_EXAMPLE))
)

question.check("gradient", points=2, description="Has the gradient softmax(logits) - onehot(target).")(
    gradients_match(categorical_nll, labelled())
)
question.check("gradient", points=1)(second_gradients_match(categorical_nll, labelled()))


@question.check("law", points=0.5)
@given(inputs=labelled(), source=numbers())
def check_ignores_a_shift_of_all_logits(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Adding one number to all logits changes nothing; raising the target's logit alone lowers the result."""
    logits, targets = inputs.args
    value = student.categorical_nll(logits, targets)
    shift = source.normal((*targets.shape, 1), scale=5.0)
    assert_value(student.categorical_nll(logits + shift, targets), value)
    raised = logits.scatter_add(-1, targets.unsqueeze(-1), torch.ones_like(shift))
    expect(student.categorical_nll(raised, targets) < value - 1e-9, "raising the target's logit does not help it.")


@question.check("law", points=0.75)
@given(inputs=labelled())
def check_normalises_over_classes(student: Student, inputs: Arguments) -> None:
    """exp(-nll) is a probability for every class, and these sum to one over the classes."""
    logits, targets = inputs.args
    classes = logits.shape[-1]
    every = torch.arange(classes).reshape(-1, *[1] * targets.dim()).repeat(1, *targets.shape)
    nll = student.categorical_nll(logits.repeat(classes, *[1] * logits.dim()), every)
    expect(nll > 0, "a class that is not certain has no positive loss.")
    total = torch.exp(-nll).sum(0)
    assert_value(total, torch.ones_like(total))


@question.check("law", points=0.5)
@given(inputs=labelled())
def check_pushes_towards_the_target(student: Student, inputs: Arguments) -> None:
    """The gradient of each example sums to zero over the classes and is negative at its target alone."""
    logits, targets = inputs.args
    (gradient,) = student.categorical_nll.vjp((logits, targets), torch.ones_like(logits[..., 0]))
    total = gradient.sum(-1)
    assert_value(total, torch.zeros_like(total))
    is_target = torch.arange(logits.shape[-1]) == targets.unsqueeze(-1)
    expect((gradient < 0) == is_target, "the gradient is not negative at the target and positive elsewhere.")


def move_others_far_away(inputs: Arguments, source: Numbers) -> Arguments:
    """Logits near 2000 for every example but the first, which no shift shared by the batch survives."""
    logits, targets = change_all_but_first(inputs, source).args
    return arguments(torch.cat((logits[:1], logits[1:] + 2000)), targets)


question.check("law", points=0.5, requires=check_values)(
    ignores_other_examples(labelled(batch_shapes=ONE_BATCH_DIMENSION), move_others_far_away)
)

# Ten times the error of logsumexp - logit, the textbook form, which keeps the rounding of 1e4: 8e-13 and 4e-4.
LARGE_LOGITS = {
    torch.float64: Tolerance(rtol=1e-9, atol=1e-11),
    torch.float32: Tolerance(rtol=2e-5, atol=6e-3),
}


@question.check("stress", points=0.75, requires=check_values)
@given(target=st.sampled_from((0, 1, 2)), dtype=st.sampled_from((torch.float64, torch.float32)))
def check_survives_large_logits(student: Student, target: int, dtype: torch.dtype) -> None:
    """Stays exact, values and gradients, for logits from -1e4 to 1e4, and for examples of very different size."""
    rows = [[1e4, -1e4, 9998.5], [-1e4, -9999.0, -9998.5], [-50.0, 0.0, -120.0], [0.3, -0.7, 1.1]]
    for logits in (torch.tensor(rows, dtype=dtype), torch.tensor(rows[:1], dtype=dtype)):
        targets = torch.full(logits.shape[:1], target)
        got = student.categorical_nll(logits, targets)
        assert_value(got.double(), categorical_nll(logits.double(), targets), tolerance=LARGE_LOGITS[dtype])
        (gradient,) = student.categorical_nll.vjp((logits, targets), torch.ones_like(got))
        expect(torch.isfinite(gradient), "a gradient is not finite.")


question.check("stress", points=0.25)(accurate_in(torch.float32, categorical_nll, labelled()))
question.check("stress", points=0.25)(accurate_in(torch.float16, categorical_nll, labelled(scale=1.0)))
question.check("stress", points=0.25)(accurate_in(torch.bfloat16, categorical_nll, labelled(scale=1.0)))

question.check("robustness", points=0.25, requires=check_values)(
    leaves_inputs_unchanged(labelled(batch_shapes=THREE_EXAMPLES))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_any_strides(categorical_nll, labelled(batch_shapes=THREE_EXAMPLES))
)
question.check("robustness", points=0.25, requires=check_values)(
    accepts_empty_batches(labelled(batch_shapes=((0,), (0, 3))), categorical_nll)
)
question.check("behaviour", points=0.25, requires=check_values)(
    runs_on_other_devices(labelled(batch_shapes=THREE_EXAMPLES))
)
question.check("behaviour", points=0.25, requires=check_values)(keeps_generators(labelled(batch_shapes=THREE_EXAMPLES)))
question.check("behaviour", points=0.25, requires=check_values)(
    does_constant_work(labelled(batch_shapes=((3,),), classes=(5,)), labelled(batch_shapes=((300,),), classes=(5,)))
)
question.check("behaviour", points=0.25, requires=check_values)(
    avoids_forbidden_names(labelled(batch_shapes=THREE_EXAMPLES))
)

CANCEL = "A very unlikely class gives inf; can the log and the exp cancel first?"


@question.misconception(CANCEL)
def takes_the_log_of_a_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    return -torch.log(logits.softmax(-1).gather(-1, targets[..., None])[..., 0])


# Of a class that is not the target, log(0) has a gradient of 0 times inf here; above, it has none.
question.misconception(CANCEL)(
    Twin(
        takes_the_log_of_a_softmax,
        "takes_the_log_of_a_whole_softmax",
        "torch.log(logits.softmax(-1).gather(-1, targets[..., None])[..., 0])",
        "torch.log(logits.softmax(-1)).gather(-1, targets[..., None])[..., 0]",
    )
)


@question.misconception("A prediction that is right and certain costs 0 nats. What does it cost in your code?")
def forgets_the_logarithm(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.softmax(-1).gather(-1, targets[..., None])[..., 0]


@question.misconception("Logits of 1e4 are finite, and so is the answer; is exp(1e4)?")
def exponentiates_the_logits(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.exp().sum(-1).log() - logits.gather(-1, targets[..., None])[..., 0]


@question.misconception("Put logits near 1e4 in one example and near -1e4 in another: why does one spoil the other?")
def subtracts_the_largest_logit_of_the_batch(logits: Tensor, targets: Tensor) -> Tensor:
    if logits.numel() == 0:
        return logits.sum(-1)
    shifted = logits - logits.max()
    return shifted.exp().sum(-1).log() - shifted.gather(-1, targets[..., None])[..., 0]


@question.misconception("Probabilities should sum to one over classes, not over the batch.")
def normalises_over_the_batch(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.log_softmax(0).gather(-1, targets[..., None])[..., 0]


@question.misconception("Confident logits cannot get below a fixed loss in your code.")
def applies_softmax_twice(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.softmax(-1).log_softmax(-1).gather(-1, targets[..., None])[..., 0]


@question.misconception("Permuting examples changed unrelated losses.")
def expects_classes_in_dimension_one(logits: Tensor, targets: Tensor) -> Tensor:
    rows = logits.transpose(1, -1) if logits.dim() > 2 else logits
    rows = rows.reshape(-1, logits.shape[-1])
    return -rows.log_softmax(-1).gather(-1, targets.reshape(-1, 1)).reshape(targets.shape)


@question.misconception("At logits [0, -50], target 1 the answer is 50; yours saturates.")
def adds_a_small_constant_inside_the_log(logits: Tensor, targets: Tensor) -> Tensor:
    return -torch.log(logits.softmax(-1).gather(-1, targets[..., None])[..., 0] + 1e-10)


@question.misconception("How many losses do you expect for a batch of three examples?")
def averages_over_the_batch(logits: Tensor, targets: Tensor) -> Tensor:
    value = -logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    return value.mean()


@question.misconception("Try a batch of one example: which dimensions does .squeeze() without an argument remove?")
def squeezes_every_dimension(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.log_softmax(-1).gather(-1, targets[..., None]).squeeze()


@question.misconception("Can a log-probability be positive? Which sign has its negative?")
def forgets_the_minus(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]


@question.misconception("Add 5 to every logit: no probability changes, and your loss?")
def forgets_the_normaliser(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.gather(-1, targets[..., None])[..., 0]


@question.misconception("Change the target and keep the logits: which term of yours should change?")
def scores_the_most_likely_class(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.log_softmax(-1).amax(-1)


@question.misconception("Two classes with equal logits: the answer is 0.693 nats. What is your unit?")
def measures_in_bits(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0] / math.log(2)


@question.misconception("Does raising the logit of another class lower the target's probability? Ask your gradient.")
def cuts_the_gradient_of_the_normaliser(logits: Tensor, targets: Tensor) -> Tensor:
    largest = logits.amax(-1, keepdim=True)
    normaliser = (logits - largest).exp().sum(-1).log() + largest[..., 0]
    return normaliser.detach() - logits.gather(-1, targets[..., None])[..., 0]


@question.alternative
def gathers_from_log_softmax(logits: Tensor, targets: Tensor) -> Tensor:
    return -torch.log_softmax(logits, dim=-1).gather(-1, targets[..., None]).squeeze(-1)


@question.alternative
def subtracts_the_target_first(logits: Tensor, targets: Tensor) -> Tensor:
    gaps = logits - torch.take_along_dim(logits, targets.unsqueeze(-1), dim=-1)
    largest = gaps.detach().max(dim=-1, keepdim=True).values
    return (largest + (gaps - largest).exp().sum(dim=-1, keepdim=True).log()).squeeze(-1)


@question.alternative
def weighs_with_one_hot_targets(logits: Tensor, targets: Tensor) -> Tensor:
    onehot = (torch.arange(logits.shape[-1], device=logits.device) == targets[..., None]).to(logits.dtype)
    largest = logits.max(dim=-1, keepdim=True).values
    log_normaliser = largest.squeeze(-1) + torch.log(torch.sum(torch.exp(logits - largest), dim=-1))
    return log_normaliser - torch.einsum("...v,...v->...", logits, onehot)


@question.alternative
def indexes_flattened_rows(logits: Tensor, targets: Tensor) -> Tensor:
    log_p = torch.nn.functional.log_softmax(logits, dim=-1).reshape(targets.numel(), logits.shape[-1])
    return -log_p[torch.arange(targets.numel(), device=logits.device), targets.flatten()].reshape(targets.shape)


@question.alternative
def asks_the_distribution(logits: Tensor, targets: Tensor) -> Tensor:
    model = torch.distributions.Categorical(logits=logits, validate_args=False)
    log_prob: Tensor = model.log_prob(targets)  # type: ignore[no-untyped-call]  # torch gives it no type
    return -log_prob
