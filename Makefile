PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

.PHONY: help
help:
	@echo "make demo   a node on the lmdb store, with a page at http://localhost:8080"
	@echo "make test   lint, types and every test"
	@echo "make bench  the benchmarks (make bench ONLY=name for one)"

$(VENV)/.ready: setup.cfg pyproject.toml
	@echo "Setting up $(VENV): the first run takes a few minutes ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: test
test: $(VENV)/.ready
	@echo "ruff ..." && $(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "mypy ..." && $(BIN)/mypy
	@echo "pytest ..." && $(BIN)/python -m pytest -n auto --cov --cov-report=term
