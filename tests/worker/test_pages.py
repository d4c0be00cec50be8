"""Huge pages: the memory is the same, and the kernel says that it lies in them."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from grader.worker import pages


def _huge_bytes() -> int:
    (kib,) = re.findall(r"AnonHugePages: +(\d+) kB", Path("/proc/self/smaps_rollup").read_text())
    return 1024 * int(kib)


@pytest.mark.skipif(
    tuple(map(int, platform.release().split(".")[:2])) < (6, 1)
    or not Path("/sys/kernel/mm/transparent_hugepage").is_dir(),
    reason="this kernel has no huge pages on demand (Linux has since 6.1)",
)
def test_memory_is_moved_into_huge_pages_as_it_is() -> None:
    content = bytes(range(256)) * (16 * pages.HUGE_BYTES // 256)
    copy = bytearray(content)
    # Not all need come about: memory may be in pieces.
    collapsed = pages.collapse()
    assert 0 < pages.HUGE_BYTES * collapsed <= _huge_bytes()
    assert copy == content
