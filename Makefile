# Every target is listed by `make help`, from the text after its ##.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: ## Make .venv and install the pinned packages: the set-up alone
	@sh stack/install.sh embedded

.PHONY: dev
dev: ## The same with what tests and checks need
	@sh stack/install.sh dev
