"""What packages are made of: the grader's own source, the references of one assignment, the secret, released files."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import requires
from pathlib import Path

import grader
from grader import catalog, release, secret
from grader.errors import UsageError

_OWN = Path(grader.__file__).parent
_SCAFFOLDS = Path(__file__).parent / "scaffolds"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A course, as a package takes it along.

    Args:
        course: Its folder.
        assignment: The one that the package is for; None where it is for all.
        secret: The course secret, so that another system tries submissions on the same inputs.
        policy: Settings that a score depends on, so that another system gives the same one.
    """

    course: Path
    assignment: str | None
    secret: bytes
    policy: Mapping[str, float | bool] = field(default_factory=dict)

    def one_assignment(self) -> str:
        """The assignment.

        Raises:
            UsageError: None was named, or there is no such one.
        """
        known = catalog.names(self.course)
        if self.assignment not in known:
            raise UsageError(f"this package is for one assignment; say --assignment with one of {', '.join(known)}")
        return self.assignment

    def assignments(self) -> list[str]:
        """The assignment that was named, or all that can be released."""
        return [self.assignment] if self.assignment else release.names(self.course)

    def grading(self, *, sandbox: str) -> dict[str, bytes]:
        """All that grading one assignment needs besides Python and the packages of `requirements.txt`.

        It holds the references and the secret: for systems alone that keep it from students.
        """
        name = self.one_assignment()
        own = [path for path in _OWN.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        course = [self.course / "reference" / "__init__.py", self.course / "solutions" / name / f"{name}.py"]
        course += (self.course / "reference" / name).rglob("*.py")
        files = {f"grader/{path.relative_to(_OWN).as_posix()}": path.read_bytes() for path in own}
        files |= {path.relative_to(self.course).as_posix(): path.read_bytes() for path in course if path.is_file()}
        files[f"results/{secret.FILENAME}"] = self.secret.hex().encode() + b"\n"
        chosen = {"sandbox": sandbox, "out": "results", **self.policy}
        # JSON's texts, numbers and truth values are TOML's too.
        files["grader.toml"] = "".join(f"{key} = {json.dumps(value)}\n" for key, value in chosen.items()).encode()
        return files | self.requirements()

    def requirements(self) -> dict[str, bytes]:
        """What the grader needs of others, with the versions that it is tested with where the course has them."""
        needed = sorted(line for line in requires("grader") or [] if "extra ==" not in line)
        pins = self.course / "constraints.txt"
        return {
            "requirements.txt": "".join(f"{line}\n" for line in needed).encode(),
            "constraints.txt": pins.read_bytes() if pins.is_file() else b"",
        }

    def released(self, name: str) -> dict[str, bytes]:
        """What students get of an assignment, by file name."""
        return release.generate(self.course, name)


def scaffold(name: str, values: Mapping[str, str] | None = None) -> bytes:
    """A file of `scaffolds/`, with each `@@NAME@@` replaced."""
    text = (_SCAFFOLDS / name).read_text(encoding="utf-8")
    for key, value in (values or {}).items():
        text = text.replace(f"@@{key}@@", value)
    return text.encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip, the same bytes on every run; what starts with `#!` is executable."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if data.startswith(b"#!") else 0o100644) << 16
            archive.writestr(info, data)
    return out.getvalue()
