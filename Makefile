# All targets use .venv, which is made from the hashed lock. They need only Python 3.11 to 3.13 and make. The first Python
# that starts is taken, or the one that `make PYTHON=python3.13` names.
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13; do $$each -c '' 2>/dev/null && echo $$each && exit; \
  done; echo python3)
BIN := .venv/bin

.PHONY: install install-dev demo test test-all soak lint format bench lock licences database damage clean

install: .venv/.installed
install-dev: .venv/.installed-dev

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "eigenwave needs Python 3.11 or newer: make PYTHON=/path/to/python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	# Install by path: Dask puts its workers' folders, which have one called storage, before what an import hook finds.
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	touch $@

# Further packages for tests, linters and benchmarks.
.venv/.installed-dev: .venv/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-build-isolation -r requirements-dev.lock
	touch $@

# Published schemas for the checks of deploy/. They are large, and only their data is used, so they stay out of .venv.
.schemas/.installed: deploy/schemas.lock .venv/.installed
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --upgrade --target .schemas -r deploy/schemas.lock
	touch $@

demo: install
	$(BIN)/eigenwave run digits

# The tests of a file run in the same process, because they share servers and runs, and some share network ports. Files
# begin in the order of tests/order.py, the longest first.
PYTEST = $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder
PROCESSES ?= 2

test: install-dev lint
	$(PYTEST) -m "not slow and not soak"

test-all: install-dev lint .schemas/.installed
	$(PYTEST) -m "not soak"

# What is rare, random or long. The day is the seed; CONTRIBUTING.md says how to choose another, and how long.
soak: install-dev
	$(PYTEST) -m soak

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.prose

format: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Compare with peers and limits. Takes half an hour, and uses CIFAR-10 if EIGENWAVE_DATA names a folder with cifar10/.
bench: install-dev
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.checks
	$(BIN)/python -m benchmarks.libraries
	$(BIN)/python -m benchmarks.transform
	$(BIN)/python -m benchmarks.resizing
	$(BIN)/python -m benchmarks.scattering
	$(BIN)/python -m benchmarks.decomposition
	$(BIN)/python -m benchmarks.rerun
	$(BIN)/python -m benchmarks.orchestration
	$(BIN)/python -m benchmarks.year
	$(BIN)/python -m benchmarks.whole
	$(BIN)/python -m benchmarks.startup

# Write the locks again, after a change to the dependencies. Needs uv.
# One version of a package for every Python: the same tests, the same bits, the same addresses of shards.
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
  --no-emit-index-url --no-annotate --no-header --quiet
lock:
	$(LOCK) --extra build --extra server --output-file requirements.lock
	$(LOCK) --extra build --extra hdf5 --extra mlflow --extra server --extra xarray --extra dev --extra bench --constraint requirements.lock --output-file requirements-dev.lock

	printf 'dask-kubernetes\nkubernetes-validate\n' | uv pip compile - --no-deps --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --quiet --output-file deploy/schemas.lock

# Write the list of licences again, after a new lock is installed.
licences: install
	$(BIN)/python deploy/licences.py > docs/licences.md.new
	mv docs/licences.md.new docs/licences.md

# Write the schema that the Prefect server of a run begins with again, after a new lock is installed.
database: install
	$(BIN)/python deploy/prefect_database.py

# Write the tables of docs/damage.md again, after a change to what is verified of files.
damage: install-dev
	$(BIN)/python -m tests.storage.damages

clean:
	rm -rf .venv .schemas build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
