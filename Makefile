# Every target sets up what it needs by itself. `make help` lists them.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
TRAINERS := .trainers
TORCH = $$(grep '^torch==' constraints.txt)
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full test-trainers check format docs pins clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Build the environment in .venv (about 2 minutes, once); PYTHON=python3.12 names the Python

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "midmix needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || echo missing)." \
	    "Name another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@rm -f $@
	$(PYTHON) -m venv $(VENV)
	@# The exact torch first: where only its CPU build is offered, a range would bring gigabytes of CUDA.
	$(BIN)/python -m pip install --quiet -c constraints.txt $$(grep '^torch==' constraints.txt) hatchling
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[benchmarks,dev,trainers]'
	$(BIN)/python -m midmix.jit
	@touch $@

demo: $(READY) ## The main job on real text, from raw shards to a trainer's plan, into demo-run/
	$(BIN)/midmix demo --out demo-run

test: $(READY) ## Every test that needs no GPU, big ones on a sample
	$(PYTEST) -m "not gpu and not full" $(TESTS)

test-full: $(READY) test-trainers ## Every test at full size; GPU tests where there is a GPU; trainers' own loaders
	MIDMIX_FULL=1 $(PYTEST) --timeout 3600 $(TESTS)

test-trainers: $(TRAINERS)/ready ## Exports, jobs and exposure with the trainers' own loaders, built in .trainers (5 GB, once)
	MIDMIX_TRAINERS=$(abspath $(TRAINERS)) $(TRAINERS)/core/bin/python -m pytest tests/integration/trainers \
	  tests/integration/jobs tests/integration/exposure tests/unit/midmix/test_megatron_index.py

# Loaders that get along share an environment. litdata and mosaicml-streaming ask for torchvision, which would bring
# gigabytes of CUDA, so they come without their dependencies; streaming imports it, though reading tokens uses none of it.
$(TRAINERS)/ready: pyproject.toml
	@rm -f $@
	$(PYTHON) -m venv $(TRAINERS)/core
	$(TRAINERS)/core/bin/python -m pip install --quiet $(TORCH)
	$(TRAINERS)/core/bin/python -m pip install --quiet -e . $(TORCH) megatron-core==0.16.1 ai2-olmo-core==3.0.0 \
	  datasets==5.2.0 grain==0.2.18 array-record==0.8.6 pytest pytest-timeout hypothesis
	$(PYTHON) -m venv $(TRAINERS)/litdata
	$(TRAINERS)/litdata/bin/python -m pip install --quiet $(TORCH) numpy
	$(TRAINERS)/litdata/bin/python -m pip install --quiet --no-deps litdata==0.2.76
	$(TRAINERS)/litdata/bin/python -m pip install --quiet boto3 requests lightning-utilities obstore tifffile filelock urllib3
	$(PYTHON) -m venv $(TRAINERS)/streaming
	$(TRAINERS)/streaming/bin/python -m pip install --quiet $(TORCH) numpy
	$(TRAINERS)/streaming/bin/python -m pip install --quiet --no-deps mosaicml-streaming==0.13.0
	$(TRAINERS)/streaming/bin/python -m pip install --quiet Brotli python-snappy cramjam zstd catalogue boto3 pillow \
	  transformers tokenizers xxhash pyyaml
	stub=$$($(TRAINERS)/streaming/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torchvision && \
	  mkdir -p $$stub/transforms && touch $$stub/__init__.py $$stub/transforms/__init__.py && \
	  echo 'to_tensor = None' > $$stub/transforms/functional.py && echo 'VisionDataset = object' > $$stub/datasets.py
	@touch $@

check: $(READY) ## Format, lint, import rules and types: what CI asks for beside the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy -p midmix

format: $(READY) ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## Write docs/flow.md and docs/tables.md from the code
	$(BIN)/python -m midmix.docs

pins: $(READY) ## Write constraints.txt anew from .venv
	{ sed '/^[^#]/d' constraints.txt; $(BIN)/python -m pip freeze --all --exclude-editable --exclude pip \
	  | sed 's/+cpu$$//'; } > constraints.new
	mv constraints.new constraints.txt
	touch $(READY)

clean: ## Remove the environment, the demo's run and caches
	rm -rf $(VENV) $(TRAINERS) demo-run dist build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
