"""ar.4: masks that keep a convolution from seeing what is later in raster order (van den Oord et al. 2016, 3.4).

A kernel sees the rows above its centre, the centre's row to the left, and at the centre the colours before its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from grader.compare import assert_value, expect
from grader.question import Question
from grader.remote import Student
from grader.standard import Arguments, arguments, keeps_generators, matches_oracle
from reference.autoregressive._pixelcnn_mistakes import SENTENCES

NO_TENSOR = "no argument is a tensor"
question = Question(
    id="ar.4",
    functions=["pixelcnn_mask"],
    title="The masks of PixelCNN",
    exempt={
        "mutates_its_input": NO_TENSOR,
        "loops_over_batch": NO_TENSOR,
        "cpu_constant": NO_TENSOR,
        "float32_inside": NO_TENSOR,
        "wrong_dtype": "the result is bool; a listed misconception returns another dtype",
        "fails_on_empty": NO_TENSOR,
        "fails_on_noncontiguous": NO_TENSOR,
        "input_returned": NO_TENSOR,
        "input_summed": NO_TENSOR,
    },
)


@question.oracle
def pixelcnn_mask(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    """Which weights [out_ch, in_ch, k, k] are kept, entry by entry from the definition."""
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError("an odd kernel and whole blocks of channels are needed")
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    for out, into, row, column in torch.cartesian_prod(*map(torch.arange, mask.shape)).tolist():
        color_out, color_in = out * n_colors // out_ch, into * n_colors // in_ch
        seen = color_in < color_out or (kind == "B" and color_in == color_out)
        place, centre = row * k + column, (k // 2) * k + k // 2
        mask[out, into, row, column] = place < centre or (place == centre and seen)
    return mask


@st.composite
def layers(
    draw: st.DrawFn,
    *,
    kinds: Sequence[str] = ("A", "B"),
    channels: Sequence[tuple[int, int, int]] = ((1, 1, 1), (2, 3, 1), (3, 2, 1)),
    sizes: Sequence[int] = (3, 5, 7),
) -> Arguments:
    """Arguments (kind, in_ch, out_ch, k, n_colors); channels are (in_ch, out_ch, n_colors)."""
    in_ch, out_ch, n_colors = draw(st.sampled_from(channels))
    return arguments(draw(st.sampled_from(kinds)), in_ch, out_ch, draw(st.sampled_from(sizes)), n_colors)


COLORED = ((3, 6, 3), (6, 3, 3), (2, 4, 2), (6, 9, 3), (4, 6, 2))

check_first_layer = question.check(
    "value", points=2, name="mask_A", description="Kind A sees the rows above and the pixels to the left."
)(matches_oracle(pixelcnn_mask, layers(kinds=("A",))))
check_later_layers = question.check(
    "value", points=1, name="mask_B", description="Kind B sees the centre pixel as well."
)(matches_oracle(pixelcnn_mask, layers(kinds=("B",))))
VALUES = (check_first_layer, check_later_layers)
check_colors = question.check(
    "value", points=2, name="colors", description="At the centre, a colour sees the colours before its own."
)(matches_oracle(pixelcnn_mask, layers(channels=COLORED, sizes=(1, 3))))


@question.check("law", points=0.75)
@given(channels=st.sampled_from(COLORED), k=st.sampled_from((3, 5)))
def check_kinds_differ_at_the_centre_alone(student: Student, channels: tuple[int, int, int], k: int) -> None:
    """Kind B sees all that kind A sees, and besides the centre's own colour, nothing else."""
    in_ch, out_ch, n_colors = channels
    first, later = (student.pixelcnn_mask(kind, in_ch, out_ch, k, n_colors) for kind in ("A", "B"))
    expect(~first | later, "kind B hides a weight that kind A keeps.")
    added = later & ~first
    per_color = (out_ch // n_colors) * (in_ch // n_colors)
    expect(added[..., k // 2, k // 2].sum() == n_colors * per_color, "kind B does not add each colour's own weights.")
    added[..., k // 2, k // 2] = False
    expect(~added, "kind B adds weights away from the centre.")


def paths_to_the_centre(masks: Sequence[Tensor], size: int) -> Tensor:
    """How many paths of kept weights lead from each input [in_ch, size, size] to each output channel at the centre."""
    image = torch.zeros(1, masks[0].shape[1], size, size, dtype=torch.float64, requires_grad=True)
    values: Any = image
    for mask in masks:
        values = torch.nn.functional.conv2d(values, mask.double(), padding=mask.shape[-1] // 2)
    centre = values[0, :, size // 2, size // 2]
    return torch.stack([torch.autograd.grad(one, image, retain_graph=True)[0][0] for one in centre])


@question.check("law", points=1.5)
@given(n_colors=st.sampled_from((1, 3)), depth=st.sampled_from((1, 2)))
def check_stacked_layers_see_the_past_alone(student: Student, n_colors: int, depth: int) -> None:
    """A layer of kind A and layers of kind B, one after another, see no pixel or colour that comes later."""
    size, hidden = 5, 2 * n_colors
    masks = [student.pixelcnn_mask("A", n_colors, hidden, 3, n_colors)]
    masks += [student.pixelcnn_mask("B", hidden, hidden, 3, n_colors)] * (depth - 1)
    masks += [student.pixelcnn_mask("B", hidden, n_colors, 1, n_colors)]
    seen = paths_to_the_centre(masks, size) > 0
    # In the order in which an image is generated: pixel by pixel, and colour by colour within each.
    flat = seen.permute(0, 2, 3, 1).flatten(1)
    times, now = torch.arange(flat.shape[1]), (size * size // 2) * n_colors + torch.arange(n_colors).unsqueeze(1)
    expect(~flat | (times < now), "an output sees its own input, or one that comes later.")
    left = seen[:, :, size // 2, size // 2 - 1].any(1) & seen[:, :, size // 2 - 1, size // 2].any(1)
    expect(left, "an output does not see the pixel to its left or the one above.")
    expect(flat[-1, now[-1] - n_colors + 1 : now[-1]], "the last colour does not see the colours before it.")


@question.check("law", points=0.5)
@given(channels=st.sampled_from(((3, 6, 3), (6, 9, 3), (2, 4, 2))), kind=st.sampled_from(("A", "B")))
def check_centre_is_triangular_in_the_colors(student: Student, channels: tuple[int, int, int], kind: str) -> None:
    """At the centre a colour sees no later one: averaged over its channels, the mask is a lower triangle of ones."""
    in_ch, out_ch, n_colors = channels
    centre = student.pixelcnn_mask(kind, in_ch, out_ch, 3, n_colors)[..., 1, 1].double()
    blocks = centre.reshape(n_colors, out_ch // n_colors, n_colors, in_ch // n_colors).mean((1, 3))
    ones = torch.ones(n_colors, n_colors, dtype=torch.float64)
    assert_value(blocks, ones.tril(-1 if kind == "A" else 0))


question.check(
    "stress",
    points=0.5,
    requires=VALUES,
    name="kernel_sizes",
    description="Works for a kernel of one pixel and for one of nine by nine.",
)(matches_oracle(pixelcnn_mask, layers(channels=((3, 3, 3), (2, 3, 1)), sizes=(1, 9))))


@question.check("stress", points=0.75, requires=VALUES)
@given(k=st.sampled_from((2, 4, 8)), kind=st.sampled_from(("A", "B")))
def check_even_kernels_are_refused(student: Student, k: int, kind: str) -> None:
    """A kernel of even size has no centre: ValueError."""
    student.pixelcnn_mask.raises("ValueError", kind, 1, 1, k)


@question.check("stress", points=0.75, requires=VALUES)
@given(channels=st.sampled_from(((3, 4, 3), (4, 3, 3), (1, 2, 2))), kind=st.sampled_from(("A", "B")))
def check_broken_blocks_are_refused(student: Student, channels: tuple[int, int, int], kind: str) -> None:
    """Channels that cannot be shared out among the colours: ValueError."""
    in_ch, out_ch, n_colors = channels
    student.pixelcnn_mask.raises("ValueError", kind, in_ch, out_ch, 3, n_colors)


question.check("behaviour", points=0.25, requires=VALUES)(keeps_generators(layers()))


for mistake, sentence in SENTENCES.items():
    question.misconception(sentence)(mistake)


@question.alternative
def counts_places(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 != 1 or in_ch % n_colors != 0 or out_ch % n_colors != 0:
        raise ValueError("bad sizes")
    places = torch.arange(k * k).reshape(1, 1, k, k) - (k * k) // 2
    group_out = torch.arange(n_colors).repeat_interleave(out_ch // n_colors).reshape(-1, 1, 1, 1)
    group_in = torch.arange(n_colors).repeat_interleave(in_ch // n_colors).reshape(1, -1, 1, 1)
    same_or_before = group_out - group_in >= (1 if kind == "A" else 0)
    return (places < 0) | ((places == 0) & same_or_before)


@question.alternative
def starts_from_ones(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0:
        raise ValueError("k must be odd")
    if in_ch % n_colors or out_ch % n_colors:
        raise ValueError("channels must be multiples of n_colors")
    mask = torch.ones((out_ch, in_ch, k, k))
    mask[:, :, k // 2 + 1 :, :] = 0
    mask[:, :, k // 2, k // 2 :] = 0
    per_out, per_in = out_ch // n_colors, in_ch // n_colors
    for color in range(n_colors):
        until = color if kind == "A" else color + 1
        mask[color * per_out : (color + 1) * per_out, : until * per_in, k // 2, k // 2] = 1
    return mask.bool()


@question.alternative
def builds_the_centre_with_kron(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError(f"cannot build a mask from {k}, {in_ch}, {out_ch} and {n_colors}")
    kernel = torch.tensor([[(i, j) < (k // 2, k // 2) for j in range(k)] for i in range(k)])
    mask = kernel.repeat(out_ch, in_ch, 1, 1)
    triangle = torch.tril(torch.ones(n_colors, n_colors), diagonal=-1 if kind == "A" else 0)
    mask[..., k // 2, k // 2] = torch.kron(triangle, torch.ones(out_ch // n_colors, in_ch // n_colors)) > 0
    return mask
