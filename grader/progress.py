"""What long work says about itself: how far it is, and how much longer it will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

QUIET_EVERY_S = 10.0
"""Between two lines of a log."""


@contextmanager
def shown(console: Console, title: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a function that is told how many pieces are done and of how many, first before any work.

    On a terminal it moves a bar that tells the time left; elsewhere it writes a line now and then.
    """
    if not console.is_terminal:
        yield _Lines(console, title)
        return
    from rich import progress  # quiet runs do without it

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=30),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    """Progress for a log."""

    def __init__(self, console: Console, title: str) -> None:
        self._console, self._title = console, title
        self._began = self._said = time.monotonic()
        self._done_before: int | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        # What an earlier run did took no time of this one.
        self._done_before = done if self._done_before is None else self._done_before
        own = done - self._done_before
        if own > 0 and done < total and now - self._said >= QUIET_EVERY_S:
            self._said = now
            left_s = (now - self._began) / own * (total - done)
            line = f"{self._title}: {done} of {total}, about {left_s:.0f} s left"
            self._console.print(line, markup=False, highlight=False)
