"""How a command ends: its exit code, and the sentence that says why."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

DONE, NO, USAGE, UNSAFE, OURS, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Done, whatever the scores; the command's own negative answer; it cannot do what was asked; this machine cannot do it
safely; a fault of the grader; interrupted."""


def ending(run: Callable[[], int]) -> int:
    """The exit code of a run; what it raises becomes a sentence on standard error."""
    from grader.errors import GraderError, NobodyReadsError, SandboxError, SubmissionError, UsageError

    try:
        return run()
    except (UsageError, SubmissionError) as error:
        return _fail(f"Error: {error}", USAGE)
    except SandboxError as error:
        return _fail(f"Cannot run submissions safely here ({error.layer}): {error}", UNSAFE)
    except GraderError as error:
        return _fail(f"A fault of the grader or of a question file: {error}", OURS)
    except KeyboardInterrupt:
        return _fail("Interrupted. What is finished is kept: the same command goes on from there.", INTERRUPTED)
    except NobodyReadsError:
        # Nothing more can be said there, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:
        traceback.print_exc()
        return _fail("A fault of the grader, not of a submission; the lines above say where.", OURS)


def _fail(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
