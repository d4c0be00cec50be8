"""The pytest plugin that grades: one pytest session a process, one item a (submission, check).

Pytest collects nothing from disk here. The run loop takes tasks from wherever the backend gets them, makes an item
of each check, and lets pytest call and report it, so that what pytest offers (hooks, assertion details for the
instructor, `--pdb`) works on every check of every submission.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from _pytest.runner import call_and_report

from grader.errors import CheckFailed, GraderError, SandboxError, UsageError
from grader.examples import Recording
from grader.link import Relay
from grader.marking import Marker, is_absent
from grader.model import Cause, Outcome, QuestionResult, SubmissionResult
from grader.question import Question
from grader.session import QuestionSession, Verdict
from grader.task import Sink, Task

Watcher = Callable[[Task, SubmissionResult], object]
"""Is told a submission's document after each of its questions, with those that are graded so far."""

ATTEMPTS = 2
"""How often a question is graded where the fault is the grader's own, before that is reported."""


UNUSED_PLUGINS = (
    *("cacheprovider", "terminal", "logging", "doctest", "unittest", "faulthandler", "junitxml", "warnings"),
    # They collect garbage five times at the end of a session, which nbgrader has one of for each submission.
    *("unraisableexception", "threadexception"),
)
"""Parts of pytest that have nothing to do here, and cost time on every check."""


class CheckItem(pytest.Item):
    """One check of one submission."""

    def __init__(self, *, grading: QuestionSession, recording: Recording, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.grading = grading
        self.recording = recording
        self.verdict: Verdict | None = None
        self.error: Exception | None = None
        """Why there is no verdict."""

    def runtest(self) -> None:
        """Run the check and say to pytest what it found."""
        try:
            self.verdict = self.grading.run(self.recording)
        except Exception as error:
            self.error = error
            raise
        if self.verdict.outcome is Outcome.SKIPPED:
            pytest.skip("a check that it requires did not pass")
        if self.verdict.outcome is Outcome.ERROR:
            raise GraderError(self.verdict.fault)
        if self.verdict.failure is not None:
            raise self.verdict.failure

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """One line; where the fault is ours, pytest's whole account of it."""
        if isinstance(excinfo.value, CheckFailed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Where the check stands, for pytest's reports."""
        code = self.recording.check.test.__code__
        return code.co_filename, code.co_firstlineno, self.name


class GradingPlugin:
    """Grades tasks inside a pytest session.

    Args:
        marker: This process's zygote and recordings.
        tasks: What to grade, in order; may block until there is more.
        sink: Is told each result as soon as it is there.
        watcher: Is told what there is of it before.
    """

    def __init__(self, marker: Marker, tasks: Iterable[Task], sink: Sink, watcher: Watcher | None = None) -> None:
        self.marker = marker
        self.tasks = tasks
        self.sink = sink
        self.watcher = watcher
        self.error: BaseException | None = None

    @pytest.hookimpl
    def pytest_collection(self, session: pytest.Session) -> bool:
        """Nothing is collected: items come with the tasks."""
        session.items = []
        return True

    @pytest.hookimpl
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Grade every task."""
        try:
            for task in self.tasks:
                self.sink(task, self._grade(session, task))
        except BaseException as error:
            # Pytest would turn this into an exit status; the caller wants it as it is.
            self.error = error
        return True

    def _grade(self, session: pytest.Session, task: Task) -> SubmissionResult:
        started = time.perf_counter()
        done: dict[str, QuestionResult] = {}
        with Relay() as relay:
            for question in self.marker.questions(task):
                done[question.id] = self._question(session, task, question, relay, done)
                if self.watcher:
                    self.watcher(task, self.marker.document(task, list(done.values()), started))
        return self.marker.document(task, list(done.values()), started)

    def _question(
        self,
        session: pytest.Session,
        task: Task,
        question: Question,
        relay: Relay,
        earlier: Mapping[str, QuestionResult],
    ) -> QuestionResult:
        submission = task.submission
        if is_absent(task.device):
            return self.marker.without_running(task, question)
        if submission.problem is not None:
            failure = CheckFailed(Cause.EXCEPTION, submission.problem)
            return self.marker.without_running(task, question, failure=failure)
        fault = submission.fault or task.fault
        for _ in range(0 if fault else ATTEMPTS):
            try:
                result = self._run_checks(session, task, question, relay, earlier)
            except (SandboxError, UsageError):
                raise
            except Exception as error:
                # Whatever breaks here is ours, and must not cost the rest of the class its grades.
                fault = f"{type(error).__name__}: {error}"
            else:
                if result.outcome is not Outcome.ERROR:
                    return result
                fault = next(check.staff for check in result.checks if check.outcome is Outcome.ERROR)
            self.marker.zygotes.renew(task.device)
        return self.marker.without_running(task, question, fault=fault or "the grader failed without saying why")

    def _run_checks(
        self,
        session: pytest.Session,
        task: Task,
        question: Question,
        relay: Relay,
        earlier: Mapping[str, QuestionResult],
    ) -> QuestionResult:
        with self.marker.session(task, question, relay) as grading:
            verdicts: list[Verdict] = []
            for recording in grading.recordings:
                verdicts.append(self._verdict(session, task, grading, recording))
                if grading.is_trial and verdicts[-1].outcome is not Outcome.PASSED:
                    break
            else:
                if all(verdict.outcome is Outcome.PASSED for verdict in verdicts):
                    grading.link.hand_on()
                return self.marker.question_result(task, grading, verdicts, earlier)
        # What failed where other questions had been is judged again; nothing was handed on, so in a worker of its own.
        return self._run_checks(session, task, question, relay, earlier)

    def _verdict(self, session: pytest.Session, task: Task, grading: QuestionSession, recording: Recording) -> Verdict:
        name = f"{task.submission.id}::{grading.question.id}::{recording.check.name}"
        item = CheckItem.from_parent(session, name=name, grading=grading, recording=recording)
        # A check has nothing to set up and nothing to tear down, which are two thirds of what an item costs.
        report = call_and_report(item, "call", log=False)
        if item.error is not None:
            raise item.error
        if item.verdict is None:
            raise GraderError(f"pytest did not run {name}: {report.longrepr}")
        return item.verdict


def run(marker: Marker, tasks: Iterable[Task], sink: Sink, watcher: Watcher | None = None) -> None:
    """Grade tasks in a pytest session of this process.

    Raises:
        SandboxError: Where this machine cannot confine workers.
        GraderError: Where the session itself ends before the tasks do.
    """
    plugin = GradingPlugin(marker, tasks, sink, watcher)
    # A conftest.py where the command is started may be a student's.
    options = ["-c", os.devnull, "--rootdir", os.sep, "--noconftest", "--capture=no"]
    options += [word for name in UNUSED_PLUGINS for word in ("-p", f"no:{name}")]
    with _plain_pytest(), contextlib.redirect_stdout(io.StringIO()):
        status = pytest.main(options, plugins=[plugin])
    if plugin.error is not None:
        raise plugin.error
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.TESTS_FAILED):
        raise GraderError(f"the pytest session ended with {status!r} before every submission was graded")


@contextlib.contextmanager
def _plain_pytest() -> Iterator[None]:
    """No plugin that happens to be installed, and no option from the environment, takes part in grading."""
    wanted = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
