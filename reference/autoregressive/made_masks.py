"""ar.3: the masks of a masked autoencoder for distribution estimation (Germain et al. 2015, eqs. 12 and 13).

A unit of degree m may depend on the inputs at positions 0 .. m; output i on those at positions below order[i].
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import (
    Arguments,
    arguments,
    keeps_generators,
    leaves_inputs_unchanged,
    runs_on_other_devices,
)
from grader.strategies import Numbers, numbers

NOT_FLOAT = "masks and degrees hold no floating-point numbers"
question = Question(
    id="ar.3",
    functions=["made_masks"],
    title="The masks of MADE",
    exempt={
        "mutates_its_input": NOT_FLOAT + "; a listed misconception writes to its input",
        "loops_over_batch": "there is no batch",
        "float32_inside": NOT_FLOAT,
        "wrong_dtype": NOT_FLOAT + "; a listed misconception returns another dtype",
        "fails_on_empty": "a network without inputs is not asked for",
        "fails_on_noncontiguous": "every one-dimensional tensor can be viewed as one",
    },
)


@question.oracle
def made_masks(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    """One bool mask [out, in] per layer of weights; the last is tiled out_mult times, in blocks."""
    seen = [order, *hidden_degrees]
    hidden = [torch.ge(after.unsqueeze(1), before) for before, after in pairwise(seen)]
    return [*hidden, torch.cat([torch.gt(order.unsqueeze(1), seen[-1])] * out_mult)]


def draw_degrees(source: Numbers, size: int, units: int, *, every: bool = True) -> Tensor:
    """Shuffled degrees 0 .. size-2 of a layer; each occurs, or else the smallest and the largest do not."""
    available = max(size - 1, 1)
    degrees = torch.arange(units) % available if every else 1 + torch.arange(units) % (available - 2)
    return degrees[source.permutation(units)]


@st.composite
def networks(
    draw: st.DrawFn,
    *,
    sizes: Sequence[int] = (2, 3, 5, 7),
    depths: Sequence[int] = (1, 2, 3),
    mults: Sequence[int] = (1,),
    every: bool = True,
) -> Arguments:
    """Arguments (order, hidden_degrees, out_mult); layers have 11, 13 and 8 units."""
    size, depth, source = draw(st.sampled_from(sizes)), draw(st.sampled_from(depths)), draw(numbers())
    degrees = [draw_degrees(source, size, units, every=every) for units in (11, 13, 8)[:depth]]
    return arguments(source.permutation(size), degrees, draw(st.sampled_from(mults)))


@question.check("value", points=3.5)
@given(inputs=networks())
def check_hidden_masks(student: Student, inputs: Arguments) -> None:
    """Each hidden unit sees the inputs up to its degree, through every layer before it."""
    assert_value(student.made_masks(*inputs.args)[:-1], made_masks(*inputs.args)[:-1])


@question.check("value", points=3)
@given(inputs=networks())
def check_output_mask(student: Student, inputs: Arguments) -> None:
    """Each output sees the hidden units whose inputs all come before its own position."""
    assert_value(student.made_masks(*inputs.args)[-1], made_masks(*inputs.args)[-1])


@question.check("value", points=1.5, requires=check_output_mask)
@given(inputs=networks(sizes=(3, 5), mults=(2, 3)))
def check_several_outputs_per_variable(student: Student, inputs: Arguments) -> None:
    """With several outputs per variable, the last mask has one block of rows for each."""
    assert_value(student.made_masks(*inputs.args)[-1], made_masks(*inputs.args)[-1])


@question.check("value", points=0.5, requires=check_output_mask)
@given(inputs=networks(sizes=(3, 5), depths=(0,)))
def check_no_hidden_layer(student: Student, inputs: Arguments) -> None:
    """Without a hidden layer there is one mask, from inputs to outputs."""
    assert_value(student.made_masks(*inputs.args), made_masks(*inputs.args))


def reaches(masks: Sequence[Tensor]) -> Tensor:
    """Which output depends on which input: whether any path of kept weights leads there."""
    paths = masks[0].double()
    for mask in masks[1:]:
        paths = mask.double() @ paths
    return paths > 0


@question.check("law", points=2.5)
@given(inputs=networks(sizes=(3, 5, 7)))
def check_outputs_see_exactly_what_comes_before(student: Student, inputs: Arguments) -> None:
    """With every degree in every layer, output i depends on input j exactly where j comes before i."""
    order = inputs.args[0]
    seen = reaches(student.made_masks(*inputs.args))
    before = order.unsqueeze(1) > order
    expect(~seen | before, "an output depends on its own input, or on one that comes later.")
    expect(seen | ~before, "an output does not depend on some input that comes before it.")


@question.check("law", points=1)
@given(inputs=networks(sizes=(5, 7), every=False))
def check_missing_degrees_only_lose(student: Student, inputs: Arguments) -> None:
    """With some degrees missing, an output still sees nothing but what comes before it, up to the largest degree."""
    order, degrees, _ = inputs.args
    seen = reaches(student.made_masks(*inputs.args))
    expect(~seen | (order.unsqueeze(1) > order), "an output depends on its own input, or on one that comes later.")
    largest = torch.stack([layer.max() for layer in degrees]).min()
    last = order == order.max()
    expect(seen[last][:, order <= largest], "the last variable does not see what the hidden units do.")


@question.check("law", points=1)
@given(inputs=networks(sizes=(3, 5, 7)), source=numbers())
def check_follows_the_order(student: Student, inputs: Arguments, source: Numbers) -> None:
    """Inputs in another order exchange the columns of the first mask and the rows of the last, and nothing else."""
    order, degrees, _ = inputs.args
    turn = source.permutation(len(order))
    first, *inner, last = student.made_masks(order, degrees)
    expect(first.any() & ~first.all() & last.any() & ~last.all(), "a mask keeps all weights, or none.")
    assert_value(student.made_masks(order[turn], degrees), [first[:, turn], *inner, last[turn]])


@question.check("stress", points=0.75, requires=(check_hidden_masks, check_output_mask))
@given(inputs=networks(sizes=(1,), depths=(1, 2), mults=(1, 2)))
def check_a_single_variable(student: Student, inputs: Arguments) -> None:
    """A single variable is predicted from nothing."""
    masks = student.made_masks(*inputs.args)
    expect(~reaches(masks), "the output of a single variable depends on its input.")


question.check("robustness", points=0.5, requires=(check_hidden_masks, check_output_mask))(
    leaves_inputs_unchanged(networks(mults=(1, 2)))
)
question.check("behaviour", points=0.5, requires=(check_hidden_masks, check_output_mask))(
    runs_on_other_devices(networks(mults=(1, 2)))
)
question.check("behaviour", points=0.25, requires=(check_hidden_masks, check_output_mask))(keeps_generators(networks()))


LOST = "Multiply your masks together: how many of the D(D-1)/2 pairs does an input reach an output in?"
LATER = "Set one input to nan. Which outputs turn nan, and which of them come before that input?"


@question.misconception(
    "Change the input that comes last and nothing else: which outputs should notice? One of yours does."
)
def lets_an_output_see_its_own_input(
    order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1
) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] >= degrees[None, :]).repeat(out_mult, 1)]


@question.misconception(LOST)
def is_strict_in_every_layer(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] > degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("A hidden unit of degree 0 may see one input. Which inputs does yours see?")
def counts_positions_from_one(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order + 1
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("May a hidden unit pass on what units of its own degree know? " + LOST)
def is_strict_between_hidden_layers(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for i, hidden in enumerate(hidden_degrees):
        masks.append(hidden[:, None] > degrees[None, :] if i else hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception(
    "The second variable may see the first one. Which hidden units does your output let it look at?"
)
def steps_back_twice_at_the_output(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :] + (1 if hidden_degrees else 0)).repeat(out_mult, 1)]


@question.misconception(
    "A weight matrix of nn.Linear has one row for each output. What do the rows of your masks stand for?"
)
def returns_masks_in_by_out(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append((hidden[:, None] >= degrees[None, :]).mT)
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).repeat(out_mult, 1).mT]


@question.misconception(LATER)
def turns_the_comparison_round(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] <= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] < degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("Reverse the order: your masks stay as they are. Where should they change?")
def ignores_the_order(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    positions = torch.arange(len(order), device=order.device)
    masks, degrees = [], positions
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (positions[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("Does order[2] = 0 say that input 2 comes first, or that input 0 comes third?")
def takes_order_for_a_list_of_inputs(
    order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1
) -> list[Tensor]:
    positions = torch.argsort(order)
    masks, degrees = [], positions
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (positions[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("The inputs come in their order; do your outputs come in the same one?")
def sorts_the_outputs(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (torch.arange(len(order), device=order.device)[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("With out_mult = 2, row 1 is the first output of variable 1. What is it in your mask?")
def interleaves_the_outputs(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).repeat_interleave(out_mult, 0)]


@question.misconception("With a mean and a variance for each variable, how many rows does the last layer have?")
def forgets_out_mult(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, order[:, None] > degrees[None, :]]


@question.misconception("Which layer does your second mask come after? Its columns should be that layer's units.")
def compares_every_layer_with_the_inputs(
    order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1
) -> list[Tensor]:
    masks = [hidden[:, None] >= order[None, :] for hidden in hidden_degrees]
    degrees = hidden_degrees[-1] if hidden_degrees else order
    return [*masks, (order[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("With one variable there is no degree below D - 1. What does your remainder do then?")
def wraps_degrees_around(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        hidden = hidden % (len(order) - 1)
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.misconception("A network with no hidden layer has one mask. What does your code do with an empty list?")
def wants_a_hidden_layer(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks = [hidden_degrees[0][:, None] >= order[None, :]]
    for i in range(1, len(hidden_degrees)):
        masks.append(hidden_degrees[i][:, None] >= hidden_degrees[i - 1][None, :])
    return [*masks, (order[:, None] > hidden_degrees[-1][None, :]).repeat(out_mult, 1)]


@question.misconception("Which dtype says keep or drop and nothing else? What dtype have your masks?")
def returns_zeros_and_ones(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, degrees = [], order
    for hidden in hidden_degrees:
        masks.append((hidden[:, None] >= degrees[None, :]).float())
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).float().repeat(out_mult, 1)]


@question.misconception("Print the order before and after the call: what does += do to a tensor?")
def renumbers_in_place(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    order += 1
    masks, degrees = [], order
    for hidden in hidden_degrees:
        hidden += 1
        masks.append(hidden[:, None] >= degrees[None, :])
        degrees = hidden
    return [*masks, (order[:, None] > degrees[None, :]).repeat(out_mult, 1)]


@question.alternative
def subtracts_degrees(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    layers = [order, *hidden_degrees]
    masks = []
    for i in range(1, len(layers)):
        masks.append((layers[i].unsqueeze(1) - layers[i - 1].unsqueeze(0)) >= 0)
    last = layers[-1].unsqueeze(0) - order.unsqueeze(1) < 0
    masks.append(torch.cat([last for _ in range(out_mult)], dim=0))
    return masks


@question.alternative
def expands_to_grids(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks = []
    previous = order
    for degree in hidden_degrees:
        rows, columns = torch.meshgrid(degree, previous, indexing="ij")
        masks.append(torch.logical_not(rows < columns))
        previous = degree
    rows, columns = torch.meshgrid(torch.tile(order, (out_mult,)), previous, indexing="ij")
    return [*masks, rows > columns]


@question.alternative
def compares_unit_by_unit(order: Tensor, hidden_degrees: Sequence[Tensor], out_mult: int = 1) -> list[Tensor]:
    masks, previous = [], order
    for degree in hidden_degrees:
        masks.append(torch.stack([unit >= previous for unit in degree]))
        previous = degree
    last = torch.stack([position - 1 >= previous for position in order])
    return [*masks, last.unsqueeze(0).expand(out_mult, -1, -1).reshape(-1, len(previous))]
