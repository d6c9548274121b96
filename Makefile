# Every target sets up what it needs in .venv by itself. Those that measure or check something end their output
# with one line: a JSON object of their figures.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
HINDSIGHT := .venv-hindsight
HERMES := .venv-hermes
EXTRAS := .venv-extras
PEERS := .venv-peers
DATA ?= ../shared/data
KILLS ?= 5000
HERMES_KILLS ?= 20
SEEDS ?= 20000
SECONDS ?= 180
CLIENTS ?= 64

.PHONY: help demo test lint format types unit crash simulate extras hindsight hermes recording faults bench bench-hermes bench-quality bench-peers tune docs lock clean wire wire-diff fuzz load load-kills

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

simulate: $(READY) ## Live through thousands of seeded programs of events, faults and deaths (SEEDS=n)
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS)

$(HINDSIGHT)/.ready: Makefile
	$(PYTHON) -m venv $(HINDSIGHT)
	$(HINDSIGHT)/bin/python -m pip install --quiet --disable-pip-version-check \
	  'hindsight-api-slim[embedded-db,local-onnx]==1.1.0'
	@touch $@

$(EXTRAS)/.ready: pyproject.toml requirements-dev.txt
	$(PYTHON) -m venv $(EXTRAS)
	$(EXTRAS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	$(EXTRAS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[fastembed,sentence-transformers]'
	@touch $@

extras: $(EXTRAS)/.ready ## Test the embedders that bring gigabytes: fastembed and Sentence Transformers
	@$(EXTRAS)/bin/pytest -o addopts=-q tests/extras

hindsight: $(READY) $(HINDSIGHT)/.ready ## Hold delivery to its contract on a real Hindsight server, killed again and again
	@THREADLINE_HINDSIGHT_PYTHON=$(HINDSIGHT)/bin/python $(BIN)/pytest -m hindsight tests/hindsight

$(HERMES)/.ready: Makefile pyproject.toml
	$(PYTHON) -m venv $(HERMES)
	$(HERMES)/bin/python -m pip install --quiet --disable-pip-version-check hermes-agent==0.19.0 hindsight-client==0.6.1
	$(HERMES)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

hermes: $(READY) $(HERMES)/.ready ## Drive the real Hermes host through its own commands: terminal, one-shot, gateway, kills (HERMES_KILLS=n)
	@THREADLINE_HERMES_PYTHON=$(HERMES)/bin/python HERMES_KILLS=$(HERMES_KILLS) $(BIN)/pytest -n 2 -m hermes tests/hosts/hermes tests/faults

# Hindsight's older client, its Node client, and two of its integrations: each unchanged, and held against our server.
.venv-wire06/.ready: Makefile
	$(PYTHON) -m venv .venv-wire06
	.venv-wire06/bin/python -m pip install --quiet --disable-pip-version-check hindsight-client==0.6.1
	@touch $@

.venv-integrations/.ready: Makefile
	$(PYTHON) -m venv .venv-integrations
	.venv-integrations/bin/python -m pip install --quiet --disable-pip-version-check \
	  'hindsight-langgraph[langgraph]==0.3.1' hindsight-openai-agents==0.1.2
	@touch $@

tests/wire/node/node_modules/.ready: tests/wire/node/package.json
	npm install --prefix tests/wire/node --silent --no-fund --no-audit --no-package-lock
	@touch $@

wire: $(READY) .venv-wire06/.ready .venv-integrations/.ready tests/wire/node/node_modules/.ready $(HERMES)/.ready ## Hold the server to Hindsight's own clients, two integrations, and the provider bundled with hermes-agent
	@THREADLINE_WIRE_OLD=.venv-wire06/bin/python THREADLINE_INTEGRATIONS=.venv-integrations/bin/python $(BIN)/pytest -m wire tests/wire
	@THREADLINE_HERMES_PYTHON=$(HERMES)/bin/python $(BIN)/pytest -m hermes tests/hosts/hermes/scenarios/test_bundled_hindsight.py

wire-diff: $(READY) $(HINDSIGHT)/.ready ## Send the same requests to the server and to Hindsight's; write docs/wire.md; an unexplained difference fails
	@$(BIN)/python -m benchmarks.wire --hindsight-python $(HINDSIGHT)/bin/python --write docs/wire.md

.venv-fuzz/.ready: Makefile
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check 'schemathesis>=4,<5'
	@touch $@

CASES ?= 10000
fuzz: $(READY) .venv-fuzz/.ready ## Send the server thousands of requests made from its OpenAPI document (CASES=n, SEED=n)
	@$(BIN)/python -m tests.fuzz --python .venv-fuzz/bin/python --cases $(CASES) $(if $(SEED),--seed $(SEED))

# What a user installs, in an environment of its own, so that its size is known.
.venv-load/.ready: Makefile pyproject.toml
	$(PYTHON) -m venv .venv-load
	.venv-load/bin/python -m pip install --quiet --disable-pip-version-check '.[server]'
	@touch $@

load: $(READY) .venv-load/.ready $(HINDSIGHT)/.ready ## Put the server and Hindsight's under load; write docs/load.md (DATA=folder, SECONDS=n, CLIENTS=n)
	@.venv-load/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall .
	@$(BIN)/python -m benchmarks.load $(DATA) --seconds $(SECONDS) --clients $(CLIENTS) --write docs/load.md

load-kills: $(READY) ## Kill the server in the middle of that load ten times (DATA=folder, CLIENTS=n)
	@$(BIN)/python -m benchmarks.load.kills $(DATA) --clients $(CLIENTS)

recording: $(READY) $(HERMES)/.ready ## Take the picture of two conversations in the Hermes host; write docs/hermes.svg
	@$(BIN)/python -m benchmarks.hermes.recording --hermes-python $(HERMES)/bin/python --write docs/hermes.svg

# The host with the Hindsight client that Threadline needs; the one that hermes-agent pins for its own provider is older.
$(HERMES)-hindsight/.ready: Makefile pyproject.toml
	$(PYTHON) -m venv $(HERMES)-hindsight
	$(HERMES)-hindsight/bin/python -m pip install --quiet --disable-pip-version-check hermes-agent==0.19.0
	$(HERMES)-hindsight/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[hindsight]'
	@touch $@

faults: $(READY) $(HERMES)/.ready $(HERMES)-hindsight/.ready ## What each fault does to the provider bundled with hermes-agent, and to us; write docs/faults.md
	@$(BIN)/python -m benchmarks.faults --hermes-python $(HERMES)/bin/python \
	  --ours-python $(HERMES)-hindsight/bin/python --write docs/faults.md

HISTORY ?= 10000
bench-hermes: $(READY) $(HERMES)/.ready $(HERMES)-hindsight/.ready $(HINDSIGHT)/.ready ## Time what a memory adds to a turn of the Hermes host; write docs/hermes-performance.md (HISTORY=turns)
	@$(BIN)/python -m benchmarks.hermes --hermes-python $(HERMES)/bin/python \
	  --ours-python $(HERMES)-hindsight/bin/python --hindsight-python $(HINDSIGHT)/bin/python \
	  --history $(HISTORY) --write docs/hermes-performance.md

bench: $(READY) ## Measure speed, memory and disk in 20 minutes or so; write docs/performance.md (SIZES="1000 10000": quicker, prints)
	@$(BIN)/python -m benchmarks.speed $(if $(SIZES),--sizes $(SIZES))

bench-quality: $(READY) ## Measure what recall finds on real conversations (DATA=folder)
	@$(BIN)/python -m benchmarks.quality $(DATA) --write

# An environment a peer, as their dependencies clash. engram-search would bring PyTorch, for models that it downloads.
# mcp-memory-service needs a Python whose sqlite3 loads extensions: many distributions' own does, pyenv's does not.
SQLITE_PYTHON ?= /usr/bin/python3
$(PEERS)/.ready: Makefile
	$(call peer,$(PYTHON),mempalace,mempalace==3.11.0)
	$(call peer,$(SQLITE_PYTHON),mcp-memory-service,'mcp-memory-service[sqlite]==12.2.0')
	$(call peer,$(PYTHON),engram-search,--no-deps engram-search==0.1.7)
	$(PEERS)/engram-search/bin/python -m pip install --quiet --disable-pip-version-check \
	  faiss-cpu numpy rank-bm25 onnxruntime tokenizers
	@touch $@

peer = $(1) -m venv $(PEERS)/$(2) && $(PEERS)/$(2)/bin/python -m pip install --quiet --disable-pip-version-check $(3)

bench-peers: $(READY) $(HINDSIGHT)/.ready $(PEERS)/.ready ## Measure other memories beside ours; write docs/peers.md (DATA=folder)
	@$(BIN)/python -m benchmarks.peers $(DATA) --write docs/peers.md

tune: $(READY) ## Fit the weights of recall to real conversations, and say what they are worth on others (DATA=folder)
	@$(BIN)/python -m benchmarks.tuning $(DATA)

docs: $(READY) ## Write the generated pages of docs/
	@$(BIN)/python -m threadline.cli.reference docs/cli.md
	@$(BIN)/python -m threadline.server.reference docs/server.md

lock: ## Lock the development dependencies anew
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	  --no-header --group dev --output-file requirements-dev.txt pyproject.toml
	rm -rf .venv-lock

clean: ## Remove what was made
	rm -rf .venv .venv-lock .venv-fuzz .venv-integrations .venv-load .venv-wire06 tests/wire/node/node_modules $(HINDSIGHT) $(HERMES) $(HERMES)-hindsight $(EXTRAS) $(PEERS) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
