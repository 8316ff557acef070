# Every recipe runs from here, whatever the path is called.
.DEFAULT_GOAL := help
.PHONY: help run example test test-drivers test-versions test-browser test-pooler check-ops attack lint format audit bench bench-growth chaos token migrate revision openapi clients build lock clean
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
PROGRESS := $(PYTHON) -m embedded exec $(PYTHON) -m flask --app progress_api progress
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(PYTHON) -m uv pip compile --quiet --universal \
	--fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
SUB ?= learner-1
SCOPE ?=
ROUNDS ?= 5
SECONDS ?= 5
COUNT ?= 20000
SEED ?= 1
# Through the environment, so that a quote in a value is only a quote.
export SUB SCOPE m
# Without its bytecode, each of the many processes that are started compiles the service again.
unexport PYTHONDONTWRITEBYTECODE

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: .venv/.installed ## Serve, with PostgreSQL and Valkey where DATABASE_URL and RATELIMIT_STORAGE_URI name none
	@exec $(PYTHON) -m embedded run

example: .venv/.installed ## Serve examples/host_app, an app of somebody else's that has tutorial progress in it
	@exec $(PYTHON) -m embedded exec $(PYTHON) examples/host_app

test: .venv/.installed ## Run all tests, 95% of the branches covered; over psycopg 3: make test DRIVER=psycopg
	$(PYTHON) -m pytest -n 3 --dist loadfile \
		--ignore tests/browser --ignore tests/operations --ignore tests/pooler \
		--cov --cov-report=term --cov-fail-under=95

test-browser: .venv/.installed ## Run the tests in a real Chromium, which must be installed
	$(PYTHON) -m pytest tests/browser

test-pooler: .venv/.installed ## Run the tests behind a real PgBouncer, which must be installed
	$(PYTHON) -m pytest tests/pooler

check-ops: .venv/.installed ## Try what is in deploy/, with Prometheus, nginx, systemd-analyze, a backup and full disks
	$(PYTHON) -m pytest tests/operations

test-drivers: ## Run all tests over psycopg2, then over psycopg 3
	$(MAKE) test DRIVER=psycopg2
	$(MAKE) test DRIVER=psycopg

test-versions: .venv/.installed ## Run all tests on the wheel, with its oldest and newest dependencies, on each Python
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m tests.versions $(ONLY)

attack: .venv/.installed ## Send generated requests and say how they are answered: make attack [COUNT=20000] [SEED=1]
	@export ATTACK_COUNT=$(COUNT) ATTACK_SEED=$(or $(SEED),$$(date +%s)); \
		echo "make attack COUNT=$$ATTACK_COUNT SEED=$$ATTACK_SEED"; \
		$(PYTHON) -m pytest -q tests/attacks/test_requests.py

lint: .venv/.installed ## Check style, types and the walls between the rooms
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m bandit --quiet --recursive --skip B101 progress_api gunicorn.conf.py wsgi.py

format: .venv/.installed ## Mend what ruff can mend of the style, and lay out the code
	$(PYTHON) -m ruff check --fix --exit-zero
	$(PYTHON) -m ruff format

audit: .venv/.installed ## Ask PyPI for advisories about the versions in requirements.lock
	$(PYTHON) -m pip install --quiet uv
	@$(PYTHON) -m uv tool run --quiet pip-audit --strict --disable-pip --require-hashes \
		--requirement requirements.lock || { echo "make audit: not clean. Either advisories are" \
		"listed above, or this machine reaches no index that publishes them." >&2; exit 1; }

bench: .venv/.installed ## Measure a request beside the guide's own code: make bench [ROUNDS=1] [SECONDS=2]
	@exec $(PYTHON) -m bench compare $(ROUNDS) $(SECONDS)

bench-growth: .venv/.installed ## Measure a request as work grows: make bench-growth [PIECE=rows]
	@exec $(PYTHON) -m bench growth $(PIECE)

chaos: .venv/.installed ## Break the service under load and count what is lost: make chaos [ONLY=valkey] [SEED=1]
	@exec $(PYTHON) -m chaos "$(SEED)" "$(ONLY)"

token: .venv/.installed ## Print a token for the running service: make token SUB=alice [SCOPE=progress:admin]
	@exec $(PYTHON) -m embedded token "$$SUB" --scope "$$SCOPE"

migrate: .venv/.installed ## Bring DATABASE_URL, or the database of make run, to the newest schema
	@exec $(PROGRESS) migrate

revision: .venv/.installed ## Start a migration: make revision m="what it does"
	@said=$$($(PROGRESS) revision "$$m") && file=$$(echo "$$said" | tail -n 1) \
		&& $(PYTHON) -m ruff check --quiet --fix --exit-zero "$$file" \
		&& $(PYTHON) -m ruff format --quiet "$$file" && $(PYTHON) -m ruff check --quiet "$$file" \
		&& echo "$$file"

openapi: .venv/.installed ## Write docs/openapi.json, the description of the API
	@$(PYTHON) -m flask --app progress_api progress openapi > docs/openapi.json

clients: .venv/.installed ## Make a TypeScript and a Python client of docs/openapi.json, and compile them
	@tests/clients/compile

build: .venv/.installed ## Make the wheel, and the sdist that it is made from, in dist/
	$(PYTHON) -m build --no-isolation

# The second lock is of what is deployed alone, in the versions of the first.
lock: .venv/.installed ## Write requirements.lock and requirements-serve.lock, with the newest versions
	$(PYTHON) -m pip install --quiet uv
	$(COMPILE) --upgrade --all-extras --output-file requirements.lock setup.cfg requirements.in
	$(COMPILE) --constraint requirements.lock --output-file requirements-serve.lock setup.cfg

clean: ## Remove what was built, and the environment; the data in .local stays
	rm -rf .venv build dist *.egg-info .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --no-deps: the lock is complete, and some versions of pip take a newer coverage[toml] than it pins.
.venv/.installed: requirements.lock setup.cfg progress_api/version.py
	@python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
		|| { echo "This needs python3 of version 3.11 to 3.14; found: $$(python3 --version 2>&1)." >&2; exit 1; }
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
