# `make study` and `make test` do everything from bare Python 3.11+ and make; all of it stays in .venv.
PYTHON ?= python3
BIN := .venv/bin
LOG ?= runs/task_preferences.db
MODEL ?= local/smollm2
# All that runs and tests need; JupyterLab is for `make notebook`.
EXTRAS := --extra inspect --extra local --extra mixed --extra openai

# A kernel of OpenBLAS that any x86-64 processor has and that none would choose: it rounds differently.
KERNEL ?= Prescott

.PHONY: study test test-kernel check lint types notebook notebooks examples docs test-oldest test-slow setup clean

study: .venv/ready  ## run the task-choice study on the embedded local model, ending in report/index.html
	$(BIN)/bartleby run task_preferences --model $(MODEL) --log $(LOG)
	$(BIN)/bartleby report $(LOG) -o report

test: .venv/ready  ## run the tests
	$(BIN)/pytest --numprocesses=auto --dist=loadfile -m "not slow"

test-kernel: .venv/ready  ## run the tests of estimates again as another kind of processor would
	OPENBLAS_CORETYPE=$(KERNEL) $(BIN)/pytest --numprocesses=auto --dist=loadfile -m "not slow" \
	  tests/analysis/choice tests/analysis/consistency tests/analysis/inference

check: test test-kernel lint types notebooks examples docs  ## everything that CI runs

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: .venv/ready
	$(BIN)/mypy

notebook: .venv/ready  ## open the notebooks in JupyterLab
	$(BIN)/uv sync --quiet --frozen --inexact --extra notebook --python $(BIN)/python
	$(BIN)/jupyter lab notebooks

notebooks: .venv/ready  ## run the committed notebooks again
	$(BIN)/pytest --nbmake --nbmake-timeout=600 notebooks

examples: .venv/ready  ## run the examples of the README and of the documentation
	$(BIN)/python tests/pages.py

docs: .venv/ready  ## build the documentation site in site/; a warning is an error
	$(BIN)/uv sync --quiet --frozen --inexact $(EXTRAS) --group docs --python $(BIN)/python
	COLUMNS=100 NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

test-oldest: .venv/ready  ## run the tests with the oldest versions that pyproject.toml allows
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-oldest
	$(BIN)/uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct -e '.[inspect,local,mixed,openai]' --group dev --group weights
	.venv-oldest/bin/pytest --numprocesses=auto --dist=loadfile -m "not slow"

test-slow: .venv/ready  ## simulations and large runs
	$(BIN)/pytest -m slow

setup: .venv/ready

.venv/ready: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Bartleby needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
	$(BIN)/uv sync --quiet --frozen --inexact $(EXTRAS) --compile-bytecode --python $(BIN)/python
	$(BIN)/python -m compileall -q src  # where no bytecode is written at import, each command would compile all it needs
	@touch .venv/ready

clean:
	rm -rf .venv .venv-oldest report runs site
