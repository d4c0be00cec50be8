#!/usr/bin/env bash
# Runs once for each submission, as root. What is printed is shown to instructors alone.
set -uo pipefail
root=${AUTOGRADER_ROOT:-/autograder}
python=${GRADER_PYTHON:-/opt/grader/bin/python}
results=$root/results/results.json
mkdir -p "$root/results"

cd "$root/source" && "$python" -m grader.hosts.gradescope
code=$?
if [ "$code" -ne 0 ]; then
    # Without results Gradescope says that the autograder failed; with part of them it would show a score that is wrong.
    rm -f "$results"
    echo "The grader ended with exit code $code, by no fault of the student; run the autograder again."
fi
exit "$code"
