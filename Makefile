# Onemap Twin. `make help` lists what there is; each verb sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PORT ?= 8000
TWIN_HOME ?= $(CURDIR)/twin-home
export TWIN_HOME
# A network with its own certificate authority: what the system trusts, uv and npm trust too.
export UV_SYSTEM_CERTS ?= 1
export NODE_EXTRA_CA_CERTS ?= $(wildcard /etc/ssl/certs/ca-certificates.crt)
PYTHON ?= python3
# A uv that runs, or one of our own (pyenv may show a shim that does not).
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(CURDIR)/.tools/bin/uv)
BIN := .venv/bin
VIEWER_SOURCES := $(shell find viewer -path viewer/node_modules -prune -o -type f -print 2>/dev/null)

.PHONY: help setup viewer demo serve test test-long check format bench wheel clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20
	@echo; echo "  PORT=$(PORT)  TWIN_HOME=$(TWIN_HOME)"

$(CURDIR)/.tools/bin/uv:
	@$(PYTHON) -m venv .tools || { echo "make: $(PYTHON) cannot make a virtual environment; install python3-venv or name another with PYTHON=…"; exit 1; }
	@.tools/bin/pip install --quiet --disable-pip-version-check uv

.venv/.ready: pyproject.toml uv.lock .python-version | $(filter-out uv,$(UV))
	@$(UV) sync --locked --quiet || { echo "make: Python $$(cat .python-version) is needed and everything in uv.lock; install it (python3.12, or pyenv install 3.12), look at the network, and run this again"; exit 1; }
	@touch $@

# Point clouds go through py3dtiles, whose pins would hold everything else back: an environment beside ours.
.tools/pointcloud/.ready: .venv/.ready
	@UV_PROJECT_ENVIRONMENT=.tools/pointcloud $(UV) sync --locked --quiet --no-dev --extra pointcloud --no-install-project
	@touch $@

viewer/node_modules/.ready: viewer/package.json viewer/package-lock.json
	@cd viewer && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

api/static/index.html: viewer/node_modules/.ready $(VIEWER_SOURCES)
	@cd viewer && npm run --silent build
	@touch $@

tests/node/node_modules/.ready: tests/node/package.json tests/node/package-lock.json
	@cd tests/node && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

setup: .venv/.ready .tools/pointcloud/.ready api/static/index.html ## install everything, build the viewer

viewer: api/static/index.html ## build the viewer into api/static

demo: setup ## the sample county at http://127.0.0.1:$(PORT)
	@$(BIN)/twin demo --port $(PORT)

serve: setup ## serve TWIN_HOME as it is
	@$(BIN)/twin serve --port $(PORT)

test: setup tests/node/node_modules/.ready ## every test but the long ones
	@cd viewer && npm run --silent test
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test-long: setup tests/node/node_modules/.ready ## what takes longer: a million rows, many kills
	@$(BIN)/python -m pytest -m long

check: setup ## linters, types, import arrows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@cd viewer && npm run --silent check

format: .venv/.ready ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --exit-zero --quiet .

bench: setup ## ratios against peers, both sides in the same minute
	@$(BIN)/python tests/bench/run.py

wheel: setup ## a wheel with the viewer and the sample generator inside
	@$(UV) build --wheel --quiet && ls dist/*.whl

clean: ## remove what was built (not TWIN_HOME)
	rm -rf .venv .tools dist api/static viewer/node_modules tests/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
