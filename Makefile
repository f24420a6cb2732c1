# make run    people walking through a real clip become events at a broker
#             CLIP=file-or-url  MODEL=file.tflite|hog|none  DURATION=seconds
# make test   the whole test suite, with real parts
# make check  format, lint, types, import rules
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

export CLIP MODEL DURATION

.DEFAULT_GOAL := help
.PHONY: help setup check test run clean

help:
	@sed -n '1,/^$$/s/^# //p' Makefile

# The stamp holds a digest of what was installed, so that a second start costs nothing.
setup: $(VENV)/.installed

$(VENV)/.installed: setup.cfg pyproject.toml
	@echo "Installing Python packages into $(VENV) (about 350 MB): see setup.cfg"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py -q

test: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh
	$(BIN)/python -m pytest

run: setup
	@demo/prepare.sh
	@$(BIN)/python -m demo

clean:
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
