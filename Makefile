# make table   set up, measure the table on this machine, print it        make test   set up, run the tests
# make lint    ruff and mypy                                              make smoke  every kind of trial once
# A GPU user keeps their own torch:  make table VENV_ARGS=--system-site-packages ARGS='--device cuda'
# Another build of torch:            make table TORCH='torch==2.13.0+cpu' TORCH_ARGS='--index-url URL'
# PYTHON, VENV_ARGS, TORCH, TORCH_ARGS and PIP_ARGS are for the set-up: they count while there is no .venv (make clean).
PYTHON ?= python3
VENV ?= .venv
VENV_ARGS ?=
# Not in constraints.txt: it would replace a GPU user's build. Installed only where there is no torch yet.
TORCH ?= torch==2.13.0
TORCH_ARGS ?=
PIP_ARGS ?=
ARGS ?=
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp
# On a machine with CUDA: make asv-smoke ASV_LAUNCH='--launch-method spawn'
ASV_LAUNCH ?= --launch-method forkserver
# A saved file to compare with; empty is the run saved last.
BENCH_BASE ?=
BENCH_FACTOR ?= 1.1
# What bench.machine gives to worker processes.
WORKER_ENVIRONMENT = $$($(PY) -c 'from bench.machine import WORKER_ENVIRONMENT as e; print(*map("=".join, e.items()))')
# Of the working tree, or of another one whose folder the shell variable `bench_code` holds.
BENCH = env $(WORKER_ENVIRONMENT) PYTHONSAFEPATH=1 PYTHONPATH="$${bench_code:-$(CURDIR)}" \
  $(PY) -m pytest "$${bench_code:-.}/tests/test_speed.py" --benchmark-enable --benchmark-only \
  --benchmark-columns=min,median,iqr,rounds --benchmark-sort=name \
  -W default::pytest_benchmark.logger.PytestBenchmarkWarning

.PHONY: setup table smoke test test-slow lint asv-smoke bench bench-save bench-compare clean
.DELETE_ON_ERROR:

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Bakeoff needs Python 3.11 or later with venv (Debian: apt-get install python3-venv); set PYTHON=...'; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV_ARGS) $(VENV)
	@$(PY) -c 'import torch' 2>/dev/null || $(PY) -m pip install -q $(TORCH_ARGS) '$(TORCH)'
	@$(PY) -c 'import sys, torch; sys.exit(tuple(map(int, torch.__version__.split(".")[:2])) < (2, 9))' || \
	  { echo 'Bakeoff needs torch 2.9 or later, and does not replace the one that is there: update it yourself'; exit 1; }
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

# Every benchmark once, against the working tree. asv keeps a file about the machine in HOME: here, in a folder that
# is thrown away; PYTHONUSERBASE keeps the user's own packages in sight.
asv-smoke: $(STAMP)
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT && asv='$(abspath $(VENV))/bin/asv' && \
	  export PYTHONUSERBASE="$${PYTHONUSERBASE:-$$HOME/.local}" HOME="$$home" ASV_PYTHONPATH='$(CURDIR)' && \
	  export $(WORKER_ENVIRONMENT) && \
	  "$$asv" check -E existing && \
	  "$$asv" machine --yes >"$$home/log" 2>&1 && \
	  "$$asv" run -E existing --quick --dry-run --show-stderr $(ASV_LAUNCH) $(ARGS)

# make bench-save, change something, make bench-compare: fails if the fastest round of some call is slower than the
# base's by more than BENCH_FACTOR, the machine's own drift taken out, in three pairs of processes of three. The base's
# commit is checked out and measured anew, in turns with the working tree: figures of an hour ago say little. The
# minimum, since a neighbour's work can only add to a time.
bench: $(STAMP)
	$(BENCH) $(ARGS)

bench-save: $(STAMP)
	$(BENCH) --benchmark-save=base --benchmark-save-data $(ARGS)

bench-compare: $(STAMP)
	@base="$(BENCH_BASE)"; base="$${base:-$$(ls -t .benchmarks/*/*_base.json 2>/dev/null | head -1)}"; \
	test -n "$$base" || { echo 'bench-compare: no base yet, run make bench-save first'; exit 2; }; \
	commit=$$($(PY) -m analysis.benchmarks --commit "$$base") || exit 2; out='$(CURDIR)/.benchmarks'; tree="$$out/tree"; \
	git worktree remove --force "$$tree" 2>/dev/null; \
	if test -n "$$commit"; then git worktree add -q --detach "$$tree" "$$commit" || exit 2; \
	  trap 'git worktree remove --force "$$tree"' EXIT; \
	else echo 'bench-compare: the base had uncommitted changes, so its saved figures are all there is'; fi; \
	pairs=""; for attempt in 1 2 3; do \
	  beside="$$base"; test -z "$$commit" || { beside="$$out/base$$attempt.json"; \
	    (bench_code="$$tree"; $(BENCH) --benchmark-json="$$beside" $(ARGS)) || exit 2; }; \
	  $(BENCH) --benchmark-json="$$out/now$$attempt.json" $(ARGS) || exit 2; \
	  pairs="$$pairs $$beside $$out/now$$attempt.json"; \
	  $(PY) -m analysis.benchmarks $$pairs --factor $(BENCH_FACTOR) && exit 0; \
	done; exit 1

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
