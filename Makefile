# Two commands do everything: `make run` and `make test`. They need Python 3.11 or later and a package index.
PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test lint tables clean

run: .venv/run
	$(BIN)/inbench run --methods all

test: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q

lint: .venv/test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy

# Writes the committed tables anew from the committed records.
tables: .venv/run
	$(BIN)/inbench tables --results results/reference --write
	$(BIN)/inbench tables --results results/reference --only drawn-faces --write README.md
	$(BIN)/inbench tables --results results/reference --costs --write docs/performance.md

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "inbench needs Python 3.11 or later; name one with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }

.venv/run: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) -e '.[opencv]'
	@touch $@

.venv/test: .venv/run
	$(INSTALL) -e '.[test]'
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info
