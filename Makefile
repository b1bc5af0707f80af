# SPDX-License-Identifier: GPL-3.0-or-later
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

# The Python that .venv is made from (3.11, 3.12 or 3.13).
export PYTHON ?= $(shell command -v python3.11 || command -v python3)

BIN := .venv/bin
STAGES := lint unit incidents sanity integration package docs matrix environment molecule
# Commands that tests start, with the Debian packages that hold them.
NEEDS := nginx=nginx-light openssl=openssl ps=procps ssh-keygen=openssh-client
# Those that only the report's page is tested with.
BROWSER := chromium=chromium chromedriver=chromium-driver
# The files that are part of the project: what git tracks or would, so that a new file is never forgotten.
files = $$(git ls-files --cached --others --exclude-standard -- $(1) | while read -r f; do [ ! -f "$$f" ] || echo "$$f"; done)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv with everything pinned, and the checkout its installed collection
	@tools/setup

.PHONY: demo
demo: setup ## Replay the outage on five local nginx instances
	@$(BIN)/python tools/demo/run

.PHONY: test
test: setup ## Run every stage below, then tell what passed
	@tools/run-stages $(STAGES)

.PHONY: quick
quick: setup ## Check style, types and the tests of what changed, within two minutes (BASE=revision)
	@tools/need $(NEEDS)
	@$(BIN)/python tools/quick $(BASE)

.PHONY: types
types:
	@mkdir -p build/mypy/ansible_collections/failsafe && ln -sfn "$(CURDIR)" build/mypy/ansible_collections/failsafe/nginx
	$(BIN)/mypy -p ansible_collections.failsafe.nginx.plugins

.PHONY: lint
lint: setup ## Check style, types, YAML, Ansible content and the oldest Python of the hosts' code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@$(MAKE) types
	$(BIN)/vermin --quiet --no-tips --violations --target=3.7- plugins/module_utils plugins/modules
	$(BIN)/yamllint --strict $(call files,'*.yml' '*.yaml' .yamllint .ansible-lint)
	PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_INVENTORY=examples/shwitter/inventory/hosts.yml ansible-lint --offline --strict

.PHONY: unit
unit: setup ## Run the unit tests (against a real nginx) and the tests of the project itself
	@tools/need $(NEEDS) $(BROWSER)
	@tools/unit

.PHONY: incidents
incidents: setup ## Deploy a sample of real incidents, which have to be stopped (INCIDENTS=number, all or names, INCIDENTS_SEED=draw, WRITE=1: write docs/incidents.md)
	@tools/need $(NEEDS)
	@$(if $(WRITE),FAILSAFE_WRITE=1 INCIDENTS=$(or $(INCIDENTS),all) )tools/incidents

.PHONY: soak
soak: setup ## Play every incident and every long campaign (an hour or so; not part of make test)
	@tools/need $(NEEDS)
	@INCIDENTS=all tools/incidents

.PHONY: sanity
sanity: setup ## Run ansible-test sanity
	@tools/ansible-test sanity

.PHONY: integration
integration: setup ## Run ansible-test integration on this machine, below temporary folders
	@tools/need $(NEEDS)
	@tools/ansible-test integration

.PHONY: package
package: setup ## Build the collection, check its files, run playbooks from where it is installed, and the demo in brief
	@tools/need $(NEEDS)
	@tools/package
	@$(BIN)/python tools/demo/run --brief

.PHONY: docs
docs: setup ## Build the plugins' documentation; a warning is an error
	@tools/build-docs

.PHONY: matrix
matrix: setup ## Run the marked tests with every supported ansible-core, compare what they tell (WRITE=1: write the table)
	@tools/need $(NEEDS)
	@tools/ansible-matrix $(if $(WRITE),--write)

.PHONY: environment
environment: setup ## Build the execution environment in Docker; lint, plan and check routes in it as an ordinary user
	@tools/execution-environment

.PHONY: molecule
molecule: setup ## Run the Molecule scenarios in Docker (SCENARIO=name for one; two at a time)
	@tools/molecule $(SCENARIO)

.PHONY: bench
bench: setup ## Measure what the safety costs, against the limits (minutes; not part of make test)
	@tools/need $(NEEDS)
	$(BIN)/python tests/bench/lint.py
	$(BIN)/python tests/bench/diff.py
	PATH=$$PATH:/usr/local/sbin:/usr/sbin:/sbin $(BIN)/python tests/bench/world.py
	PATH=$$PATH:/usr/local/sbin:/usr/sbin:/sbin $(BIN)/python tests/bench/routes.py
	PATH=$$PATH:/usr/local/sbin:/usr/sbin:/sbin $(BIN)/python tests/bench/culprits.py
	$(BIN)/python tests/bench/release.py
	PATH=$$PATH:/usr/local/sbin:/usr/sbin:/sbin $(BIN)/python tests/bench/rollout.py
	PATH=$$PATH:/usr/local/sbin:/usr/sbin:/sbin $(BIN)/python tests/bench/fleet.py

.PHONY: format
format: setup ## Format the Python code and repair what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: requirements
requirements: ## Resolve requirements/dev.in anew
	@tools/requirements

.PHONY: clean
clean: ## Remove what the other targets made, .venv included
	@tools/docker-engine stop
	rm -rf .venv build .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/output
