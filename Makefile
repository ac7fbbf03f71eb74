# Every target works on a machine with only Python >= 3.11, git, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: venv up test check fix bench help

help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(VENV)/.hub: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[hub,sandbox,celery]'
	@touch $@

$(VENV)/.dev: $(VENV)/.hub
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[hub,sandbox,celery,test,check]'
	@touch $@

venv: $(VENV)/.hub      ## .venv with the program hubwright

up: venv         ## hub and one builder in one go, on http://127.0.0.1:8010
	$(BIN)/hubwright up

test: $(VENV)/.dev      ## the whole suite, in parallel; starts every server it needs
	$(BIN)/python tests/servers.py --install
	$(BIN)/pytest -n 3 --dist worksteal

check: $(VENV)/.dev     ## format, lint, types, layers, docs in step
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit/test_style.py tests/unit/test_docs.py

fix: $(VENV)/.dev       ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev     ## the figures of docs/performance.md
	$(BIN)/python -m bench
