# Every target builds the environment it needs first, so a fresh clone needs no setup step.

PYTHON ?= python3
NPM ?= npm
# Two workers: the tests start compilers, which want the remaining cores. By groups: all tests of one editor
# share it, so they go to one worker, first of all.
PYTEST_ARGS ?= -n 2 --dist loadgroup

BIN := .venv/bin
VENV := .venv/.stamp
CLIENT := vscode-client
NODE_MODULES := $(CLIENT)/node_modules/.stamp
SHELL_SCRIPTS = tools/demo tools/need tools/environment tools/shell-check tools/gpu-check tools/code-server .ci/run

.DEFAULT_GOAL := help
.PHONY: help demo test test-server test-client check check-server check-client format bench soak pictures gpu-check \
  gpu-wheels schemas lock lock-upgrade package venv clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)  ## Refactor a sample for energy and show the bounds of another, in under five minutes
	@tools/need cxx
	@tools/demo

test: test-server test-client  ## Run the server's and the client's tests

test-server: $(VENV)
	@tools/need cxx
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-client: $(NODE_MODULES)
	cd $(CLIENT) && $(NPM) test

check: check-server check-client  ## Check format, lint and types; change nothing

check-server: $(VENV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@tools/shell-check $(SHELL_SCRIPTS)

check-client: $(NODE_MODULES)
	cd $(CLIENT) && $(NPM) run check

format: $(VENV)  ## Format the Python sources and apply the safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)  ## Measure throughput and latency
	$(BIN)/python -m benchmarks

# What tests see in VS Code is what the documents show.
pictures: $(VENV) $(NODE_MODULES)  ## Take the pictures of VS Code in the documents anew
	tools/code-server install
	$(BIN)/python -m pytest tests/editors/test_vscode.py
	cp build/editors/hover.png build/editors/preview.png docs/images
	cp build/editors/preview.png build/editors/run.png $(CLIENT)/pictures

soak: $(VENV)  ## Type ten thousand edits, and compare with a fresh look after each
	JOULELINE_EDITS=10000 $(BIN)/python -m pytest $(PYTEST_ARGS) --timeout 3600 tests/lsp/test_many_edits.py

# Without an environment first: it is made for machines that have no network.
gpu-check:  ## Check meters, protocol, bounds and the loop on this machine's NVIDIA GPU (tools/gpu-check --help)
	@tools/gpu-check

gpu-wheels: $(VENV)  ## Download what gpu-check needs on a machine without network (build/gpu-wheels)
	@$(BIN)/python tools/gpu_wheels.py

schemas: $(VENV)  ## Make the JSON Schema of the tables in docs/schemas.md
	@$(BIN)/python tools/schemas.py

lock:  ## Regenerate requirements/*.txt after a change to pyproject.toml
	@tools/environment lock $(PYTHON)
	build/lock-venv/bin/python tools/lock.py

lock-upgrade:  ## The same, taking the newest versions
	@tools/environment lock $(PYTHON)
	build/lock-venv/bin/python tools/lock.py --upgrade

package: $(VENV) $(NODE_MODULES)  ## Build the wheel, the sdist (both in dist/) and the VS Code extension (.vsix)
	rm -rf dist && $(BIN)/python -m hatchling build --directory dist
	rm -rf $(CLIENT)/server && mkdir $(CLIENT)/server && cp dist/jouleline-*.whl $(CLIENT)/server
	cd $(CLIENT) && $(NPM) run package

venv: $(VENV)  ## Create .venv with the locked dependencies

clean:  ## Remove environments, caches and build outputs
	rm -rf .venv build dist $(CLIENT)/node_modules $(CLIENT)/out $(CLIENT)/server $(CLIENT)/*.vsix
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find server tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock alone rebuilds the environment; a change to pyproject.toml only reinstalls us into it.
# Compiled, as pip does with a wheel: where PYTHONDONTWRITEBYTECODE is set, each start would compile it all.
.venv/.locked: requirements/dev.txt
	@tools/environment dev $(PYTHON)

$(VENV): .venv/.locked pyproject.toml
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q server
	@touch $@

$(NODE_MODULES): $(CLIENT)/package-lock.json
	@tools/need node
	cd $(CLIENT) && $(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@
