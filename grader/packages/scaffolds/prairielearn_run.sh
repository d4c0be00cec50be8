#!/usr/bin/env bash
# The entry point of the grading container.
set -uo pipefail
root=${PRAIRIELEARN_ROOT:-/grade}
python=${GRADER_PYTHON:-/course/.venv/bin/python}
# Only root may look in here; submissions run as another user.
chmod -R go-rwx "$root/tests" 2>/dev/null
cd "$root/tests" && exec "$python" -m grader.hosts.prairielearn
