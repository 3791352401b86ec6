PYTHON ?= python3
VENV := .venv
OLDEST := .venv-oldest
OLDEST_CROSSBAR := 25.12.1
# Types are checked for each, whichever this one is.
PYTHONS := 3.11 3.12 3.13 3.14
# Those of what another Crossbar may do otherwise.
OLDEST_TESTS := $(patsubst %,tests/node/test_%.py, \
	launcher redaction sessions story transports)
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
	@echo "make docs   the documentation as a site, in docs/_build/html"
	@echo "make links  ask whether the pages elsewhere that the documentation links to are there"
	@echo "make changelog  CHANGELOG.md, of the fragments in changelog.d"
	@echo "make release  an sdist, a wheel, a bill of materials and checksums of the last commit, in dist/"
	@echo "make campaign  faults of every kind for the stores, some minutes (SCALE=10 for hours)"

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
	@touch $@ $(VENV)/.runtime $(VENV)/.bench $(VENV)/.docs

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

TYPES := $(PYTHONS:%=types-%)
.PHONY: lint style $(TYPES)
lint: style $(TYPES)

style: $(VENV)/.ready
	@echo "ruff ..." && $(BIN)/ruff check . && $(BIN)/ruff format --check .

$(TYPES): types-%: $(VENV)/.ready
	@echo "mypy for $* ..." && $(BIN)/mypy --python-version $*

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

# ONLY: a trial, a store behind it, or several. SEED: one round again, as a failure is shown with.
.PHONY: campaign
campaign: $(VENV)/.bench
	@$(BIN)/python -m campaign $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) \
		$(if $(SCALE),--scale $(SCALE)) $(ARGS)

$(VENV)/.release: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Setting up $(VENV) for a release ..."
	@$(BIN)/$(INSTALL) --editable '.[release]'
	@touch $@ $(VENV)/.runtime

$(VENV)/.docs: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Setting up $(VENV) for the documentation: the first run takes a minute or two ..."
	@$(BIN)/$(INSTALL) --editable '.[docs,lmdb,metrics,redis,sql]'
	@touch $@ $(VENV)/.runtime

# Warnings are errors. No network is needed: the parts that are made of the code import it.
.PHONY: docs
docs: $(VENV)/.docs
	@$(BIN)/sphinx-build -b html -q -W --keep-going -j auto docs docs/_build/html
	@echo "The site is docs/_build/html/index.html"

# It asks the pages elsewhere that ours link to, so it needs the network, and is no part of the tests.
.PHONY: links
links: $(VENV)/.docs
	@$(BIN)/sphinx-build -b linkcheck -q docs docs/_build/links

# The fragments stay until the release is out: until then this can be done again.
.PHONY: changelog
changelog: $(VENV)/.release
	@rm -f CHANGELOG.md
	@$(BIN)/towncrier build --keep

.PHONY: release
release: $(VENV)/.release
	@$(BIN)/python tools/release.py
