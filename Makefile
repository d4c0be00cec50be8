# Needs Python 3.11 to 3.13 and make. Everything else goes into .venv, once.

supported := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c '$(supported)' 2>/dev/null && { echo $$p; break; }; done)

# On Linux, "torch" alone can mean the CUDA build and several gigabytes; the CPU build says so in its version.
torch_pin := $(shell sed -n '/^torch==/p' constraints.txt)
TORCH ?= $(torch_pin)$(if $(filter Linux,$(shell uname -s)),+cpu)

PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types bench clean

demo: .venv/ready
	.venv/bin/grader demo

test: lint types
	.venv/bin/python -m pytest -n 2 --dist loadfile

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: .venv/ready
	.venv/bin/mypy

bench: .venv/ready
	.venv/bin/python -m tests.benchmarks

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and none was found; install one, or say PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c '$(supported)' || { echo "$(PYTHON) is not Python 3.11 to 3.13; say PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu, install its -venv package (python3.11-venv)"; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || { echo "Setting up .venv with $(PYTHON); the first time this takes minutes"; $(PYTHON) -m venv --clear .venv; }
	@$(PIP) "$(TORCH)" || { \
		echo "pip found no $(TORCH); taking $(torch_pin), which on Linux can bring several gigabytes for CUDA"; \
		$(PIP) "$(torch_pin)"; }
	@$(PIP) -e '.[dev,nbgrader,plots]'
	@touch $@
