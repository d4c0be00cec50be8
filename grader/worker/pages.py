"""What a fork has to copy, and an exit to free: page tables, which are short where pages are large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.worker import kernel

HUGE_BYTES = 2 << 20


def collapse() -> int:
    """Have the kernel move this process's own memory into huge pages; where it writes, a child still copies small ones.

    Linux can since 6.1. Before, or without transparent huge pages, nothing changes but how long forks take.

    Returns:
        How many pages are huge now.
    """
    return sum(kernel.collapse(address, HUGE_BYTES) for address in _whole_pages())


def _whole_pages() -> Iterator[int]:
    """Where a huge page would fit into memory that is private, writable and of no file."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, _, _, inode, *name = line.split()
        if rights != "rw-p" or inode != "0" or name not in ([], ["[heap]"]):
            continue
        start, end = (int(address, 16) for address in span.split("-"))
        first = -(-start // HUGE_BYTES) * HUGE_BYTES
        yield from range(first, end - HUGE_BYTES + 1, HUGE_BYTES)
