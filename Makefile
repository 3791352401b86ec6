PYTHON ?= python3
VENV := .venv
OLDEST := .venv-oldest
OLDEST_CROSSBAR := 25.12.1
# Those of what another Crossbar may do otherwise.
OLDEST_TESTS := $(patsubst %,tests/node/test_%.py, \
	fixation launcher redaction secrecy sessions story transports)
BIN := $(VENV)/bin
DEMO := node_examples/demo
INSTALL := python -m pip install --quiet
# The pip of Debian 12 has a warning for each package that it builds the other way.
export PIP_USE_PEP517 := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of processes of the tests import the same: without their bytecode, each compiles it anew.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help

.PHONY: help
help:
	@echo "make demo   a node on the lmdb store, with a page at http://localhost:8080 (PORT=number for another)"
	@echo "make test   lint, types and every test"
	@echo "make bench  the benchmarks (make bench ONLY=name for one)"

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python cannot make virtual environments: on Debian, apt install python3-venv"; exit 1; }

# What the demo runs on.
$(VENV)/.runtime: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Setting up $(VENV): the first run takes a minute or two ..."
	@$(BIN)/$(INSTALL) --editable '.[lmdb]'
	@touch $@

# What the tests need besides.
$(VENV)/.ready: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Setting up $(VENV) for the tests: the first run takes a few minutes ..."
	@$(BIN)/$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.runtime $(VENV)/.bench

# npm writes this file last. Without npm, or without its registry, the demo says what is missing.
$(DEMO)/node_modules/.package-lock.json: $(DEMO)/package.json $(DEMO)/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "Fetching autobahn-js ..."; \
		(cd $(DEMO) && npm ci --loglevel=error --no-progress && touch node_modules/.package-lock.json) \
			|| echo "npm could not fetch autobahn-js: see above"; \
	fi

.PHONY: demo
demo: $(VENV)/.runtime $(DEMO)/node_modules/.package-lock.json
	@$(BIN)/python $(DEMO)/demo.py

# The oldest Crossbar that is supported, for the end-to-end tests.
$(OLDEST)/.crossbar: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Setting up $(OLDEST) with Crossbar $(OLDEST_CROSSBAR): the first run takes a minute or two ..."
	@$(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/$(INSTALL) crossbar==$(OLDEST_CROSSBAR) pytest-timeout pytest-xdist
	@touch $@

# After the other one: both would write into the same folder while they build the package.
$(OLDEST)/.ready: $(OLDEST)/.crossbar $(VENV)/.ready
	@$(OLDEST)/bin/$(INSTALL) crossbar==$(OLDEST_CROSSBAR) --editable '.[lmdb,metrics,testing]'
	@touch $@

.PHONY: lint
lint: $(VENV)/.ready
	@echo "ruff ..." && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "mypy ..." && $(BIN)/mypy

# Half as many again as there are cores: tests wait for servers, disks and timeouts.
PYTEST = python -m pytest -n $$(($$(nproc) * 3 / 2)) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: | $(BIN)/pip
	@$(MAKE) --no-print-directory -j2 lint $(OLDEST)/.ready $(DEMO)/node_modules/.package-lock.json
	@echo "pytest ..." && $(BIN)/$(PYTEST) --cov --cov-report=term
	@echo "pytest on Crossbar $(OLDEST_CROSSBAR) ..." && $(OLDEST)/bin/$(PYTEST) -m "not server" $(OLDEST_TESTS)

$(VENV)/.bench: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Setting up $(VENV) for the benchmarks: the first run takes a minute or two ..."
	@$(BIN)/$(INSTALL) --editable '.[bench]'
	@touch $@ $(VENV)/.runtime

# ARGS: more options, such as --rounds 7, or a store to put beside ours (--help tells).
.PHONY: bench
bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(ARGS)
