# `make run` and `make test` set everything up on a machine that has only Python 3.11+ and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PY := $(VENV)/bin/python
# What PYTHON= names, else the newest of the tried versions, else whatever is new enough.
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
FIND_PYTHON = for p in $(CANDIDATES); do \
	if command -v "$$p" >/dev/null 2>&1 && "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo "$$p"; break; fi; done
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: help run demo replay test frameworks lint format docs site bench bench-check growth peers soak ledger fidelity mutants fuzz api-fuzz sample screenshots lock clean \
	package package-test deploy-check typing licences audit workflows

help:
	@echo "make run     serve on http://127.0.0.1:8080 (SQLite, local summarizer, no key)"
	@echo "make replay  what would FILE=transcript.jsonl cost with memsvc?"
	@echo "make demo    play a sample conversation: history against context"
	@echo "make test    run the whole test suite; ARGS='tests/core -k name' runs a part"
	@echo "make frameworks  test the adapters for large frameworks, in an environment of their own"
	@echo "make lint    ruff, ruff format, mypy"
	@echo "make format  let ruff format and repair what it can"
	@echo "make docs    write the generated pages"
	@echo "make site    build the documents as a site in site/; a broken link fails"
	@echo "make bench   how fast, against bare handlers and peers; DATA='folder ...' for your own conversations too"
	@echo "make bench-check  the same against the stored ratios: fails where one is over 15 % worse"
	@echo "make growth  time, memory and disk against messages, sessions, processes; the tables of docs/capacity.md"
	@echo "make peers   the service beside what one would use in its place, each in its own environment"
	@echo "make fidelity  what summaries keep, against other compactors; DATA=folder of sets"
	@echo "make soak    kill -9 everything under load, account for every message; ARGS='--store cluster'"
	@echo "make ledger  10,000 paid calls under kill -9: books against the provider's own meter"
	@echo "make mutants plant bugs, and see that a test notices each"
	@echo "make fuzz    a million damaged messages for the decoders; api-fuzz: schemathesis on the API"
	@echo "make package   wheel and sdist in dist/, the same bytes each time; package-test installs and uses the wheel"
	@echo "make deploy-check  image, compose file, chart and units against tools and schemas"
	@echo "make typing    the public API for a second type checker"
	@echo "make audit     licences and known vulnerabilities; licences writes docs/licences.md; workflows checks .github"
	@echo "make sample  fill a store for the dashboard; DATA=folder of conversations, INTO=sqlite:///sample.db"
	@echo "make screenshots  pictures of the dashboard; STORE=sqlite:///sample.db, ARGS='--views overview session:NAME'"
	@echo "make lock    renew the pinned requirements"
	@echo "make clean   remove what the others made"

$(VENV)/bin/python:
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
		echo "memsvc needs Python 3.11 or newer; none of these is: $(CANDIDATES) (set PYTHON=/path/to/python)." >&2; exit 1; fi; \
	if ! "$$python" -c 'import venv, ensurepip' >/dev/null 2>&1; then \
		echo "$$python lacks the modules venv and ensurepip (Debian: apt install python3-venv)." >&2; exit 1; fi; \
	echo "making $(VENV) with $$("$$python" --version)"; \
	rm -rf $(VENV); \
	"$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run: requirements.txt | $(VENV)/bin/python
	@echo "installing what the service needs"
	@$(PIP) --require-hashes -r requirements.txt
	@echo "$(CURDIR)" > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/memsvc.pth"
	@printf '#!/bin/sh\nexec "%s/%s" -m memsvc "$$@"\n' "$(CURDIR)" "$(PY)" > $(VENV)/bin/memsvc
	@chmod +x $(VENV)/bin/memsvc
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/bin/python
	@echo "installing what tests and linters need"
	@$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

# Two of the frameworks want an older `openai` than the linters and the other adapters do.
FRAMEWORKS := .venv-frameworks
$(FRAMEWORKS)/.made: requirements-frameworks.txt | $(VENV)/bin/python
	@echo "installing frameworks: 0.5 GB"
	@$(PY) -m venv $(FRAMEWORKS)
	@$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-frameworks.txt
	@touch $@

run: $(VENV)/.run
	@exec $(PY) -m memsvc serve $(ARGS)

replay: $(VENV)/.run
	@$(PY) -m memsvc replay $(FILE) $(ARGS)

demo: $(VENV)/.run
	@$(PY) -m memsvc demo $(ARGS)

test: $(VENV)/.dev
	@$(PY) -m pytest -n auto --dist worksteal $(ARGS)

frameworks: $(FRAMEWORKS)/.made
	@$(FRAMEWORKS)/bin/python -m pytest tests/integrations $(ARGS)

lint: $(VENV)/.dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(VENV)/.dev
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

docs: docs/settings.md docs/doctor.md docs/endpoints.md docs/cli.md docs/metrics.md

docs/doctor.md: memsvc/doctor/findings.py $(VENV)/.run
	@$(PY) -m memsvc.doctor > $@

docs/settings.md: $(wildcard memsvc/config/*.py) $(VENV)/.run
	@$(PY) -m memsvc.config > $@

docs/metrics.md: memsvc/metrics/table.py $(VENV)/.run
	@$(PY) -m memsvc.metrics > $@

docs/endpoints.md: $(wildcard memsvc/wire/*.py) $(VENV)/.run
	@$(PY) -m memsvc.wire > $@

docs/cli.md: $(wildcard memsvc/cli/*.py) $(VENV)/.run
	@$(PY) -m memsvc.cli > $@

$(VENV)/.docs: requirements-docs.txt | $(VENV)/bin/python
	@echo "installing what the site is built with"
	@$(PIP) --require-hashes -r requirements-docs.txt
	@touch $@

# Every warning is an error: links to pages and headings that are not there are warnings.
site: $(VENV)/.docs docs
	@rm -rf site
	@$(PY) -m sphinx -q -W --keep-going -n -d build/site -c docs . site
	@$(PY) docs/offline.py site
	@echo "built: site/index.html"

$(VENV)/.bench: requirements-bench.txt | $(VENV)/.dev
	@echo "installing what draws the charts"
	@if $(PIP) --require-hashes -r requirements-bench.txt; then touch $@; \
		else echo "not installed: no charts will be drawn"; fi

bench: $(VENV)/.bench
	@$(PY) -m benchmarks.speed --peers --readme README.md $(ARGS)
	@if [ -n "$(DATA)" ]; then $(PY) -m benchmarks.compression --data $(DATA); fi

# Before a release, on a machine with nothing else to do; not in CI, whose machines differ from run to run.
bench-check: $(VENV)/.bench
	@$(PY) -m benchmarks.speed --check $(ARGS)

growth: $(VENV)/.bench
	@$(PY) -m benchmarks.growth $(ARGS)
	@$(PY) -m benchmarks.capacity --write

peers: $(VENV)/.dev
	@$(PY) -m benchmarks.peers $(if $(DATA),--data $(DATA)) $(ARGS)

$(VENV)/.fidelity: requirements-fidelity.txt | $(VENV)/.dev
	@echo "installing two outside suites"
	@if $(PIP) --require-hashes -r requirements-fidelity.txt; then touch $@; \
		else echo "not installed: their rows will not be measured"; fi

fidelity: $(VENV)/.fidelity
	@$(PY) -m benchmarks.fidelity --data $(or $(DATA),$(error DATA=folder that holds locomo, crosswoz, ...)) --readme README.md $(ARGS)

mutants: $(VENV)/.dev
	@$(PY) -m benchmarks.mutants $(ARGS)

fuzz: $(VENV)/.dev
	@$(PY) -m benchmarks.fuzz $(ARGS)

$(VENV)/.fuzz: requirements-fuzz.txt | $(VENV)/.dev
	@echo "installing schemathesis"
	@$(PIP) --require-hashes -r requirements-fuzz.txt
	@touch $@

api-fuzz: $(VENV)/.fuzz
	@$(PY) -m benchmarks.api_fuzz $(ARGS)

soak: $(VENV)/.dev
	@$(PY) -m benchmarks.soak $(ARGS)

ledger: $(VENV)/.dev
	@$(PY) -m benchmarks.ledger $(ARGS)

# Tools that build, judge and publish the package: an environment of their own, so that they bind nobody's versions.
PACKAGE := .venv-package
$(PACKAGE)/.made: requirements-package.txt | $(VENV)/bin/python
	@echo "installing what builds and judges the package"
	@$(PY) -m venv $(PACKAGE)
	@$(PACKAGE)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-package.txt
	@touch $@

package: $(PACKAGE)/.made
	@$(PACKAGE)/bin/python -m tests.release.built dist

package-test: package
	@$(PY) tests/release/installed.py dist/*.whl $(ARGS)

deploy-check: $(PACKAGE)/.made
	@PATH="$(CURDIR)/$(PACKAGE)/bin:$$PATH" $(PACKAGE)/bin/python -m tests.release.deployed

typing: $(PACKAGE)/.made $(VENV)/.run
	@$(PACKAGE)/bin/python -m tests.release.typed $(PY)

licences: $(PACKAGE)/.made $(VENV)/.run
	@$(PACKAGE)/bin/python -m tests.release.licences $(PY)

audit: $(PACKAGE)/.made $(VENV)/.run
	@$(PACKAGE)/bin/python -m tests.release.licences $(PY) --check
	@$(PACKAGE)/bin/python -m tests.release.audited $(ARGS)

workflows: $(PACKAGE)/.made
	@$(PACKAGE)/bin/actionlint -color=false .github/workflows/*.yml
	@$(PACKAGE)/bin/zizmor --offline --quiet --persona=pedantic .github/workflows

sample: $(VENV)/.dev
	@$(PY) -m benchmarks.sample_store --data $(or $(DATA),$(error DATA=folder of conversations)) \
		--into $(or $(INTO),sqlite:///sample.db) $(ARGS)

screenshots: $(VENV)/.dev
	@$(PY) -m benchmarks.screenshots --store $(or $(STORE),sqlite:///sample.db) $(ARGS)

# One file for every system and Python from 3.11 on, with hashes, without the address of a registry.
COMPILE = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade
PEERS = benchmarks/peers/requirements
EXTRAS = --extra anthropic --extra openai --extra redis --extra encryption --extra mcp --extra otel
lock: | $(VENV)/bin/python
	@$(PIP) uv
	@$(COMPILE) $(EXTRAS) pyproject.toml -o requirements.txt
	@$(COMPILE) $(EXTRAS) -c requirements.txt pyproject.toml requirements-dev.in -o requirements-dev.txt
	@$(COMPILE) -c requirements-dev.txt requirements-fuzz.in -o requirements-fuzz.txt
	@$(COMPILE) -c requirements-dev.txt requirements-fidelity.in -o requirements-fidelity.txt
	@$(COMPILE) -c requirements-dev.txt requirements-bench.in -o requirements-bench.txt
	@$(COMPILE) -c requirements-dev.txt requirements-docs.in -o requirements-docs.txt
	@$(COMPILE) requirements-package.in -o requirements-package.txt
	@$(COMPILE) -c requirements-package.txt requirements-build.in -o requirements-build.txt
	@$(COMPILE) pyproject.toml requirements-frameworks.in -o requirements-frameworks.txt
	@for name in langchain openai_agents llama_index pydantic_ai headroom awecompress; do \
		$(COMPILE) $(PEERS)/$$name.in -o $(PEERS)/$$name.txt || exit 1; done
	@$(subst 3.11,3.12,$(COMPILE)) --override $(PEERS)/ams.overrides $(PEERS)/ams.in -o $(PEERS)/ams.txt
	@$(subst 3.11,3.10,$(COMPILE)) --no-deps $(PEERS)/libssl.in -o $(PEERS)/libssl.txt

clean:
	rm -rf $(VENV) $(FRAMEWORKS) $(PACKAGE) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build site
