"""PrairieLearn: a question folder `<assignment>/` for a course's `questions/`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import msgspec

from grader.errors import UsageError
from grader.hosts.prairielearn import CONFIG, Config
from grader.packages.bundle import Bundle, scaffold

NAME = "prairielearn"
OPTIONS = {
    "image": "the container image, built from the course's Dockerfile and pushed where PrairieLearn can pull it",
    "timeout": "seconds that grading may take, at most 600",
}
DEFAULT_IMAGE = "YOUR-ORGANISATION/grader:latest"
MAX_TIMEOUT_S = 600


def files(bundle: Bundle, options: Mapping[str, str]) -> dict[str, bytes]:
    """The question, with all that grades it in its `tests/`; see `Target`."""
    name = bundle.one_assignment()
    tests = {
        **bundle.grading(sandbox="container"),
        CONFIG: msgspec.json.encode(Config(assignment=name)) + b"\n",
        "run.sh": scaffold("prairielearn_run.sh"),
    }
    info = {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"grader/prairielearn/{name}")),
        "title": name,
        "topic": "Generative models",
        "type": "v3",
        "gradingMethod": "External",
        "externalGradingOptions": {
            "enabled": True,
            "image": options.get("image", DEFAULT_IMAGE),
            "entrypoint": "/grade/tests/run.sh",
            "timeout": _timeout_s(options.get("timeout", str(MAX_TIMEOUT_S))),
            "enableNetworking": False,
        },
    }
    values = {"ASSIGNMENT": name}
    return {
        f"{name}/info.json": msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n",
        f"{name}/question.html": scaffold("prairielearn_question.html", values),
        **{f"{name}/tests/{path}": data for path, data in tests.items()},
        "README.md": scaffold("prairielearn.md", values),
    }


def _timeout_s(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_TIMEOUT_S):
        raise UsageError(f"timeout: expected whole seconds from 1 to {MAX_TIMEOUT_S}, got {text!r}")
    return int(text)
