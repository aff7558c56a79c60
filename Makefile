# make table   set up, measure the table on this machine, print it        make test   set up, run the tests
# make lint    ruff and mypy                                              make smoke  every kind of trial once
# A GPU user keeps their own torch:  make table VENV_ARGS=--system-site-packages ARGS='--device cuda'
# Another build of torch:            make table TORCH='torch==2.13.0+cpu' PIP_ARGS='--extra-index-url URL'
PYTHON ?= python3
VENV ?= .venv
VENV_ARGS ?=
# Not in constraints.txt: it would replace a GPU user's build. Installed only where there is no torch yet.
TORCH ?= torch==2.13.0
PIP_ARGS ?=
ARGS ?=
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp

.PHONY: setup table smoke test test-slow lint clean
.DELETE_ON_ERROR:

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Bakeoff needs Python 3.11 or later with venv (Debian: apt-get install python3-venv); set PYTHON=...'; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV_ARGS) $(VENV)
	@$(PY) -c 'import torch' 2>/dev/null || $(PY) -m pip install -q $(PIP_ARGS) '$(TORCH)'
	$(PY) -m pip install -q $(PIP_ARGS) -c constraints.txt -e '.[dev]'
	@touch $@

table: $(STAMP)
	$(VENV)/bin/bakeoff table $(ARGS)

smoke: $(STAMP)
	$(VENV)/bin/bakeoff run smoke $(ARGS)

test: $(STAMP)
	$(PY) -m pytest $(ARGS)

# Kills, A/A runs: minutes on a quiet machine, so not part of `test`.
test-slow: $(STAMP)
	$(PY) -m pytest -m slow -s $(ARGS)

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy bakeoff.py models bench analysis

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
