# All set-up is a matter of Python 3.11+ and make: the first call of a target makes .venv.
PYTHON ?= python3
BIN := .venv/bin
# Twice quiet: only what goes wrong is said.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes
# The tests start hundreds of processes, which would compile everything each time.
unexport PYTHONDONTWRITEBYTECODE
PYTEST_OPTIONS := -n auto --dist loadfile --no-loadscope-reorder
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)

# What is the same whatever the database is.
WITHOUT_A_BASE := tests/bench tests/schemas tests/contract/test_house_rules.py \
	tests/contract/test_workshop.py tests/contract/test_openapi.py tests/exports/test_guards.py \
	tests/startup/test_backup.py tests/torture/test_power_cuts.py

# The texts that citations are compared with. They are not part of this repository.
CLAIMBASE_SOURCES ?= ../shared/sources
SOURCE := $(CLAIMBASE_SOURCES)/milia-syndrome.txt

.DEFAULT_GOAL := help
.PHONY: help run seed verify test test-postgresql fuzz check lint types layers format openapi lock bench bench-bases torture torture-crashes torture-answers audit

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Claimbase needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "No .venv could be made (Debian: apt-get install python3-venv)" >&2; exit 1; }

.venv/.runtime: requirements.txt | $(BIN)/python
	@echo "Installing into .venv; this is done once and again when requirements.txt changes."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/.development: requirements-dev.txt | $(BIN)/python
	@echo "Installing into .venv; this is done once and again when requirements-dev.txt changes."
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/.runtime

run: .venv/.runtime ## Install, make the database, load the seed, serve
	@$(BIN)/python -m app serve

seed: .venv/.runtime ## Make or migrate the database and load the seed
	@$(BIN)/python -m app seed

verify: .venv/.runtime ## Load the seed into a new base and compare it with the document's text
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	export CLAIMBASE_DATABASE_URL="sqlite:///$$folder/verify.db" && \
	$(BIN)/python -m app seed && \
	if [ -f "$(SOURCE)" ]; then \
		$(BIN)/python -m app check --document "milia-syndrome=$(SOURCE)"; \
	else \
		$(BIN)/python -m app check && \
		echo "SKIPPED: citations were not compared, there is no $(SOURCE); set CLAIMBASE_SOURCES"; \
	fi

test: .venv/.development ## Install and run the tests; T=tests/api for some
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(T)

test-postgresql: .venv/.development ## The tests on a PostgreSQL that is started for them
	$(BIN)/python -m tests.postgresql $(PYTEST_OPTIONS) $(or $(T),$(WITHOUT_A_BASE:%=--ignore=%))

.venv-bench/.installed: requirements-bench.txt
	@echo "Installing what is compared with into .venv-bench; this is done once."
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

bench: .venv/.development .venv-bench/.installed ## Measure the goals; ONLY="p1 p3" for some, BASES=folder
	$(BIN)/python -m bench.run $(if $(ONLY),--only $(ONLY)) $(if $(BASES),--bases $(BASES))

bench-bases: .venv/.development ## Make the bases that are measured: half an hour, 5 GB; BASES=folder
	$(BIN)/python -m bench.bases $(if $(BASES),--bases $(BASES))

fuzz: .venv/.development ## 100,000 random queries, none of them a 5xx; N=2000 for fewer
	@$(BIN)/python -m tools.fuzz_queries $(or $(N),100000)

check: lint types layers test ## The gate: format, lint, types, layers, tests

lint: .venv/.development ## Format and lint, without changing a file
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .

types: .venv/.development ## Types, strictly
	$(BIN)/python -m mypy

layers: .venv/.development ## Who may import whom
	$(BIN)/lint-imports

format: .venv/.development ## Rewrite to house style
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

openapi: .venv/.development ## Accept a changed API into docs/openapi.json
	@$(BIN)/python -m app openapi > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

lock: ## Pin what pyproject.toml asks for; UPGRADE=1 for the newest of everything (needs uv)
	$(UV_COMPILE) -o requirements.txt pyproject.toml
	$(UV_COMPILE) -c requirements.txt -o requirements-dev.txt --group dev pyproject.toml
	$(UV_COMPILE) -c requirements.txt -o requirements-bench.txt --group bench
	$(UV_COMPILE) -o requirements-audit.txt --group audit

torture: .venv/.development ## Editors, kills, power cuts, backups and more, in full, on SQLite and PostgreSQL
	$(MAKE) --jobs 2 --keep-going torture-crashes torture-answers

torture-crashes: .venv/.development ## Its half that kills, cuts power and fails over
	$(BIN)/python -m tests.torture.kills --cycles $(or $(KILLS),1000)
	$(BIN)/python -m tests.postgresql --run tests.torture.kills --cycles $(or $(KILLS),60)
	$(BIN)/python -m tests.torture.power_cuts --points $(or $(POINTS),20000)
	$(BIN)/python -m tests.torture.migration_kills
	$(BIN)/python -m tests.postgresql --run tests.torture.migration_kills --again 10
	$(BIN)/python -m tests.torture.backups --cycles $(or $(CYCLES),200)
	$(BIN)/python -m tests.torture.storage
	$(BIN)/python -m tests.torture.storage --step 10 --planted
	$(BIN)/python -m tests.torture.terminations --seconds 8 --rounds $(or $(ROUNDS),20)
	$(BIN)/python -m tests.torture.terminations --seconds 5 --rounds 1 --planted
	$(BIN)/python -m tests.torture.failover --rounds $(or $(FAILOVERS),20)
	$(BIN)/python -m tests.torture.failover --rounds 1 --planted lagging

torture-answers: .venv/.development ## Its half that looks at answers
	$(BIN)/python -m tests.torture.lost_updates --attempts $(or $(N),80000)
	$(BIN)/python -m tests.torture.stale_reads --edits $(or $(EDITS),1700)
	$(BIN)/python -m tests.postgresql --run tests.torture.lost_updates --attempts $(or $(N),20000)
	$(BIN)/python -m tests.postgresql --run tests.torture.stale_reads --edits $(or $(EDITS),500)
	$(BIN)/python -m tests.torture.stale_reads --edits 30 --planted
	$(BIN)/python -m tests.torture.stale_reads --edits 30 --planted unnoted
	$(BIN)/python -m tests.torture.kept_answers --histories $(or $(HISTORIES),20)
	$(BIN)/python -m tests.postgresql --run tests.torture.kept_answers --histories $(or $(HISTORIES),10)
	$(BIN)/python -m tests.torture.kept_answers --histories 2 --planted
	$(BIN)/python -m tests.postgresql --run tests.torture.kept_answers --histories 2 --planted
	$(BIN)/python -m tests.torture.replicas --edits $(or $(EDITS),500)
	$(BIN)/python -m tests.torture.replicas --edits 12 --planted
	$(BIN)/python -m tests.torture.schemas --cases $(or $(CASES),60000)
	$(BIN)/python -m tests.postgresql --run tests.torture.schemas --cases $(or $(CASES),25000)
	$(BIN)/python -m tests.torture.schemas --cases 71 --planted
	$(BIN)/python -m tests.torture.sequences --scenarios $(or $(SCENARIOS),1000)
	$(BIN)/python -m tests.postgresql --run tests.torture.sequences --scenarios 450
	$(BIN)/python -m tests.torture.sequences --scenarios 60 --planted

.venv-audit/.installed: requirements-audit.txt
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

audit: .venv-audit/.installed ## Look up known faults of what is pinned; needs the advisory service
	@for file in requirements.txt requirements-dev.txt requirements-bench.txt requirements-audit.txt; do \
		echo "$$file:"; \
		if ! .venv-audit/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes \
			-r $$file 2> .venv-audit/said; then \
			grep -q '^Found' .venv-audit/said && { cat .venv-audit/said >&2; exit 1; }; \
			echo "NOT AUDITED: the advisory service did not answer ($$(tail -n 1 .venv-audit/said | cut -c 1-200))" >&2; \
			exit 1; \
		fi; \
	done
