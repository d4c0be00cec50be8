"""What is said where a worker cannot be confined, and which paths are never shown to one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from grader import sandboxes, workers
from grader.errors import SandboxError, UsageError
from grader.sandboxes import causes
from grader.worker import landlock, paths
from grader.worker.control import Layer


@pytest.mark.parametrize("layer", Layer)
def test_names_layer_cause_and_what_to_type(layer: Layer) -> None:
    said = causes.explain(layer, "unshare: Operation not permitted (EPERM)", "strict")
    assert f"'{layer.value}'" in said
    assert "EPERM" in said
    assert "Likely cause: " in said
    assert "--sandbox=" in said


def test_knows_landlock_that_is_built_but_off() -> None:
    assert "lsm=" in causes.likely_cause(Layer.LANDLOCK, "ask for Landlock: not supported (EOPNOTSUPP)")
    assert "CONFIG_SECURITY_LANDLOCK" in causes.likely_cause(Layer.LANDLOCK, "not implemented (ENOSYS)")


@pytest.mark.parametrize(
    ("mark", "content", "cause"),
    [
        ("_CONTAINER_MARKS", "", "the container's default seccomp profile"),
        ("_APPARMOR", "1\n", "kernel.apparmor_restrict_unprivileged_userns=0"),
        ("_MAX_NAMESPACES", "0\n", "user.max_user_namespaces"),
    ],
)
def test_finds_who_forbids_namespaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str, content: str, cause: str
) -> None:
    for name in ("_APPARMOR", "_MAX_NAMESPACES"):
        monkeypatch.setattr(causes, name, tmp_path / "absent")
    monkeypatch.setattr(causes, "_CONTAINER_MARKS", ())
    found = tmp_path / "mark"
    found.write_text(content)
    monkeypatch.setattr(causes, mark, (found,) if mark == "_CONTAINER_MARKS" else found)
    assert cause in causes.likely_cause(Layer.NAMESPACES, "EPERM")


def test_landlock_asks_a_kernel_for_no_more_than_it_has() -> None:
    refer, truncate, ioctl = (1 << bit for bit in (13, 14, 15))
    assert [landlock._handled_rights(abi) >> 13 for abi in (1, 2, 3, 4, 5, 7)] == [0, 1, 3, 3, 7, 7]
    assert landlock._handled_rights(7) & (refer | truncate | ioctl) == refer | truncate | ioctl
    assert landlock.SCRATCH & 1 == 0
    assert landlock.READ & 1 == 0


def test_an_unknown_sandbox_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="container, strict, unsafe"):
        sandboxes.load("causes")


def test_elsewhere_than_on_linux_it_says_where_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxError, match="grader check"):
        workers.Zygote(sandboxes.load("strict"))


def test_on_another_processor_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.platform, "machine", lambda: "riscv64")
    with pytest.raises(SandboxError, match="riscv64"):
        workers.Zygote(sandboxes.load("strict"))


def test_shows_libraries_and_nothing_of_the_checkout() -> None:
    shown = [Path(path) for path in paths.readable(gpu=False)]
    checkout = Path(__file__).parents[2]
    for name in ("reference", "solutions", "tests", "grader", "assignments"):
        assert paths.exposed([checkout / name], map(str, shown)) is None
    assert not any(checkout.is_relative_to(path) for path in shown)
    assert all(path.exists() for path in shown)


def test_shows_no_home_and_no_system_configuration() -> None:
    shown = {Path(path) for path in paths.readable(gpu=False)}
    assert shown.isdisjoint(map(Path, ("/", "/usr", "/etc", "/home", "/root", "/proc", "/sys", "/dev", "/tmp", "/var")))


def test_no_path_lies_below_another() -> None:
    shown = paths.readable(gpu=True)
    assert not [path for path in shown if any(other in map(str, Path(path).parents) for other in shown)]


def test_a_gpu_adds_devices_only_where_asked() -> None:
    assert paths.devices(gpu=False) == ()
    assert sandboxes.load("strict").with_gpu().gpu
    assert not sandboxes.load("strict").gpu
