# Everything runs in .venv, made here; nothing needs installing by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TRACKFORGE_DATA ?= $(abspath ../shared/data)
export TRACKFORGE_GOLDEN ?= $(abspath ../shared/golden)

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs bench golden matrix clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Track a synthetic street: video, MOT file, picture and scores in demo/
	$(BIN)/trackforge demo --out demo

test: $(VENV)/.dev lint ## Lint, then run every test
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q

lint: $(VENV)/.dev ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy src plugins/*/src
	$(BIN)/lint-imports

docs: $(VENV)/.dev ## Build the documentation in docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W -n -q -b html docs docs/_build/html

bench: $(VENV)/.dev ## Write benchmarks/results/*.json afresh (needs the data and a quiet machine)
	$(BIN)/python -m benchmarks

golden: $(VENV)/.dev ## Only the tests against outputs of the official code
	$(BIN)/python -m pytest -q tests/golden tests/parity plugins -m golden

matrix: ## Core and BYTE on every Python from 3.10 to 3.13 found here, the oldest with NumPy 1.26
	tests/matrix.sh

clean: ## Remove everything that make made
	rm -rf $(VENV) .venv-* demo out docs/_build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# The stamps hold what was installed, so a changed requirement installs again.
$(VENV)/.demo: pyproject.toml requirements/demo.txt requirements/constraints.txt plugins/trackforge-byte/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/demo.txt
	@touch $@

$(VENV)/.dev: pyproject.toml requirements/dev.txt requirements/constraints.txt $(wildcard plugins/*/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements/dev.txt
	@touch $@
