# Every target sets up what it needs in .venv by itself. Those that measure or check something end their output
# with one line: a JSON object of their figures.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DATA ?= ../shared/data
KILLS ?= 5000

.PHONY: help demo test lint format types unit crash bench bench-quality docs lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit("Threadline needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

demo: $(READY) ## Live through a conversation with kills, then show that nothing was lost
	@$(BIN)/threadline demo

test: lint types unit ## Everything that must hold: lint, types, tests, 200 kills

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy

unit: $(READY)
	@$(BIN)/pytest -n 2

format: $(READY) ## Put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

crash: $(READY) ## Kill a real process thousands of times (KILLS=n)
	@$(BIN)/python -m tests.crash --kills $(KILLS)

bench: $(READY) ## Measure speed, memory and disk; write docs/performance.md
	@$(BIN)/python -m benchmarks.speed

bench-quality: $(READY) ## Measure what recall finds on real conversations (DATA=folder)
	@$(BIN)/python -m benchmarks.quality $(DATA)

docs: $(READY) ## Write the generated pages of docs/
	@$(BIN)/python -m threadline.cli.reference docs/cli.md

lock: ## Lock the development dependencies anew
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --no-header --group dev --output-file requirements-dev.txt pyproject.toml
	rm -rf .venv-lock

clean: ## Remove what was made
	rm -rf .venv .venv-lock .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
