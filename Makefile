# Customer Flow. `make` alone lists the targets.
#
# Everything lives in .venv, which is made when it is missing and brought up to date when the locked
# dependencies change. Only pip and uv fetch anything, and only from the package index.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

UV_VERSION := 0.13.9
BIN := .venv/bin
INSTALLED := .venv/.installed
LOCK := requirements-development.lock
TEST_PROCESSES ?= 2

SUPPORTED := import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# Which Python makes .venv: the first that fits. Yours instead: make PYTHON=/path/to/python
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if $$python -c '$(SUPPORTED)' >/dev/null 2>&1; then echo $$python; break; fi; done)

.PHONY: help install up test check format schema bench lock clean

help: ## List the targets
	@echo "Customer Flow: an accounts-receivable server. make TARGET, where TARGET is one of"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  %-10s %s\n' "$$name" "$$text"; done
	@echo
	@echo "PORT (8000) and CUSTOMER_FLOW_DATA_DIR (.data) say where it runs and keeps its data."

install: $(INSTALLED) ## Make .venv with the locked dependencies (the other targets do it too)

up: $(INSTALLED) ## Run everything here: servers, migrations, demo data, API, worker, scheduler
	@exec $(BIN)/customer-flow up

test: check ## Everything that CI checks: `check`, then the tests in parallel (ARGS="-k word")
	$(BIN)/pytest -n $(TEST_PROCESSES) $(ARGS)

check: $(INSTALLED) ## Lint, format, types, layers, dependencies, GraphQL schema, migration drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv pip check --quiet --python $(BIN)/python
	$(BIN)/customer-flow schema --check
	env -u DATABASE_URL -u DATABASE_MIGRATION_URL -u DATABASE_READ_URL $(BIN)/customer-flow migrate --check

format: $(INSTALLED) ## Format the code and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(INSTALLED) ## Write schema.graphql from the program
	$(BIN)/customer-flow schema --write

bench: $(INSTALLED) ## Measure requests and postings per second next to bare SQL (ARGS="--help")
	$(BIN)/python -m bench $(ARGS)

lock: $(INSTALLED) ## Resolve the newest allowed dependencies again, for production and for development
	@for target in "requirements.lock" "$(LOCK) --extra embedded --group dev --group build"; do \
		set -- $$target; file=$$1; shift; \
		echo "$$file"; \
		$(BIN)/uv pip compile pyproject.toml "$$@" --universal --python-version 3.11 --upgrade \
			--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet -o "$$file"; \
	done

clean: ## Remove .venv and the caches; the data directory stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find app migrations tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): $(LOCK) pyproject.toml
	@if ! $(BIN)/python -c '$(SUPPORTED)' >/dev/null 2>&1; then \
		if [ -z "$(PYTHON)" ]; then \
			echo "Python 3.11, 3.12 or 3.13 with its venv module is needed. Name one: make PYTHON=..." >&2; \
			exit 1; \
		fi; \
		echo "Making .venv with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv --clear .venv; \
	fi
	@echo "Installing the locked dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirements $(LOCK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q app migrations
	@touch $@
