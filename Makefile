# `make help` lists every target with the text after its ##.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON_BIN := .venv/bin/python

# How many tests run in parallel, which ones, and other arguments: make test TESTS=tests/ledger/domain ARGS=-x
WORKERS ?= 2
TESTS ?= tests
ARGS ?=

# `bench-check` compares so many pairs of runs, and fails below this share of the other checkout's rate.
PAIRS ?= 5
LIMIT ?= 0.97

# The checks load the settings but use no server, so these values name none that exists.
NO_SERVER := DATABASE_URL=postgresql://nobody@127.0.0.1:9/none LEDGER_SECRET_KEY=no-server-is-asked-while-the-code-is-checked

.PHONY: help
help: ## List the targets
	@echo 'make …'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: ## Create .venv and install the pinned packages
	@sh stack/install.sh embedded

.PHONY: dev
dev: ## Install also what the tests and checks need
	@sh stack/install.sh dev

.PHONY: run
run: install ## Start the ledger with its own PostgreSQL and broker; Ctrl-C stops everything
	@exec $(PYTHON_BIN) -m stack run

.PHONY: stop
stop: install ## Stop the ledger that `make run` has started, and wait for its end
	@$(PYTHON_BIN) -m stack stop

.PHONY: status
status: install ## Show whether the ledger runs, with its processes and addresses
	@$(PYTHON_BIN) -m stack status

.PHONY: logs
logs: install ## Show the ends of its logs (FOLLOW=1 goes on, LINES=n)
	@exec $(PYTHON_BIN) -m stack logs --lines $(or $(LINES),20) $(if $(FOLLOW),--follow)

.PHONY: demo
demo: install ## Send a few thousand operations through Kafka and show the results
	@exec $(PYTHON_BIN) -m examples.demo

.PHONY: test
test: dev ## Run the tests on embedded servers (TESTS=path ARGS=… WORKERS=n)
	@$(PYTHON_BIN) -m pytest -n $(WORKERS) --dist loadfile $(ARGS) $(TESTS)

# How many times as many random examples `test-deep` tries as `test`.
DEPTH ?= 20

.PHONY: test-deep
test-deep: dev ## Run the random tests with a new seed and many more examples (DEPTH=n SEED=n)
	@seed=$${SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}; echo "seed: SEED=$$seed"; \
	HYPOTHESIS_PROFILE=nightly TESTS_DEPTH=$(DEPTH) $(PYTHON_BIN) -m pytest -n $(WORKERS) --dist loadfile \
	    -m 'property or stateful' --hypothesis-seed=$$seed $(ARGS) $(TESTS)

.PHONY: test-kafka
test-kafka: dev ## Run the tests that need a broker on Apache Kafka (needs a JDK and Maven)
	@$(PYTHON_BIN) -m stack kafka --fetch
	@LEDGER_TEST_KAFKA=apache $(PYTHON_BIN) -m pytest -m kafka $(ARGS) $(TESTS)

.PHONY: check
check: dev ## Check format, lint, types, import contracts and migrations
	@$(PYTHON_BIN) -m ruff format --check .
	@$(PYTHON_BIN) -m ruff check .
	@$(NO_SERVER) $(PYTHON_BIN) -m mypy
	@.venv/bin/lint-imports --no-logo
	@$(NO_SERVER) $(PYTHON_BIN) -W ignore manage.py makemigrations --check --dry-run

.PHONY: format
format: dev ## Format the code and fix what the linter can fix
	@$(PYTHON_BIN) -m ruff check --fix --exit-zero --quiet .
	@$(PYTHON_BIN) -m ruff format .

.PHONY: bench
bench: install ## Measure the ledger on this machine
	@exec $(PYTHON_BIN) -m benchmarks

.PHONY: bench-check
bench-check: install ## Fail where this checkout is slower than another (OTHER=../path PAIRS=5 LIMIT=0.97 ARGS=…)
	@exec $(PYTHON_BIN) -m benchmarks.check --pairs $(PAIRS) --limit $(LIMIT) $(ARGS) -- '$(OTHER)'

.PHONY: kafka
kafka: install ## Start Apache Kafka alone (needs a JDK and Maven; BROKERS=3 for three)
	@exec $(PYTHON_BIN) -m stack kafka --brokers $(or $(BROKERS),1)

.PHONY: lock
lock: ## Resolve the packages again and write the lock files (needs uv)
	@sh stack/lock.sh

.PHONY: clean
clean: ## Remove .venv and caches; keep the ledger's data
	rm -rf .venv .install.lock .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
