# make demo: set up and train on the embedded data.   make test: set up and pass the tests.
# TORCH=... chooses another build of PyTorch, as `make demo TORCH="torch==2.13.0 --index-url ..."`.
PYTHON ?= python3.11
TORCH ?= torch==2.13.0
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs minimal audit clean

demo: $(VENV)/.installed
	$(BIN)/dougong train

test: $(VENV)/.developer
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/.developer
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(VENV)/.developer
	$(BIN)/mkdocs build --strict

# The lowest versions that pyproject.toml allows, in an environment of their own: they install, list, train and answer.
minimal:
	@.ci/minimal $(PYTHON)

# A report of known vulnerabilities, which fails nothing.
audit: $(VENV)/.installed
	@.ci/audit $(BIN)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and by itself, so that a local CPU build is taken where there is one.
$(VENV)/.torch: $(VENV)/bin/python
	$(BIN)/pip install --quiet $(TORCH)
	@touch $@

$(VENV)/.installed: $(VENV)/.torch pyproject.toml
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.developer: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable ".[dev,docs]"
	@touch $@

clean:
	rm -rf $(VENV) build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
