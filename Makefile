# Every target sets up what it needs by itself. `make help` lists them.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full check format docs pins clean

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

test-full: $(READY) ## Every test at full size; GPU tests where there is a GPU
	MIDMIX_FULL=1 $(PYTEST) --timeout 3600 $(TESTS)

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
	rm -rf $(VENV) demo-run dist build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
