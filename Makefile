# Everything that can be done here; `make help` lists it. Needs Python 3.11 or later, and make.

PYTHON  ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name) 2>/dev/null)))
VENV    := .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet install --prefer-binary -c constraints.txt
EXAMPLE ?= dags/examples/harbour_air_watch

.DEFAULT_GOAL := help
.PHONY: help install check secrets audit test demo up down bench clean

help:            ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## Set up .venv; leaves .venv/bin/planexe-dag

check: $(VENV)/.installed-dev  ## Lint, formatting, types, import contracts, secrets, known vulnerabilities
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory secrets audit

# A line that only looks like a secret says so itself: `pragma: allowlist secret`. The examples in
# docs/agents.md, which are meant to be copied, are named here by how they begin. Passwords of tests, such as
# "pg-secret", guard nothing; what is random in tests is looked at all the same.
EXAMPLES := ^(A6EHv|000102030405|j0eioUNW)
LOOK     := detect-secrets-hook --no-verify --exclude-secrets '$(EXAMPLES)'
MADE_UP  := tests/% benchmarks/%

secrets: $(VENV)/.no-secrets  ## Look for passwords, keys and tokens in every tracked file that has changed

$(VENV)/.no-secrets: $(wildcard $(shell git ls-files 2>/dev/null)) Makefile
	@echo "Looking for secrets in $(words $?) files ..."
	@$(BIN)/$(LOOK) $(filter-out $(MADE_UP),$?)
	@$(BIN)/$(LOOK) --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector $(filter $(MADE_UP),$?)
	@touch $@

audit:           ## Ask OSV about known vulnerabilities of what is pinned, once a day; REQUIRED=1: fail where it is silent
	@OSV=$(OSV) REQUIRED=$(REQUIRED) .ci/audit $(BIN)/pip-audit constraints.txt $(VENV)/.audited

test: $(VENV)/.installed-dev $(VENV)/fab  ## Run every test
	$(BIN)/python -m pytest $(ARGS)

demo: install    ## Run the example plan from start to end, a demo reviewer answering its tickets
	@$(BIN)/planexe-dag run $(EXAMPLE) --autopilot

up: install      ## Start the agents and Airflow, and leave them running
	@$(BIN)/planexe-dag up

down:            ## Stop what `make up` started
	@test ! -x $(BIN)/planexe-dag || $(BIN)/planexe-dag down

bench: $(VENV)/.installed-dev  ## Measure; results as a table and as JSON
	$(BIN)/python -m benchmarks $(ARGS)

clean: down      ## Remove what was installed or cached; plans and the records of runs stay
	rm -rf $(VENV) .planexe build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; none was found" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed; this is " + sys.version)'
	@echo "Setting up $(VENV) with $(PYTHON) ..."
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing (about a minute) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/fab: tests/ui/site/fab.txt $(VENV)/.installed-dev
	@rm -rf $@
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --target $@ -r $<
	@touch $@
