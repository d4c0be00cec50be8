#!/usr/bin/env bash
# Runs once, as root, while Gradescope builds the image.
set -euo pipefail
source=${AUTOGRADER_ROOT:-/autograder}/source
venv=${GRADER_VENV:-/opt/grader}
cd "$source"

export DEBIAN_FRONTEND=noninteractive
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends python3 python3-venv
fi
python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || {
    echo "Python 3.11 to 3.13 is needed, and this image has $(python3 --version); choose Ubuntu 24.04 in Gradescope" >&2
    exit 1
}

python3 -m venv "$venv"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt)
torch=$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' constraints.txt)
# The CPU build where pip can find it; the other one brings several gigabytes for CUDA.
"${pip[@]}" "${torch:-torch}+cpu" || "${pip[@]}" "${torch:-torch}"
"${pip[@]}" -r requirements.txt

# The references are root's alone; submissions run as another user and never see this folder.
chmod -R go-rwx "$source"
"$venv/bin/python" -m grader doctor --sandbox container || echo "this build machine cannot confine submissions" >&2
