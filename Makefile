# `make run` and `make test` set everything up on a machine that has only Python 3.11+ and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
FIND_PYTHON = for p in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	if command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo $$p; break; fi; done
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes

.PHONY: help run demo test lint format lock bench clean

help:
	@echo "make run    serve on http://127.0.0.1:8080 (SQLite, local summarizer, no key)"
	@echo "make demo   play a sample conversation: history against context"
	@echo "make test   run the whole test suite"
	@echo "make lint   ruff and mypy"
	@echo "make bench  measure; DATA=folder... for your own conversations"

$(VENV)/bin/python:
	@python=$$($(FIND_PYTHON)); \
	if [ -z "$$python" ]; then echo "memsvc needs Python 3.11 or newer; none was found (set PYTHON=/path/to/python)." >&2; exit 1; fi; \
	echo "making $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV) || { echo "Python's venv module is missing (Debian: apt install python3-venv)." >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "installing what the service needs"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "installing what tests and linters need"
	@$(PIP) -r requirements-dev.txt
	@touch $@

run: $(VENV)/.run
	@$(PY) -m memsvc serve $(ARGS)

demo: $(VENV)/.run
	@$(PY) -m memsvc demo

test: $(VENV)/.dev
	@$(PY) -m pytest $(ARGS)

lint: $(VENV)/.dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(VENV)/.dev
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

docs/settings.md: memsvc/config.py $(VENV)/.run
	@$(PY) -m memsvc.config > $@

bench: $(VENV)/.dev
	@$(PY) -m benchmarks.latency
	@if [ -n "$(DATA)" ]; then $(PY) -m benchmarks.compression --data $(DATA); fi

# Needs uv. No host of a registry is written into the files.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade
lock:
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
