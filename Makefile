# Everything here works on a fresh machine with Python 3.11+ and make; a second run needs no network.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo dev test chaos lint types bench classify-report lock browser clean

setup: $(READY)

$(READY): pyproject.toml requirements-dev.lock packaging/compile.py app/avro/codec.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

demo: setup
	$(BIN)/undelivered demo $(ARGS)

dev: setup
	$(BIN)/undelivered dev $(ARGS)

test: setup browser lint types
	$(BIN)/python -m pytest $(ARGS)

# kills, rebalances and broker restarts under load, compared with an oracle: make chaos ARGS="--events 1000000 --kills 20"
chaos: setup
	$(BIN)/python -m tests.chaos $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/lint-imports --no-cache
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.kafka.yml

types: setup
	$(BIN)/mypy

# everything, or one of them: make bench ARGS="latency --rates 20,100"; docs/benchmarks.md says how to read them
bench: setup
	$(BIN)/python -m benchmarks.run $(ARGS)

# docs/classification-report.md, after any change of the tables; needs the labelled corpus beside the repository
classify-report: setup
	$(BIN)/python -m benchmarks.classification

# one test looks at the page in a real browser
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends chromium >/dev/null; \
	else echo "tests/browser needs Chromium or Chrome on the PATH" >&2; fi

# after a change of the dependencies in pyproject.toml
lock: setup
	$(BIN)/uv pip compile --quiet --extra dev --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
		--upgrade --output-file requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache var
