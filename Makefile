# Every target makes its own virtual environment when there is none; `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export PYTHONHASHSEED = 0

.DEFAULT_GOAL := help
.PHONY: help install browser demo notebooks test seeds lint check bench soak clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("selector needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

install: $(VENV)/.stamp  ## the virtual environment with everything in it

browser: install  ## what the tests in a browser need: Debian's Chromium, Playwright and axe-core
	command -v chromium > /dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core fonts-liberation; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	npm install --silent --no-save --no-package-lock --prefix $(VENV) axe-core@4.14.1

demo: install  ## a simulated world from published figures: selector against fixed models, with a picture
	$(BIN)/selector demo --output out

notebooks: install  ## executes the notebooks from top to bottom, and writes them with their outputs
	$(BIN)/python notebooks/execute.py

test: install  ## the tests, with doctests and coverage of the pure rooms
	$(BIN)/python -m pytest -n 3 --dist worksteal --durations=20 --cov --cov-report=term

seeds: install  ## what other systems asked for, row by row, with the results of its tests
	@$(BIN)/python tests/seeds/table.py

lint: install  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## lint, then test

bench: install  ## speed, as ratios measured side by side
	$(BIN)/python -m pytest tests/benchmarks -p no:cacheprovider -q -s

soak: install  ## the long runs: 10,000 windows, more hypothesis examples, 1,000 kills
	$(BIN)/python -m experiments windows
	SELECTOR_SOAK=1 $(BIN)/python -m pytest tests --durations=20

clean:  ## removes what the other targets made
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
