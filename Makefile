# Each target does all of its own set-up, shows progress and may be repeated or interrupted at any time.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON := .venv/bin/python
BED := $(PYTHON) -m tests.cluster
CRD := switchback.dev_databasemigrations.yaml
LOCK := .venv/.uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --custom-compile-command 'make lock'

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  CLUSTER=local|kind|current chooses the cluster; KEEP=1 leaves it up after test and demo; ARGS=... goes to pytest, demo and bench"

.PHONY: demo
demo: venv ## Play the story of a bookshop on a real cluster; ARGS=two plays the second chapter alone
	@$(PYTHON) -m examples.bookshop.demo $(ARGS)

.PHONY: test
test: venv ## Run all tests, on real PostgreSQL servers and a real cluster
	@$(PYTHON) -m $(if $(ARGS),pytest,tests.lanes) $(ARGS)

.PHONY: test-all
test-all: venv ## The same with the long campaigns
	@SWITCHBACK_CAMPAIGN=1 $(PYTHON) -m pytest $(ARGS)

.PHONY: bench
bench: install ## Measure against a floor in the same run
	@$(PYTHON) -m tests.bench $(ARGS)

.PHONY: venv
venv: ## Make the Python environment in .venv
	@scripts/venv.sh

.PHONY: lint
lint: venv ## Check style, types, imports, generated files, scripts and the chart
	@scripts/lint.sh

.PHONY: fmt
fmt: venv ## Format the code
	@.venv/bin/ruff check --fix-only --exit-zero --quiet .
	@.venv/bin/ruff format .

.PHONY: generate
generate: venv ## Write the CRD and the generated sections of docs/reference
	@.venv/bin/switchback crd > crds/.$(CRD).new
	@mv crds/.$(CRD).new crds/$(CRD)
	@cp crds/$(CRD) charts/switchback/files/$(CRD)
	@$(PYTHON) scripts/reference.py

.PHONY: lock
lock: venv ## Lock the newest requirements that pyproject.toml allows
	@$(LOCK) --upgrade --extra operator --output-file requirements/runtime.txt pyproject.toml
	@$(LOCK) --upgrade --extra operator --group dev --constraint requirements/runtime.txt \
	  --output-file requirements/dev.txt pyproject.toml
	@echo hatchling | $(LOCK) --constraint requirements/dev.txt --output-file requirements/build.txt -

.PHONY: setup
setup: venv ## Install system packages and build what the local cluster needs
	@$(BED) setup

.PHONY: cluster
cluster: venv ## Start a cluster; its kubeconfig is .cluster/kubeconfig
	@$(BED) up

.PHONY: image
image: venv ## Build the images and load them into the cluster
	@$(BED) images

.PHONY: install
install: venv ## Start a cluster if none runs, and install the operator with its chart
	@$(BED) install

.PHONY: cluster-down
cluster-down: venv ## Remove the cluster and every trace of it
	@$(BED) down

.PHONY: clean
clean: ## Remove the cluster, .venv and what tools left; the cache of built programs stays
	@if [ -x $(PYTHON) ]; then $(BED) down; fi
	@rm -rf .venv .cluster .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clean-cache
clean-cache: venv ## Remove built programs and images of all checkouts
	@$(BED) clean-cache
