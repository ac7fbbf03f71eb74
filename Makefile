# Every target works on a machine with only Python >= 3.11, git, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HUB := hub,sandbox,celery,mcp,otel

# Most of what a test of processes takes is waiting for them: five workers keep two cores at work.
WORKERS ?= 5

# The suite starts hundreds of processes: where a machine forbids it, each would compile the whole program anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help venv up test check fix bench chaos containers red-team docs fuzz release
.DEFAULT_GOAL := help

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

# The stamps make the second time quick; a new pyproject.toml installs what it adds.
$(VENV)/.hub: pyproject.toml scripts/venv.py
	@$(PYTHON) scripts/venv.py $(VENV) $(HUB)
	@touch $@

$(VENV)/.dev: pyproject.toml scripts/venv.py
	@$(PYTHON) scripts/venv.py $(VENV) $(HUB),test,check,docs
	@touch $(VENV)/.hub $@

venv: $(VENV)/.hub      ## .venv with the program .venv/bin/hubwright

up: venv         ## hub and one builder in one go, on http://127.0.0.1:8010 (ARGS="--port 9000" adds options)
	@$(BIN)/hubwright up $(ARGS)

test: $(VENV)/.dev      ## the whole suite, in parallel; starts every server it needs
	@$(BIN)/python tests/servers.py --install
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(VENV)/.dev     ## format, lint, types, layers, docs in step, licences, advisories
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sphinx-build -q -W --keep-going -n -c docs -d build/doctrees . build/docs
	$(BIN)/python -m pytest tests/unit/test_style.py tests/unit/test_docs.py
	@$(BIN)/python scripts/licences.py
	@$(BIN)/python scripts/sbom.py build/hubwright.cdx.json
	@$(BIN)/python scripts/audit.py

fix: $(VENV)/.dev       ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev      ## the documentation as a site, in build/docs; a warning or a dead link is an error
	$(BIN)/sphinx-build -q -W --keep-going -n -c docs -d build/doctrees . build/docs
	$(BIN)/python -m pytest tests/unit/test_docs.py

bench: $(VENV)/.dev     ## the figures of docs/performance.md
	$(BIN)/python -m bench

chaos: $(VENV)/.dev     ## a whole installation is broken and counted (ARGS="--seed 7 --minutes 2 --burst 10000")
	@$(BIN)/python tests/servers.py --install
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m chaos $(ARGS)

containers: $(VENV)/.dev ## images and composition of deploy/container, built and tried by Podman (ARGS="--stand-ins" needs no registry for servers)
	@$(BIN)/python -m podman_compose --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q --disable-pip-version-check podman-compose
	cd tests && ../$(BIN)/python -m containers build $(ARGS) && PATH="$$PWD/../$(BIN):$$PATH" ../$(BIN)/python -m containers walk

fuzz: $(VENV)/.dev      ## search for inputs that break a promise (ARGS="--seconds 300 recipe" chooses)
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install -q --disable-pip-version-check -e ".[fuzz]"
	@cd tests && ../$(BIN)/python -m fuzz $(ARGS)

release: check          ## wheel, sdist, SBOM and provenance of this commit in dist/ (AUDIT=skip without PyPI's advisories)
	@AUDIT=$${AUDIT:-required} $(BIN)/python scripts/release.py dist

red-team: $(VENV)/.dev  ## hostile recipes against every executor, as root: writes the table of docs/red-team.md
	@$(BIN)/python tests/servers.py --install
	cd tests && ../$(BIN)/python -m red_team
