# make help    what there is to type
PYTHON ?= python3
BIN := .venv/bin
DATA ?=
MINUTES ?= 25

.PHONY: help train test test-all check bench bench-long gpu-queue clean
.DEFAULT_GOAL := help

help:
	@echo "make train                     train on drawn faces for two minutes (no download), show the table, write a report"
	@echo "make train DATA=fer2013.csv    train on FER2013 for six minutes"
	@echo "make test                      run the tests but for the slowest"
	@echo "make test-all                  run all tests"
	@echo "make check                     formatting, lint, and types of the public interface"
	@echo "make bench                     time it against other ways, quick rows: under 20 minutes on 2 CPU cores"
	@echo "make bench-long                the rest: the lab's networks at full size, large sets, two processes"
	@echo "make gpu-queue MINUTES=25      the runs that want a GPU, in that time; benchmarks/gpu_queue.py says more"
	@echo "make clean                     remove the environment"
	@echo "PYTHON=python3.12 make ...     another Python, 3.11 or newer"

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("fer needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=python3.12, say") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch .venv/ready

train: .venv/ready
	$(BIN)/python train.py $(if $(DATA),data=fer2013 data.path='$(DATA)' budget=6min,data=drawn budget=2min)

PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

test: .venv/ready
	$(PYTEST) -m "not slow"

test-all: .venv/ready
	$(PYTEST)

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	for row in startup reading loop usual limit evaluation memory shipped; do $(BIN)/python benchmarks/$$row.py || exit 1; done
	$(BIN)/python benchmarks/picture.py

bench-long: .venv/ready
	for row in lab growth processes; do $(BIN)/python benchmarks/$$row.py || exit 1; done
	$(BIN)/python benchmarks/picture.py

gpu-queue: .venv/ready
	$(BIN)/python benchmarks/gpu_queue.py --minutes $(MINUTES) trainer=gpu

clean:
	rm -rf .venv
