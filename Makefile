# Every target but help, lock and clean first sees to it that .venv holds what requirements.lock
# says: it is made when missing, refreshed when stale, and otherwise nothing is waited for.
#
#   make demo ARGS="--help"        pass arguments on
#   make setup PYTHON=python3.12   make .venv with another Python (3.11 or newer)
#   make test JOBS=8               run the tests in as many processes (two, unless told)

PYTHON ?= python3
UV ?= uv
ARGS ?=
JOBS ?= 2

BIN := .venv/bin
PY := $(BIN)/python

# What a complete .venv was made from, by content and not by date: a checkout that only touches
# the files costs nothing; a moved clone, a new lock or an install that broke off is noticed.
export HERE := $(CURDIR)
export LOCKED := $(shell cksum < requirements.lock) $(HERE)
export WANTED := $(shell cksum < pyproject.toml) $(LOCKED)
ifneq "$(shell test -x $(PY) && cat .venv/.stamp 2>/dev/null)" "$(WANTED)"
STALE := stale
endif

# On a terminal pip shows what it downloads; in a log it would be thousands of lines.
QUIET := $(shell test -t 2 || echo --quiet)
PIP := $(PY) -m pip $(QUIET) --disable-pip-version-check install --no-deps

.DEFAULT_GOAL := help
.PHONY: help setup demo test base lint bench results calibrations soak lock clean stale

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.stamp  ## make or refresh .venv from requirements.lock
	@echo ".venv holds what requirements.lock says"

demo: .venv/.stamp  ## the story in ten steps on embedded data, ending in a page
	$(BIN)/badnets demo $(ARGS)

# many tests start processes, which need not compile this package again
test soak: export PYTHONDONTWRITEBYTECODE :=
test: .venv/.stamp  ## the tests, without the slow ones
	$(PY) -m pytest --numprocesses $(JOBS) --dist worksteal $(ARGS)

base: .venv/.stamp  ## the base install in an empty environment: its size, and that its verbs work
	.ci/base

lint: .venv/.stamp  ## ruff, mypy --strict, and the import contracts of the rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.stamp  ## the benchmarks: ratios, both sides in one run
	$(PY) -m bench $(ARGS)

results: .venv/.stamp  ## rewrite docs/results/ from the records in results/
	$(BIN)/badnets results results/ docs/results/ $(ARGS)

calibrations: .venv/.stamp  ## train the clean models that audits compare with, and keep what is said of them
	for data in digits mnist gtsrb cifar10-jpeg dogs-vs-cats; do $(BIN)/badnets audit calibrate recipes/calibrate-$$data.yaml \
	  src/badnets/audit/calibrations/$$data.json.gz $(ARGS) || exit; done

soak: .venv/.stamp  ## the slow tests: kill, interrupt and endure
	$(PY) -m pytest -m "slow or soak" --timeout=3600 $(ARGS)

lock:  ## resolve pyproject.toml and constraints.txt into requirements.lock (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv ($(UV) was not found): pip install uv, or UV=/path/to/uv" >&2; exit 2; }
	$(UV) pip compile pyproject.toml --extra dev --constraint constraints.txt --python-version 3.11 \
	  --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet \
	  --output-file requirements.lock $(ARGS)

clean:  ## remove .venv, caches and build outputs; data, ledgers and pages stay
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find src tests bench -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# .locked says which lock was installed completely, and is gone while pip is at work: without it
# the environment is made from nothing. Under a new lock a complete one is brought up to date.
.venv/.stamp: $(STALE)
	@set -e; had=$$(cat .venv/.locked 2>/dev/null || true); rm -f .venv/.stamp; \
	case "$$had" in \
	  *" $$HERE") test -x $(PY) || had= ;; \
	  *) had= ;; \
	esac; \
	if [ -z "$$had" ]; then \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    found=$$($(PYTHON) --version 2>&1 | tail -n 1) || true; \
	    echo "badnets needs Python 3.11 or newer, but $(PYTHON) is: $$found. Try: make $(or $(firstword $(MAKECMDGOALS)),setup) PYTHON=python3.11" >&2; \
	    exit 2; }; \
	  echo "Setting up .venv from requirements.lock: once, a few minutes ..." >&2; \
	  rm -f .venv/.locked; \
	  $(PYTHON) -m venv --clear .venv; \
	fi; \
	if [ "$$had" != "$$LOCKED" ]; then \
	  test -z "$$had" || echo "requirements.lock has changed: refreshing .venv ..." >&2; \
	  rm -f .venv/.locked; \
	  $(PIP) --require-hashes --requirement requirements.lock; \
	  printf '%s\n' "$$LOCKED" > .venv/.locked; \
	fi; \
	$(PIP) --no-build-isolation --editable .; \
	printf '%s\n' "$$WANTED" > .venv/.stamp
