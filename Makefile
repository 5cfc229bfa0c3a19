# TSIS from a fresh clone: `make demo`, `make test`. Needs Python 3.11 or newer, git and make.

VENV ?= .venv
PEERS_VENV ?= .venvs/peers
PYTEST_FLAGS ?= -n auto --dist loadfile
BENCH_FLAGS ?=

# The first interpreter that is new enough; `make PYTHON=/path/to/python demo` overrides.
PYTHON ?= $(call first_python,python3.13 python3.12 python3.11 python3 python,(3, 11) <= sys.version_info)
# What the peers of the benchmarks run on: their numba knows no Python above 3.12.
PEERS_PYTHON ?= $(call first_python,python3.11 python3.12 python3,(3, 11) <= sys.version_info < (3, 13))
first_python = $(shell for name in $(1); do \
	if $$name -c 'import sys; sys.exit(not ($(2)))' >/dev/null 2>&1; then echo $$name; break; fi; done)

# Stamps are named after the content that they stand for: a fresh checkout, another branch and back, or a touched file
# installs nothing, and what is installed once needs no network again.
content = $(shell git hash-object $(1) | cut -c 1-12)
LOCKED := $(VENV)/.locked-$(call content,requirements.lock)
INSTALLED := $(LOCKED)-$(call content,pyproject.toml)
PEERS := $(PEERS_VENV)/.locked-$(call content,requirements-peers.lock)

PIP_FLAGS := -qq --disable-pip-version-check --no-input
BIN := $(VENV)/bin
PACKAGES := tsis $(if $(wildcard flows/__init__.py),flows)

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format bench up down repro experiments install lock clean
.DELETE_ON_ERROR:

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-11s %s\n", $$1, $$2 }'

demo: $(INSTALLED) ## Run the whole chain on the bundled real data
	@$(BIN)/tsis demo

test: $(INSTALLED) ## Run all tests but the slow campaigns
	$(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile $(PYTEST_FLAGS)

test-long: $(INSTALLED) ## Run the slow campaigns (marker `long`)
	$(BIN)/python -m pytest -m long $(PYTEST_FLAGS)

check: $(INSTALLED) ## Lint, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES))
	$(BIN)/lint-imports

format: $(INSTALLED) ## Format the code and apply the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) $(if $(PEERS_PYTHON),$(PEERS)) ## Measure against the peers, which live in an environment of their own
	$(if $(PEERS_PYTHON),,@echo "no Python 3.11 or 3.12 found for the peers: set PEERS_PYTHON; measuring without them")
	$(if $(PEERS_PYTHON),TSIS_PEERS_PYTHON=$(PEERS_VENV)/bin/python )$(BIN)/python -m benchmarks $(BENCH_FLAGS)

up: $(INSTALLED) ## Start Prefect's server, its UI and the deployments on loopback (TSIS_PREFECT_PORT, default 4200)
	@$(BIN)/python -m flows.server up

down: $(INSTALLED) ## Stop exactly what `make up` started
	@$(BIN)/python -m flows.server down

repro: $(INSTALLED) ## Bring the lake up to date with DVC (dvc.yaml, dvc.lock)
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/dvc repro

experiments: $(INSTALLED) ## Compare DVC's experiments: the parameters and figures that differ
	@$(BIN)/dvc exp show --only-changed --drop '^(lake|tsis|data|requirements)' --md

install: $(INSTALLED) ## Create the virtual environment from requirements.lock

lock: ## Resolve the dependencies anew (needs uv on the PATH)
	uv pip compile pyproject.toml --extra dev --extra orchestration --extra quality $(LOCK_FLAGS) --universal \
		--only-binary :all: --fork-strategy fewest --output-file requirements.lock
	uv pip compile requirements-peers.in $(LOCK_FLAGS) --no-emit-package ta --output-file requirements-peers.lock

clean: ## Remove the environments and every cache; the lake stays
	rm -rf $(VENV) $(PEERS_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

LOCK_FLAGS := --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --upgrade \
	--custom-compile-command 'make lock'

# `--no-deps`: the lock is complete, and pip 23 refuses hashed requirements that have extras.
# `--only-binary`: nothing of the locked packages is executed while it is installed.
define new_environment
	@$(if $(1),$(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))',false) \
		|| { echo "TSIS needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "installing $$(grep -c '==' $(3)) locked packages into $(2) (once; a minute or two) ..."
	@$(1) -m venv --clear $(2)
	@$(2)/bin/python -m pip install $(PIP_FLAGS) --no-deps --only-binary :all: --require-hashes -r $(3)
	@touch $@
endef

$(LOCKED):
	$(call new_environment,$(PYTHON),$(VENV),requirements.lock)

$(PEERS):
	$(call new_environment,$(PEERS_PYTHON),$(PEERS_VENV),requirements-peers.lock)

# No network and no build isolation: setuptools is in the lock. `compat` puts the clone itself on the path. Bytecode is
# written now, also for those who forbid Python to do it on the way (PYTHONDONTWRITEBYTECODE).
$(INSTALLED): | $(LOCKED)
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --no-index \
		--config-settings editable_mode=compat --editable .
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@
