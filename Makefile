# `make demo` and `make test` do all the set-up themselves: Python 3.11 to 3.14 and make are enough.

VENV ?= .venv
PYTHON ?=
# A second `make demo` goes on from where the first one was stopped.
DEMO_ARGS ?= --dataset glyphs --out runs/demo --resume
# Test processes; each computes with one thread (tests/conftest.py).
JOBS ?= auto --maxprocesses 4
# Other last digits than this machine's: a verdict must not hang on them (tests/jitter).
PYTEST_ARGS ?= -n $(JOBS) --dist worksteal --jitter 1
# Whose order of sums OpenBLAS takes; SkylakeX needs a processor with AVX-512.
CORES ?= Prescott Sandybridge Haswell $(shell grep -qsw avx512vl /proc/cpuinfo && echo SkylakeX)

export VENV PYTHON
RUN = "$(VENV)/bin/python" -m

# Where the pages of the docstrings go.
DOCS ?= build/docs

.DEFAULT_GOAL := help
.PHONY: help demo test coverage test-blas test-shuffled test-cupy check lint types bench docs clean venv-demos venv-test venv-docs

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: venv-demos  ## train a VAE on drawn digits; pictures and numbers in runs/demo (minutes)
	$(RUN) demos.vae $(DEMO_ARGS)

test: venv-test  ## run the whole test suite
	$(RUN) pytest $(PYTEST_ARGS)

coverage: venv-test  ## the same, and which lines no test reached: twice the time
	$(RUN) pytest $(PYTEST_ARGS) --cov

test-blas: venv-test  ## the whole test suite once for each of OpenBLAS's kernels and for 1 and 2 threads: by hand
	@set -e; for core in $(CORES); do for threads in 1 2; do \
		echo "=== OPENBLAS_CORETYPE=$$core OPENBLAS_NUM_THREADS=$$threads"; \
		OPENBLAS_CORETYPE=$$core OPENBLAS_NUM_THREADS=$$threads OMP_NUM_THREADS=$$threads \
			$(RUN) pytest -q -n $(JOBS) --dist worksteal $(BLAS_ARGS); \
	done; done

# By default all that `make check` runs; MARK=slow SEEDS="1 2" for the rest.
MARK ?= not slow
SEEDS ?= 1 2 3 4 5 6 7 8 9 10

test-shuffled: venv-test  ## the fast tests ten times, in drawn orders, on 1, 2 and 4 processes: by hand
	@set -e; for seed in $(SEEDS); do \
		jobs=$$((1 << seed % 3)); \
		strict="$$([ $$((seed % 2)) = 0 ] || echo PYTHONDEVMODE=1 PYTHONWARNINGS=error)"; \
		echo "=== --shuffle $$seed, $$jobs processes $$strict"; \
		env $$strict PYTHONHASHSEED=$$seed $(RUN) pytest -q -m "$(MARK)" -n $$jobs --dist worksteal \
			--shuffle $$seed --jitter $$seed --hypothesis-profile=quick; \
	done

# CuPy without CUDA's libraries, of which the fake has its own: 137 MB, once.
CUPY ?= $(VENV)/cupy

test-cupy: venv-test  ## the tests for CUDA, on CuPy itself and a fake driver: Linux on x86-64 and g++
	@[ -d "$(CUPY)/cupy" ] || $(RUN) pip install --quiet --no-deps --target "$(CUPY)" \
		cupy-cuda12x==14.2.0 'cuda-pathfinder>=1.3.4,<2'
	PYTHONPATH="$(CUPY)" $(RUN) pytest -q -p tests.fakecuda.plugin -m cuda -n $(JOBS) \
		--dist worksteal --hypothesis-profile=quick $(CUPY_ARGS)

check: lint types  ## lint, types and the fast tests: seconds, before every commit
	$(RUN) pytest -q -x -m "not slow" --hypothesis-profile=quick -n $(JOBS) --dist worksteal

lint: venv-test  ## ruff: faults, and the format
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: venv-test  ## mypy --strict
	$(RUN) mypy

bench: venv-test  ## minigrad beside PyTorch (where installed), NumPy and the bare matrix products
	$(RUN) benchmarks $(BENCH_ARGS)

docs: venv-docs  ## pages of all that is public, from the docstrings: build/docs/minigrad.html
	"$(VENV)/bin/python" -W error docs/api.py "$(DOCS)"

clean:  ## remove what tools left behind, the default virtual environment too; runs/ stays
	rm -rf .venv build dist *.egg-info .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv-demos venv-test venv-docs: venv-%:
	@.ci/venv $*
