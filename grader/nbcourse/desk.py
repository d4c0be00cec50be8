"""One grading process for as long as nbgrader runs, with the same store of results as `grader grade`."""

from __future__ import annotations

import atexit
import functools
import os
from pathlib import Path

from grader import catalog, grading, originals, plugin, results, secret
from grader.catalog import LoadedAssignment
from grader.errors import UsageError
from grader.keeping import kept_instead
from grader.marking import Marker
from grader.model import Submission, SubmissionResult
from grader.settings import Settings, load
from grader.task import Plan, Task


@functools.cache
def desk_of(root: Path) -> Desk:
    """The desk of an nbgrader folder, whose `grader.toml` says where the course is."""
    return Desk(load({}, cwd=root, environ=os.environ))


class Desk:
    """Grades one submission after another; what is started for the first serves all.

    Args:
        settings: As for `grader grade`; the first of its devices is used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._marker: Marker | None = None
        self._stored: dict[str, SubmissionResult] | None = None

    def assignment(self, name: str) -> LoadedAssignment:
        """An assignment of the course.

        Raises:
            UsageError: There is none of this name.
        """
        if name not in catalog.names(self.settings.course):
            raise UsageError(
                f"the course in {self.settings.course} has no assignment {name!r}; autograde it in a folder whose "
                "nbgrader_config.py does not call grader's configure()"
            )
        return catalog.load(self.settings.course, name)

    def result(self, submission: Submission) -> SubmissionResult:
        """The submission's result, as `grader grade` makes and stores it; graded only where there is no current one.

        Raises:
            SandboxError: Where this machine cannot confine workers.
        """
        out = self.settings.out
        with results.writing(out):
            course_secret = secret.load_or_make(out)
            task = grading.make_tasks(self.settings, [submission], course_secret)[0]
            known = self._known(task)
            if known is not None:
                return known
            graded: list[SubmissionResult] = []
            marker = self._started(grading.plan_of(self.settings, course_secret))
            plugin.run(marker, [task], lambda _, result: graded.append(result))
            if kept_instead(out, graded[0], was_read=submission.fault is None) is None:
                originals.store(out, submission)
                results.store(out, graded[0])
            return graded[0]

    def _known(self, task: Task) -> SubmissionResult | None:
        if self._stored is None:
            self._stored = dict(results.load_all(self.settings.out).by_key)
        known = self._stored.get(task.key)
        return known if known is not None and known.score is not None else None

    def _started(self, plan: Plan) -> Marker:
        if self._marker is None:
            self._marker = Marker(plan)
            atexit.register(self._marker.__exit__)
        return self._marker
