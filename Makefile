# Short names for the commands of the README.
PYTHON ?= python3

.venv/bin/python:
	$(PYTHON) -m venv .venv

.PHONY: train test lint golden benchmark docs
train: .venv/bin/python
	.venv/bin/pip install -q -e . && .venv/bin/graphnet train digits
test: .venv/bin/python
	.venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -n auto
lint:
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
golden:
	.venv/bin/python -m pytest tests --update-golden
benchmark: .venv/bin/python
	.venv/bin/pip install -q -e '.[bench]' && .venv/bin/python -m tests.benchmarks --first-step 3 --out docs --readme
	.venv/bin/python tests/benchmarks/start.py
docs: # runs every page in full and writes its outputs; PAGES="docs/a.md" for some
	.venv/bin/python docs/make.py $(PAGES)
