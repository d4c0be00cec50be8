"""`grader doctor`."""

from __future__ import annotations

from grader import options
from grader.exits import DONE, UNSAFE
from grader.printing import print_document


def doctor(course: options.Course = None, sandbox: options.Sandbox = None, json: options.Json = None) -> int:
    """Tell what this machine can do. Sandbox layers, attacks that they stop, devices, versions."""
    from grader import doctor as doctors
    from grader import tables

    settings = options.read(course=course, sandbox=sandbox, json=json, need_course=False)
    found = doctors.examine(settings.sandbox)
    print_document(found, lambda: tables.doctor_table(found), as_json=settings.json)
    return DONE if found.ok else UNSAFE
