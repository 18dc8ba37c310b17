# `make study` runs the built-in study, `make test` the tests. Each makes the virtual environment it needs; both may be run
# again at any time. What they write stays in this folder (only pip keeps its usual cache of downloads).

VENV := .venv
BIN := $(VENV)/bin
# the first interpreter that starts, is new enough and can make virtual environments
PYTHON := $(shell for python in python3.11 python3 python3.12 python3.13; do \
	$$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
# `make quick VENV=.venv-other` tests another environment: see .ci/run
EXTRA := dev
CONSTRAINTS :=
QUICK_OPTIONS :=
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
# these programs would otherwise write to the home folder
HERE := $(CURDIR)/$(VENV)/cache
export MPLCONFIGDIR := $(HERE)/matplotlib
export IPYTHONDIR := $(HERE)/ipython
export JUPYTER_CONFIG_DIR := $(HERE)/jupyter
export JUPYTER_DATA_DIR := $(HERE)/jupyter
export JUPYTER_RUNTIME_DIR := $(HERE)/jupyter
export PYRIGHT_PYTHON_CACHE_DIR := $(HERE)/pyright
# compiled programs, so that a second run of the tests takes a third of the time
export JAX_COMPILATION_CACHE_DIR := $(HERE)/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0.2

# a wide sample that compiles little, for other versions of Python and of the dependencies
QUICK := tests/test_game.py tests/datasets tests/plots tests/study/test_output.py \
	$(foreach name,bertrand cournot hotelling inverse_demand tullock,tests/mechanisms/classic/test_$(name).py) \
	tests/mechanisms/newsvendor/test_competing_exact.py

.PHONY: help study test test-all slow quick check lint types docs wheel clean

help:
	@echo "make study     run the restaurant study; results and figure in results/restaurant"
	@echo "make test      run the tests, without those marked slow"
	@echo "make test-all  run all tests"
	@echo "make check     linter, formatter, types, docstrings, README, notebook, wheel"
	@echo "make clean     remove the virtual environment"

study: $(VENV)/.study
	$(BIN)/eqsolve run restaurant --overwrite

test: $(VENV)/.$(EXTRA)
	$(PYTEST) -m "not slow and not docs"

test-all: $(VENV)/.$(EXTRA)
	$(PYTEST)

slow: $(VENV)/.$(EXTRA)
	$(PYTEST) -m slow $(SLOW)

quick: $(VENV)/.$(EXTRA)
	$(PYTEST) -m "not slow" $(QUICK_OPTIONS) $(QUICK)

check: lint types docs wheel

lint: $(VENV)/.$(EXTRA)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.$(EXTRA)
	$(BIN)/pyright

docs: $(VENV)/.$(EXTRA)
	$(PYTEST) -m docs --doctest-modules tests/test_notebooks.py tests/test_readme.py eqsolve

wheel: $(VENV)/.$(EXTRA)
	rm -rf build/wheel
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(BIN)/python .ci/wheel_contents.py build/wheel/*.whl

clean:
	rm -rf $(VENV)

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "eqsolve needs Python 3.11 or newer with its venv module; none was found."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

# installed again when pyproject.toml changes; the sources themselves are used where they lie
$(VENV)/.study: pyproject.toml | $(VENV)/.made
	$(BIN)/pip install --quiet --editable ".[study,plots]"
	touch $@

$(VENV)/.$(EXTRA): pyproject.toml $(CONSTRAINTS) | $(VENV)/.made
	$(BIN)/pip install --quiet --editable ".[$(EXTRA)]" $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))
	touch $@
