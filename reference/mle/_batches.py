"""Batches whose first example stays as it is, for the law that examples are independent."""

from __future__ import annotations

import torch

from grader.standard import Arguments
from grader.strategies import Numbers, Shape

ONE_EXAMPLE: tuple[Shape, ...] = ((), (1,))
"""Batch shapes on which a function that mixes examples can still be right, so that its formula earns its points."""

SEVERAL_EXAMPLES: tuple[Shape, ...] = ((3,), (2, 3), (3, 1, 2))
"""Batch shapes on which it cannot."""

ONE_BATCH_DIMENSION: tuple[Shape, ...] = ((2,), (3,))

THREE_EXAMPLES: tuple[Shape, ...] = ((3,),)


def change_all_but_first(inputs: Arguments, source: Numbers) -> Arguments:
    """Other floating-point values for every example but the first; integers stay."""

    def change(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point():
            return tensor
        return torch.cat((tensor[:1], source.normal(tuple(tensor[1:].shape))))

    return inputs.map(change)
