#!/bin/sh
# Sets a course up inside an image: its own Python environment, as root, with the versions that are tested.
# TORCH says which build of torch: by default the one for CPUs; torch==VERSION is, on Linux, the one for CUDA.
set -eu
course=${COURSE:-/course}
cd "$course"

pinned=$(sed -n '/^torch==/p' constraints.txt)
python3 -m venv .venv
install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir -c constraints.txt "$@"; }
if [ -n "${TORCH:-}" ]; then
    install "$TORCH"
else
    install "$pinned+cpu" || install "$pinned"
fi
install -e .

# Submissions run as another user, who has to read Python but nothing of the course.
chmod go+rx "$course" "$course/.venv"
.venv/bin/grader --help >/dev/null
