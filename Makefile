.DEFAULT_GOAL := help
.PHONY: help run demo example test test-coverage test-psycopg test-processes test-drivers test-postgres test-versions test-browser test-client test-pooler check-ops image check-image attack lint format audit bench bench-growth bench-watching chaos token migrate revision openapi clients build lock clean
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
PROGRESS := $(PYTHON) -m embedded exec $(PYTHON) -m flask --app progress_api progress
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(PYTHON) -m uv pip compile --quiet --universal \
	--fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links
OWN_TARGETS := tests/browser tests/deployment tests/image tests/operations tests/pooler
# Tests that start many processes, and tests that take longer.
PROCESSES := tests/attacks tests/docs tests/faults tests/serving
LONGER := tests/host/engine tests/learners tests/listing tests/migrations tests/reports tests/rules/database
# Tests that are the same over each driver: what they send reaches no database, or is not about it.
DRIVERLESS := tests/description tests/endpoints
# The oldest PostgreSQL that is promised.
OLDEST_POSTGRES ?= /usr/lib/postgresql/15/bin
# What `make image` builds, on which base, and with which program.
IMAGE ?= progress-api
BASE ?= python:3.13-slim
ENGINE ?= $(firstword $(foreach name,docker podman buildah,$(shell command -v $(name))))
SUB ?= learner-1
SCOPE ?=
ROUNDS ?= 5
SECONDS ?= 5
COUNT ?= 20000
SEED ?= 1
REQUESTS ?= 1000
# Passed through the environment, so that the shell does not interpret quotes in a value.
export SUB SCOPE m
# Without cached bytecode every process that the tests start would compile the service again.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: .venv/.installed ## Serve; start PostgreSQL and Valkey unless DATABASE_URL and RATELIMIT_STORAGE_URI are set
	@exec $(PYTHON) -m embedded run

demo: .venv/.installed ## Serve examples/player, a page with courses, and the service that it uses
	@PYTHONPATH=. exec $(PYTHON) examples/player/serve.py

example: .venv/.installed ## Serve examples/host_app, an app that mounts tutorial progress
	@exec $(PYTHON) -m embedded exec $(PYTHON) examples/host_app

test: .venv/.installed ## Run the tests; over psycopg 3: make test DRIVER=psycopg
	$(PYTHON) -m pytest -n 3 --dist loadfile $(addprefix --ignore ,$(OWN_TARGETS) $(PROCESSES) $(LONGER)) $(COVERAGE)

test-coverage: COVERAGE := --cov --cov-report=term --cov-fail-under=95
test-coverage: test ## Run the tests; at least 95% of the branches must be covered

test-psycopg: ## Run the tests that the driver of PostgreSQL concerns, over psycopg 3
	$(MAKE) test DRIVER=psycopg OWN_TARGETS="$(OWN_TARGETS) $(DRIVERLESS)"

test-processes: .venv/.installed ## Run the tests that take longer, or start the service and make targets as processes
	$(PYTHON) -m pytest -n 3 --dist loadfile $(PROCESSES) $(LONGER)

test-browser: .venv/.installed ## Run the browser tests; Chromium must be installed
	$(PYTHON) -m pytest -n 2 --dist loadfile tests/browser

test-client: .venv/.installed client/node_modules ## Test client/, the JavaScript package, with Node.js and a real service
	cd client && npx --no-install tsc --project .
	$(PYTHON) -m tests.with_service node --test --test-reporter=spec client/test/*.test.js

client/node_modules: client/package-lock.json
	cd client && npm ci --no-fund --no-audit
	@touch $@

test-pooler: .venv/.installed ## Run the tests with a connection pooler; PgBouncer must be installed
	$(PYTHON) -m pytest tests/pooler

check-ops: .venv/.installed ## Test compose.yaml, deploy/, backups and full disks with Prometheus, nginx and systemd-analyze
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m pytest -n 2 --dist loadfile tests/operations tests/deployment

image: ## Build the container image: make image [IMAGE=progress-api] [BASE=python:3.13-slim] [ENGINE=docker]
	BUILDAH_FORMAT=docker $(or $(ENGINE),docker) build --file Containerfile --tag $(IMAGE) --build-arg BASE=$(BASE) \
		--build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) .

check-image: .venv/.installed ## Build the image on Debian's packages and run it, also behind nginx
	$(PYTHON) -m pytest tests/image

test-drivers: ## Run test and test-processes over psycopg2, then over psycopg 3
	$(MAKE) test-coverage test-processes DRIVER=psycopg2
	$(MAKE) test test-processes DRIVER=psycopg

test-postgres: ## Run the tests of the database on PostgreSQL 15 of Debian's postgresql-15, then on the wheel's 18
	$(MAKE) test LONGER= POSTGRES_BIN=$(OLDEST_POSTGRES)
	$(MAKE) test LONGER= POSTGRES_BIN=

test-versions: .venv/.installed ## Run all tests of the wheel with its oldest and newest dependencies, on each Python
	$(PYTHON) -m pip install --quiet uv
	$(PYTHON) -m tests.versions $(ONLY)

attack: .venv/.installed ## Send generated requests and summarize the responses: make attack [COUNT=20000] [SEED=1]
	@export ATTACK_COUNT=$(COUNT) ATTACK_SEED=$(or $(SEED),$$(date +%s)); \
		echo "make attack COUNT=$$ATTACK_COUNT SEED=$$ATTACK_SEED"; \
		$(PYTHON) -m pytest -q tests/attacks/test_requests.py

lint: .venv/.installed ## Check style, types, import rules and security
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m bandit --quiet --recursive --skip B101 progress_api gunicorn.conf.py wsgi.py

format: .venv/.installed ## Fix and format the code with ruff
	$(PYTHON) -m ruff check --fix --exit-zero
	$(PYTHON) -m ruff format

audit: .venv/.installed ## Check requirements.lock for known vulnerabilities, in the advisories of PyPI
	$(PYTHON) -m pip install --quiet uv
	@$(PYTHON) -m uv tool run --quiet pip-audit --strict --disable-pip --require-hashes \
		--requirement requirements.lock || { echo "make audit: not clean. Either advisories are" \
		"listed above, or this machine reaches no index that publishes them." >&2; exit 1; }

bench: .venv/.installed ## Measure requests, compared with other implementations: make bench [ROUNDS=1] [SECONDS=2]
	@exec $(PYTHON) -m bench compare $(ROUNDS) $(SECONDS)

bench-growth: .venv/.installed ## Measure requests as the amount of data grows: make bench-growth [PIECE=rows]
	@exec $(PYTHON) -m bench growth $(PIECE)

bench-watching: .venv/.installed ## Measure what an hour of watching costs, with the client and without; needs Node.js
	@exec $(PYTHON) -m bench watching

chaos: .venv/.installed ## Cause failures under load and count what is lost: make chaos [ONLY=valkey] [SEED=1] [REQUESTS=1000]
	@exec $(PYTHON) -m chaos "$(SEED)" "$(ONLY)" "$(REQUESTS)"

token: .venv/.installed ## Print a token for the running service: make token SUB=alice [SCOPE=progress:admin]
	@exec $(PYTHON) -m embedded token "$$SUB" --scope "$$SCOPE"

migrate: .venv/.installed ## Upgrade DATABASE_URL, or the database of make run, to the newest schema
	@exec $(PROGRESS) migrate

revision: .venv/.installed ## Write a new migration: make revision m="what it does"
	@said=$$($(PROGRESS) revision "$$m") && file=$$(echo "$$said" | tail -n 1) \
		&& $(PYTHON) -m ruff check --quiet --fix --exit-zero "$$file" \
		&& $(PYTHON) -m ruff format --quiet "$$file" && $(PYTHON) -m ruff check --quiet "$$file" \
		&& echo "$$file"

openapi: .venv/.installed ## Write docs/openapi.json, the OpenAPI document
	@$(PYTHON) -m flask --app progress_api progress openapi > docs/openapi.json

clients: .venv/.installed ## Generate TypeScript and Python clients from docs/openapi.json, and compile them
	@tests/clients/compile

build: .venv/.installed ## Build the sdist, and the wheel from it, in dist/
	$(PYTHON) -m build --no-isolation

# requirements-serve.lock has only what is deployed, in the versions of requirements.lock.
lock: .venv/.installed ## Update requirements.lock and requirements-serve.lock to the newest versions
	$(PYTHON) -m pip install --quiet uv
	$(COMPILE) --upgrade --all-extras --output-file requirements.lock setup.cfg requirements.in
	$(COMPILE) --constraint requirements.lock --output-file requirements-serve.lock setup.cfg

clean: ## Remove build results and the environment, but not the data in .local
	rm -rf .venv build dist client/node_modules client/types *.egg-info .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --no-deps: the lock is complete, and some versions of pip would install a newer coverage[toml].
.venv/.installed: requirements.lock setup.cfg progress_api/version.py
	@python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
		|| { echo "This needs python3 of version 3.11 to 3.14; found: $$(python3 --version 2>&1)." >&2; exit 1; }
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
