"""Wrong answers to ar.4, each with its sentence."""

from __future__ import annotations

import torch
from torch import Tensor


def swaps_the_kinds(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "B" else after >= before
    return mask


def hides_the_centre_in_both(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before
    return mask


def shows_the_centre_in_both(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after >= before
    return mask


def keeps_the_rows_below(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.ones(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, centre, centre + 1 :] = False
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def keeps_the_rows_above_only(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def looks_to_the_right(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, centre + 1 :] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def swaps_rows_and_columns(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask.mT.contiguous()


def looks_at_what_follows(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    mask = torch.cat((mask[..., :centre, :], mask[..., centre:, :]), -2)
    turned = mask.flip(-1, -2)
    turned[:, :, centre, centre] = mask[:, :, centre, centre]
    return turned


def ignores_the_colors(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    mask[:, :, centre, centre] = kind == "B"
    return mask


def interleaves_the_colors(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after, before = (torch.arange(out_ch) % n_colors)[:, None], (torch.arange(in_ch) % n_colors)[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def reverses_the_colors(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after < before if kind == "A" else after <= before
    return mask


def compares_channels(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after, before = torch.arange(out_ch)[:, None], torch.arange(in_ch)[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def returns_in_by_out(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask.transpose(0, 1).contiguous()


def returns_zeros_and_ones(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask.float()


def accepts_even_kernels(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def accepts_broken_blocks(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) * n_colors // out_ch)[:, None]
    before = (torch.arange(in_ch) * n_colors // in_ch)[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def refuses_with_an_assertion(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    assert k % 2 == 1
    assert in_ch % n_colors == 0
    assert out_ch % n_colors == 0
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def has_three_rows(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = min(k // 2, 3)
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def hides_all_colors_in_kind_a(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = (after >= before) & (kind == "B")
    return mask


def shows_all_colors_in_kind_b(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = (after > before) | (kind == "B")
    return mask


def shows_all_other_colors(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after != before if kind == "A" else after >= before
    return mask


def shows_the_own_color_alone_in_kind_b(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after == before
    return mask


def keeps_what_is_above_and_left(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def keeps_what_is_above_up_to_the_own_column(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre, : centre + 1] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def keeps_the_whole_row(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


def marks_what_is_hidden(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return ~mask


def compares_colors_at_every_pixel(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = True
    seen = after > before if kind == "A" else after >= before
    mask &= seen[..., None, None]
    return mask


def compares_colors_in_the_whole_row(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (in_ch // n_colors))[None, :]
    mask[:, :, centre, : centre + 1] = (after > before if kind == "A" else after >= before)[..., None]
    return mask


def counts_channels_by_those_of_the_output(kind: str, in_ch: int, out_ch: int, k: int, n_colors: int = 1) -> Tensor:
    if k % 2 == 0 or in_ch % n_colors or out_ch % n_colors:
        raise ValueError
    centre = k // 2
    mask = torch.zeros(out_ch, in_ch, k, k, dtype=torch.bool)
    mask[:, :, :centre] = True
    mask[:, :, centre, :centre] = True
    after = (torch.arange(out_ch) // (out_ch // n_colors))[:, None]
    before = (torch.arange(in_ch) // (out_ch // n_colors))[None, :]
    mask[:, :, centre, centre] = after > before if kind == "A" else after >= before
    return mask


GREEN = "May red see green at the same pixel? Which of the two is generated first?"
ABOVE = "Which pixels of the row above come before the centre: those to the left of it, or all?"
NEIGHBOUR = "Red of this pixel, blue of the one to its left: which was generated first, and may the one see the other?"

SENTENCES = {
    swaps_the_kinds: "Your first layer sees the pixel that it predicts. Which kind is the first layer's?",
    hides_the_centre_in_both: "In a later layer the centre is a feature made from the past. Does kind B hide it?",
    shows_the_centre_in_both: "Your first layer sees the pixel that it predicts. What tells kind A from kind B?",
    keeps_the_rows_below: "Paint only the bottom row: the output at the centre moves.",
    keeps_the_rows_above_only: "Which pixels of the centre's own row have been generated already?",
    looks_to_the_right: "In which direction is a row written? Paint only the right half and look at the centre.",
    swaps_rows_and_columns: (
        "Paint a single column left of the centre, from top to bottom: which of its pixels may the centre see?"
    ),
    looks_at_what_follows: "Turn your mask by 180 degrees and compare it with the worked number.",
    ignores_the_colors: GREEN,
    interleaves_the_colors: "Six channels, three colours: which channels are red, 0 and 1 or 0 and 3?",
    reverses_the_colors: "Red is generated first. Which colour sees which, in your mask?",
    compares_channels: "Channels 0 and 1 are of the same colour. What may the one see of the other in kind A?",
    returns_in_by_out: "The weight of nn.Conv2d starts with its output channels. What does your mask start with?",
    returns_zeros_and_ones: "Which dtype says keep or drop and nothing else? What dtype has your mask?",
    accepts_even_kernels: "Where is the centre of a kernel of size 4?",
    accepts_broken_blocks: "Four channels, three colours: which colour has two of them?",
    refuses_with_an_assertion: "Which exception does the stub name for arguments that make no sense?",
    has_three_rows: "A kernel may have one row or nine. Which sizes does your mask fit?",
    hides_all_colors_in_kind_a: (
        "Red is generated first. May blue see it at the same pixel, in the first layer already?"
    ),
    shows_all_colors_in_kind_b: GREEN,
    shows_all_other_colors: GREEN,
    shows_the_own_color_alone_in_kind_b: (
        "Red is generated first. What may blue see of it at the same pixel, in a later layer?"
    ),
    keeps_what_is_above_and_left: ABOVE,
    keeps_what_is_above_up_to_the_own_column: ABOVE,
    keeps_the_whole_row: "Paint only what is right of the centre, in its own row: does the output there move?",
    marks_what_is_hidden: "What does True say in your mask: keep the weight, or drop it?",
    compares_colors_at_every_pixel: NEIGHBOUR,
    compares_colors_in_the_whole_row: NEIGHBOUR,
    counts_channels_by_those_of_the_output: (
        "Six channels in and nine out, three colours: how many channels has each, on either side?"
    ),
}
"""What each of them deserves to hear."""
