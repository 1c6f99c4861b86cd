# Short names for the commands of the README.
PYTHON ?= python3

.venv/bin/python:
	$(PYTHON) -m venv .venv

.PHONY: train test oldest lint golden benchmark numpy-mkl docs
train: .venv/bin/python
	.venv/bin/pip install -q -e . && .venv/bin/graphnet train digits
test: .venv/bin/python
	.venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest -n auto
oldest: .venv/bin/python # the tests with the oldest versions that pyproject.toml allows
	.venv/bin/pip install -q uv && .venv/bin/uv venv -q .oldest
	.venv/bin/uv pip install -q --python .oldest/bin/python --resolution lowest-direct -e '.[test]'
	.oldest/bin/python -m pytest -n auto -o filterwarnings= # old releases warn of new ones
lint:
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
golden:
	.venv/bin/python -m pytest tests --update-golden
benchmark: .venv/bin/python
	.venv/bin/pip install -q -e '.[bench]' && .venv/bin/python -m tests.benchmarks --first-step 3 --out docs --readme
	.venv/bin/python tests/benchmarks/start.py
numpy-mkl: .venv/bin/python # for one row of the benchmark; about 5 minutes, needs gcc and pkg-config
	$(PYTHON) -m venv .mkl && .mkl/bin/pip install -q mkl mkl-devel
	.venv/bin/pip install -q -e . && PKG_CONFIG_PATH=$(CURDIR)/.mkl/lib/pkgconfig .mkl/bin/pip install -q --no-cache-dir \
	  --no-binary numpy numpy==$$(.venv/bin/python -c 'import numpy; print(numpy.__version__)') \
	  -Csetup-args=-Dblas=mkl-sdl -Csetup-args=-Dlapack=mkl-sdl
	.mkl/bin/pip install -q -e .
docs: # runs every page in full and writes its outputs; PAGES="docs/a.md" for some
	.venv/bin/python docs/make.py $(PAGES)
