# isolane's door: `make help` lists what there is. Everything but `make pytest` and `make test` is a nox session.
#
# PYTHON and PROJECT name somebody else's project for `make prove`; what runs make's own commands is $(VENV), made
# by SETUP_PYTHON from requirements/*.txt.

VENV ?= .venv
SETUP_PYTHON ?= python3
PROJECT ?=
PYTHON ?=
ARGS ?=

BIN := $(VENV)/bin
READY := $(VENV)/.isolane-ready
NOX = $(BIN)/python -m nox
# What stands in ARGS goes to pytest, or says how often and in which order: make stress ARGS=10.
TYPED = $(if $(ARGS),-- $(ARGS))

# The suites that are run here must not see that a make is around them; MAKELEVEL cannot be unexported.
unexport MAKEFLAGS MFLAGS MAKEOVERRIDES VENV SETUP_PYTHON PROJECT PYTHON ARGS
UNSEEN := unset MAKELEVEL;

.DEFAULT_GOAL := help

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- The environment ----------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(READY) ## Make .venv, with nox, uv and isolane in it; nothing to do where nothing has changed

$(READY): requirements/uv.txt requirements/dev.txt pyproject.toml
	$(ALWAYS)@$(SETUP_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "isolane needs Python 3.10 or newer; name one: make SETUP_PYTHON=python3.12" >&2; exit 1; }
	$(ALWAYS)@$(SETUP_PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(SETUP_PYTHON) cannot make environments, it has no ensurepip: install python3-venv" >&2; exit 1; }
	$(ALWAYS)@echo "Setting up $(VENV) ..."
	$(ALWAYS)@$(BIN)/python -c '' 2>/dev/null || $(SETUP_PYTHON) -m venv --clear $(VENV)
	$(ALWAYS)@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(ALWAYS)@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(ALWAYS)@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(ALWAYS)@touch $@

# --- The main job -------------------------------------------------------------------------------------------------

# `make prove` ends as `isolane prove` does: 0 proven, 1 not proven. make itself ends with 2 whenever a recipe fails,
# and has a 1 only for --question, "is there still something to do?". So the proof runs under --question, where lines
# that begin with + are run all the same, and the last line is something still to do unless the verdict was 0. Any
# other exit code of isolane (2 interrupted, 4 usage, ...) fails the recipe, so that make ends with its 2.
ifeq ($(MAKECMDGOALS),prove)
ifeq ($(findstring n,$(filter-out --%,$(firstword $(MAKEFLAGS)))),)
MAKEFLAGS += --question
ALWAYS := +
endif
endif
VERDICT := $(VENV)/.verdict-$(shell echo $$PPID)
ifeq ($(PROJECT),)
PROOF = $(NOX) --no-venv -s prove
else
PROOF = $(BIN)/isolane prove "$(PROJECT)" $(if $(PYTHON),--python "$(PYTHON)") $(TYPED)
endif

.PHONY: prove proof
prove: proof ## Prove the bundled examples; PROJECT=path [PYTHON=its/venv/python] [ARGS="..."] proves any project
	$(if $(filter 0,$(shell cat $(VERDICT) 2>/dev/null; rm -f $(VERDICT))),,@exit 1)

proof: $(READY)
	$(ALWAYS)@$(UNSEEN) $(PROOF); code=$$?; echo $$code > $(VERDICT); test $$code -le 1 || exit $$code

# --- The project's own tests --------------------------------------------------------------------------------------

.PHONY: test pytest pytest-parallel
test: $(READY) ## Run all tests, in parallel
	@$(UNSEEN) PYTEST_WORKERS=$${PYTEST_WORKERS:-auto} $(BIN)/python -m pytest $(ARGS)

pytest: $(READY) ## Run all tests in one process; PYTEST_WORKERS=auto make pytest is parallel
	@$(UNSEEN) $(BIN)/python -m pytest $(ARGS)

pytest-parallel: $(READY) ## Run all tests over every core, or over PYTEST_WORKERS=N workers
	@$(UNSEEN) PYTEST_WORKERS=$${PYTEST_WORKERS:-auto} $(BIN)/python -m pytest $(ARGS)

# --- One target a nox session -------------------------------------------------------------------------------------

SESSIONS := serial parallel stress random-order coverage-combine bench tests lint types docs downstream real-polluters lock
.PHONY: $(SESSIONS)
$(SESSIONS): $(READY)
	@$(UNSEEN) $(NOX) -s $@ $(TYPED)

serial: ## nox: the suite in one process, in its own order
parallel: ## nox: the suite over 2 and over auto workers
stress: ## nox: the suite again and again; ARGS=10 says how often
random-order: ## nox: the suite in five shuffled orders; ARGS=12345 is one order of your own
coverage-combine: ## nox: coverage of serial and parallel runs, merged, against the threshold
bench: ## nox: the suite timed over worker counts
tests: ## nox: the suite on every Python that isolane supports
lint: ## nox: style, format, layers
types: ## nox: mypy
docs: ## nox: every command that README and docs show
real-polluters: ## nox: hunts in real suites that depend on their order; ARGS=NAME for one
downstream: ## nox: real suites from PyPI; ARGS="-k click" for one
lock: ## nox: write requirements/*.txt anew
