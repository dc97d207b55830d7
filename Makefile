# Everything runs in .venv, made here; nothing needs installing by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MXNET := .venv-mxnet
SAGEMAKER := .venv-sagemaker
export TRACKFORGE_DATA ?= $(abspath ../shared/data)
export TRACKFORGE_GOLDEN ?= $(abspath ../shared/golden)

# Tests that start no other process, train nothing, do not import torch and take no long search for counterexamples.
QUICK := tests/unit tests/property tests/contract/test_house_rules.py tests/contract/test_documents.py \
	tests/contract/test_conformance.py tests/golden/test_recordings.py plugins/trackforge-byte \
	--ignore-glob='*training*' --ignore-glob='*augment*' --ignore-glob='*models_family*' --ignore-glob='*tuning*' \
	--ignore-glob='*online_flat*' --ignore-glob='*online_properties*' --ignore-glob='*sources_camera*' \
	--ignore-glob='*metrics_detection*' --ignore-glob='*metrics_properties*' --ignore-glob='*ocsort_golden*' \
	--ignore-glob='*motion_detector*' --ignore-glob='*interop*' --ignore-glob='*any_bytes*' --ignore-glob='*roundtrip*' \
	--ignore-glob='*fuzz*' --ignore-glob='*_serving_[cefls]*' --ignore-glob='*label_bytes*' --ignore-glob='*format_properties*' \
	--deselect=tests/unit/test_packing.py::test_everything_comes_back_to_the_bit \
	--deselect=tests/contract/test_conformance.py::test_streams_are_what_trackers_take \
	--deselect='tests/contract/test_conformance.py::test_installed_detectors[yolox]' \
	--deselect=tests/contract/test_conformance.py::test_installed_trackers_take_embeddings_and_images

.DEFAULT_GOAL := help
.PHONY: help demo quick test test-mxnet test-sagemaker lint docs nightly fuzz wheels image-root bench golden matrix coverage new-plugin changelog clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Track a synthetic street: video, MOT file, picture and scores in demo/
	$(BIN)/trackforge demo --out demo

quick: $(VENV)/.dev ## In a minute: the tests that need no other process, no training and no data
	$(BIN)/python -m pytest -n 2 --dist worksteal -q --hypothesis-profile=quick -m "not slow and not golden and not nightly" $(QUICK)

test: $(VENV)/.dev lint docs ## What CI runs: lint, docs, every test and every example in a docstring
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not nightly and not mxnet and not sagemaker"

test-mxnet: $(MXNET)/.made ## What needs real MXNet and GluonCV, in an environment of their own (part of CI)
	TRACKFORGE_MXNET=required $(MXNET)/bin/python -m pytest -q -n 0 -m mxnet plugins/trackforge-mxnet tests/parity

test-sagemaker: $(SAGEMAKER)/.made ## What needs AWS's own tools (toolkits, MMS, TorchServe, SDK, moto) and Java (part of CI)
	TRACKFORGE_SAGEMAKER=required $(SAGEMAKER)/bin/python -m pytest -q -n 2 -m sagemaker plugins/trackforge-sagemaker tests

nightly: $(VENV)/.dev matrix ## What takes too long for every change: every Python, a plugin made and checked
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m nightly

lint: $(VENV)/.dev ## Style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/codespell
	$(BIN)/mypy src plugins/*/src
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.dev ## Build the documentation in docs/_build/html; a warning is an error
	$(BIN)/python -m sphinx -W -n -q -b html docs docs/_build/html

MINUTES ?= 5
fuzz: $(VENV)/.dev ## Damaged inputs to every reader, in bounded processes: make fuzz MINUTES=30 SEED=7
	cd tests && PYTHONPATH=. $(abspath $(BIN))/python -m fuzz --minutes $(MINUTES) --seed $(or $(SEED),0)

wheels: $(VENV)/.dev ## A wheel of every distribution, in dist/
	rm -rf build plugins/*/build dist
	$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps -w dist . $(dir $(wildcard plugins/*/pyproject.toml))

FLAVOUR ?= cpu
image-root: $(VENV)/.dev ## The container image without Docker, in out/image-FLAVOUR (as root; needs debootstrap)
	$(BIN)/python workshop/image build out/image-$(FLAVOUR) --flavour $(FLAVOUR) $(IMAGE_FLAGS)
	@echo "TRACKFORGE_IMAGE=out/image-$(FLAVOUR) $(BIN)/python -m pytest tests/e2e/test_image.py  tries it."

bench: $(VENV)/.dev ## Write benchmarks/results/*.json afresh (needs the data and a quiet machine)
	$(BIN)/python -m benchmarks

golden: $(VENV)/.dev ## Only the tests against outputs of the official code
	$(BIN)/python -m pytest -q tests/golden tests/parity plugins -m golden

matrix: ## Core and BYTE on every Python from 3.10 to 3.13 found here, the oldest with NumPy 1.26
	tests/matrix.sh

coverage: $(VENV)/.dev ## Which lines the tests reach, in out/coverage
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not nightly" --cov --cov-report=term:skip-covered --cov-report=html

new-plugin: $(VENV)/.dev ## Make plugins/trackforge-NAME, ready for `make test`: make new-plugin NAME=x SUMMARY="What it is"
	$(BIN)/python workshop/new_plugin.py "$(NAME)" "$(SUMMARY)"
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e "plugins/trackforge-$(NAME)"

changelog: $(VENV)/.dev ## Gather changelog.d/*.md into CHANGELOG.md
	$(BIN)/towncrier build --yes --version "$$($(BIN)/python -c 'import trackforge; print(trackforge.__version__)')"

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

# On top of .venv, whose packages they see: torch and the rest need not be installed twice.
$(MXNET)/.made: NEEDS := mxnet
$(SAGEMAKER)/.made: NEEDS := sagemaker
$(MXNET)/.made: requirements/mxnet.txt requirements/mxnet-needs.txt
$(SAGEMAKER)/.made: requirements/sagemaker.txt requirements/sagemaker-needs.txt
$(MXNET)/.made $(SAGEMAKER)/.made: $(VENV)/.dev
	test -x $(@D)/bin/python || $(BIN)/python -m venv $(@D)
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
		>"$$($(@D)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/beneath.pth"
	$(@D)/bin/python -m pip install -q --disable-pip-version-check --no-deps -r requirements/$(NEEDS).txt
	$(@D)/bin/python -m pip install -q --disable-pip-version-check --no-warn-conflicts -r requirements/$(NEEDS)-needs.txt
	@touch $@
