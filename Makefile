# The two commands a newcomer needs are `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-slow lint types sql-lint pytest bench screenshots lock dev clean

run: .venv/run ## Install the locked dependencies, then fetch, build, publish and report
	$(BIN)/aimarket run

test: .venv/dev lint types sql-lint pytest ## Everything CI runs but test-slow

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

sql-lint: .venv/dev
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 sql/models sql/macros sql/tests

pytest: .venv/dev
	$(BIN)/pytest -n auto --dist loadgroup

test-slow: .venv/dev .venv/superset/installed ## What takes minutes: a server set up by the page, a daemon, Superset
	$(BIN)/pytest -n auto --dist loadgroup -m slow

bench: .venv/dev ## Print the benchmark tables
	$(BIN)/python -m bench

screenshots: .venv/dev ## Picture the report's pages into docs/img
	$(BIN)/python -m docs.screenshots

dev: .venv/run ## Dagster's web page
	$(BIN)/aimarket dev

lock: .venv/uv ## Resolve the dependencies again
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --extra server -c requirements.lock -o requirements-server.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml --extra server --group dev --group bench -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
		docs/bi/superset.in -o docs/bi/superset.txt

clean:
	rm -rf .venv sql/target sql/logs

.venv/uv:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q 'uv>=0.5'
	touch $@

.venv/run: .venv/uv requirements.lock
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --no-deps -e .
	touch $@

.venv/dev: .venv/uv requirements-dev.lock
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python --no-deps -e .
	touch $@ .venv/run

.venv/superset/installed: .venv/uv docs/bi/superset.txt
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv/superset
	$(BIN)/uv pip install -q --python .venv/superset/bin/python -r docs/bi/superset.txt
	touch $@
