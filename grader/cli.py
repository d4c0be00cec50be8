"""The command line: each command reads its settings, makes one call, prints what came back, and ends with a code.

0 done, whatever the scores; 1 the command's own negative answer; 2 it cannot do what was asked; 3 this machine cannot
do it safely; 4 a fault of the grader; 130 interrupted. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from grader import options as shared
from grader.settings import Settings, load

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from grader.model import Submission, SubmissionResult
    from grader.selfcheck import Target

DEMO_CLASS = Path("tests", "demo_class")
"""In a checkout of the course."""

DONE, NO, USAGE, UNSAFE, OURS, INTERRUPTED = 0, 1, 2, 3, 4, 130

_P = ParamSpec("_P")

# Without rich, help answers in half the time.
app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """The `grader` command."""
    app()


def _command(run: Callable[_P, int]) -> Callable[_P, None]:
    """Make a function that returns an exit code a command; what it raises becomes a sentence and a code."""

    @app.command()
    @functools.wraps(run)
    def command(*args: _P.args, **kwargs: _P.kwargs) -> None:
        raise typer.Exit(ending(lambda: run(*args, **kwargs)))

    return command


def ending(run: Callable[[], int]) -> int:
    """The exit code of a run; what it raises becomes a sentence on standard error."""
    from grader.errors import GraderError, SandboxError, SubmissionError, UsageError

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
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be said there, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception:
        traceback.print_exc()
        return _fail("A fault of the grader, not of a submission; the lines above say where.", OURS)


def _fail(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code


@_command
def grade(
    paths: Annotated[list[Path], typer.Argument(help="A submission, a student's folder, or a class.")],
    course: shared.Course = None,
    assignment: shared.AssignmentName = None,
    out: shared.Out = None,
    jobs: shared.Jobs = None,
    devices: shared.Devices = None,
    reports: shared.Reports = None,
    layout: shared.LayoutName = None,
    roster: shared.RosterTable = None,
    deadlines: shared.DeadlineTable = None,
    sandbox: shared.Sandbox = None,
    fresh: shared.Fresh = None,
    wall_s: shared.WallS = None,
    memory_mib: shared.MemoryMib = None,
    carry: shared.Carry = None,
    gradebook: shared.Gradebook = None,
    fail_under: shared.FailUnder = None,
    json: shared.Json = None,
) -> int:
    """Grade submissions and write score reports."""
    flags = locals()
    settings = _settings(**{name: flags[name] for name in flags if name != "paths"})
    return _grade(settings, paths)


@_command
def check(
    assignment: Annotated[str | None, typer.Argument(help="A name, or the path of a folder or module.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever a file is saved.")] = False,
    json: shared.Json = None,
) -> int:
    """Run the public tests on your own work. A row for each question, and what failed."""
    from grader import selfcheck

    targets = selfcheck.find_targets(Path.cwd(), assignment)
    code = _check(targets, as_json=bool(json))
    if watch:
        try:
            selfcheck.watch(targets, lambda: _check(targets, as_json=bool(json)))
        except KeyboardInterrupt:
            return DONE
    return code


@_command
def validate(
    assignments: Annotated[list[str] | None, typer.Argument(help="Their names; all of them by default.")] = None,
    course: shared.Course = None,
    jobs: shared.Jobs = None,
    sandbox: shared.Sandbox = None,
    json: shared.Json = None,
) -> int:
    """Prove that questions tell right from wrong. Ends with 1 where one does not."""
    from grader import progress, tables, validation

    settings = _settings(course=course, jobs=jobs, sandbox=sandbox, json=json)
    with progress.shown(_console(stderr=True), "Validating") as told:
        found = validation.validate(settings, assignments or [], told)
    _print(settings, found, lambda: tables.validation_table(found))
    return DONE if found.ok else NO


@_command
def report(
    out: Annotated[Path, typer.Argument(help="The folder that results were written to.")],
    assignment: shared.AssignmentName = None,
    reports: shared.Reports = None,
    deadlines: shared.DeadlineTable = None,
    gradebook: shared.Gradebook = None,
    json: shared.Json = None,
) -> int:
    """Write reports again from stored results."""
    flags = locals()
    from grader import results, settlement
    from grader.errors import UsageError

    settings = _settings(**flags, need_course=False)
    stored = results.load_all(settings.out)
    for problem in stored.problems:
        _say(problem)
    found = [one for one in stored.results if assignment in (None, one.assignment)]
    if not found:
        what = f"results of {assignment}" if assignment else "results"
        raise UsageError(f"{settings.out} holds no {what}; name the folder that `grader grade --out` wrote to")
    found = settlement.settled(settings, found, _say)
    _print_results(settings, found)
    _write_reports(settings, found)
    return DONE


@_command
def regrade(
    out: Annotated[Path, typer.Argument(help="The folder that results were written to.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would change.")] = False,
    course: shared.Course = None,
    jobs: shared.Jobs = None,
    reports: shared.Reports = None,
    deadlines: shared.DeadlineTable = None,
    sandbox: shared.Sandbox = None,
    wall_s: shared.WallS = None,
    memory_mib: shared.MemoryMib = None,
    carry: shared.Carry = None,
    gradebook: shared.Gradebook = None,
    json: shared.Json = None,
) -> int:
    """Grade stored submissions again after a check changed. Says who gains, who loses and why."""
    flags = locals()
    from grader import progress, regrading, results, settlement, tables
    from grader.reports.figures import has_grader_error

    settings = _settings(**{name: flags[name] for name in flags if name != "dry_run"})
    _report_paths(settings)
    settlement.deadlines(settings)
    with progress.shown(_console(stderr=True), "Grading again") as told:
        found = regrading.regrade(settings, told)
    for sentence in found.missing:
        _say(sentence)
    _print(settings, found.document(), lambda: tables.regrade_table(found))
    if dry_run:
        _say("Nothing was written.")
    else:
        regrading.write(settings, found)
        everything = results.load_all(settings.out).results
        settlement.save(settings, everything, _say)
        _write_reports(settings, settlement.settled(settings, everything, _say))
    return OURS if any(map(has_grader_error, found.regraded)) else DONE


@_command
def release(
    assignment: Annotated[str | None, typer.Argument(help="Its name; all of them by default.")] = None,
    course: shared.Course = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write to. [default: assignments]")] = None,
    nbgrader: Annotated[
        Path | None, typer.Option("--nbgrader", help="An nbgrader folder; writes its source/ notebooks instead.")
    ] = None,
) -> int:
    """Make what students get. Stubs and notebooks, with public tests and handouts."""
    from grader import release as releases

    settings = _settings(course=course)
    for name in [assignment] if assignment else releases.names(settings.course):
        if nbgrader is not None:
            from grader.nbcourse.source import release_source

            written = release_source(settings.course, name, nbgrader)
        else:
            written = releases.release(settings.course, name, out or settings.course / "assignments")
        print(*written, sep="\n")
    return DONE


@_command
def package(
    target: Annotated[str, typer.Argument(help="classroom50, github, gitlab, gradescope or prairielearn.")],
    course: shared.Course = None,
    assignment: shared.AssignmentName = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write to. [default: package]")] = None,
    results: Annotated[
        Path | None, typer.Option("--results", help="Whose course.secret to use. [default: results]")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Options of that system.")
    ] = None,
) -> int:
    """Make what another system needs to grade with this course. Ready to upload."""
    from grader import packages, secret
    from grader import results as store
    from grader.packages.bundle import Bundle

    settings = _settings(course=course, assignment=assignment, out=results)
    chosen = dict(each.partition("=")[::2] for each in options or [])
    with store.writing(settings.out):
        bundle = Bundle(
            course=settings.course,
            assignment=settings.assignment,
            secret=secret.load_or_make(settings.out),
            policy={"wall_s": settings.wall_s, "memory_mib": settings.memory_mib, "carry": settings.carry},
        )
    for path in packages.write(target, bundle, chosen, out or Path("package")):
        print(path)
    return DONE


@_command
def doctor(course: shared.Course = None, sandbox: shared.Sandbox = None, json: shared.Json = None) -> int:
    """Tell what this machine can do. Sandbox layers, attacks that they stop, devices, versions."""
    from grader import doctor as doctors
    from grader import tables

    settings = _settings(course=course, sandbox=sandbox, json=json, need_course=False)
    found = doctors.examine(settings.sandbox)
    _print(settings, found, lambda: tables.doctor_table(found))
    return DONE if found.ok else UNSAFE


@_command
def demo(
    out: shared.Out = None,
    course: shared.Course = None,
    jobs: shared.Jobs = None,
    sandbox: shared.Sandbox = None,
    json: shared.Json = None,
) -> int:
    """Grade the class that comes with the course. Says where the report is."""
    from dataclasses import replace

    settings = _settings(course=course, out=out, jobs=jobs, sandbox=sandbox, json=json)
    if out is None:
        settings = replace(settings, out=settings.course / "demo-results")
    return _grade(settings, [settings.course / DEMO_CLASS])


def _settings(*, need_course: bool = True, **flags: object) -> Settings:
    return load(flags, cwd=Path.cwd(), environ=os.environ, need_course=need_course)


def _grade(settings: Settings, paths: Sequence[Path]) -> int:
    from grader import catalog, grading, progress, settlement, submissions
    from grader.reports.figures import has_grader_error, share
    from grader.roster import read_roster

    _report_paths(settings)
    settlement.deadlines(settings)
    functions = {name: catalog.load(settings.course, name).functions for name in catalog.names(settings.course)}
    found = submissions.collect_all(
        paths,
        assignments=functions,
        assignment=settings.assignment,
        layout=settings.layout,
        roster=read_roster(settings.roster) if settings.roster else None,
        say=_say,
    )
    with progress.shown(_console(stderr=True), "Grading") as told:
        results = grading.grade(settings, [one for one in found if one.assignment], told)
    settlement.save(settings, results, _say)
    results = settlement.settled(settings, results, _say)
    _print_results(settings, results, not_graded=[one for one in found if not one.assignment])
    _write_reports(settings, results)
    if any(map(has_grader_error, results)):
        return OURS
    low = [one for one in results if (share(one.score, one.max_score) or 0) * 100 < (settings.fail_under or 0)]
    return NO if low else DONE


def _report_paths(settings: Settings) -> dict[str, Path]:
    """Where each report that is asked for goes; an unknown one is found before any work is done."""
    from grader import reports

    paths = {}
    for spelled in settings.reports:
        name, _, given = spelled.partition("=")
        default = settings.out / reports.find(name).FILENAME
        paths[name] = Path(given) if given else default
    return paths


def _write_reports(settings: Settings, results: Sequence[SubmissionResult]) -> None:
    from grader import reports

    for name, path in _report_paths(settings).items():
        for lost in reports.write(name, results, path):
            _say(f"{name}: {lost}")
        index = path / "index.html"
        _say(f"{name}: open {index} in a browser" if index.is_file() else f"{name}: {reports.written_at(name, path)}")


def _print_results(
    settings: Settings, results: Sequence[SubmissionResult], not_graded: Sequence[Submission] = ()
) -> None:
    from grader.reports import figures, terminal

    left_out = [{"id": one.id, "problem": one.problem, "notes": one.notes} for one in not_graded]
    document = {"results": results, "summary": figures.summary(results), "not_graded": left_out}
    alone = results[0] if len(results) == 1 else None
    _print(settings, document, lambda: terminal.submission_table(alone) if alone else terminal.class_table(results))
    for one in left_out:
        _say(f"not graded: {one['id']}: {one['problem']}")


def _check(targets: Sequence[Target], *, as_json: bool) -> int:
    from grader import selfcheck, tables

    runs = {target.name: selfcheck.run(target) for target in targets}
    good = all(run.ok for run in runs.values())
    if as_json:
        _print_json({"ok": good, "assignments": [run.document(name) for name, run in runs.items()]})
    else:
        for name, run in runs.items():
            _console().print(tables.check_table(name, run))
    return DONE if good else NO


def _print(settings: Settings, document: object, table: Callable[[], RenderableType]) -> None:
    if settings.json:
        _print_json(document)
    else:
        _console().print(table())


def _print_json(document: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())


def _say(sentence: str) -> None:
    """Tell the person at the terminal; standard output is for what was asked."""
    print(sentence, file=sys.stderr)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
