PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help run seed test check format lint types layers openapi lock image-dry test-postgresql

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Claimbase needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/.development: requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ .venv/.runtime

run: .venv/.runtime ## Install, make the database, load the seed, serve
	@$(BIN)/python -m app serve

seed: .venv/.runtime ## Make or migrate the database and load the seed
	@$(BIN)/python -m app seed

test: .venv/.development ## Install and run the tests; T=tests/api for some
	$(BIN)/python -m pytest -n auto --dist loadgroup $(T)

test-postgresql: .venv/.development ## The tests on a PostgreSQL that is started for them
	$(BIN)/python -m tests.postgresql -n auto --dist loadgroup $(T)

check: .venv/.development ## Format, lint, types, layers, tests: before every commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadgroup

format: .venv/.development ## Rewrite to house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: .venv/.development ## Accept a changed API into docs/openapi.json
	$(BIN)/python -m app openapi > docs/openapi.json

lock: ## Pin all dependencies anew, with hashes and without addresses (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header -o requirements.txt pyproject.toml
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header -o requirements-dev.txt --group dev pyproject.toml
