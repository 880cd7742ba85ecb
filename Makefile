# make demo        trains and scores the network on the data set in the package (minutes on two cores)
# make test        lint, types, the import contract and the default test suite
# make docs        the documentation site, in site/; warnings are errors
# make packages    wheel and source archive, in dist/, each tested in a fresh environment, and every extra by itself
# make coverage    the default test suite with the share of lines that it runs
# make lowest      the default test suite with the lowest versions that pyproject.toml allows (needs uv)
# make newest      the same with the newest
# All make the virtual environment .venv and install all they need. VENV=DIR names another one.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test docs packages coverage lowest newest

demo: $(VENV)/installed
	$(BIN)/equiglass demo --out demo

test: $(VENV)/programs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2

docs: $(VENV)/documented
	$(BIN)/sphinx-build -b html -W --keep-going docs site

packages:
	./.ci/packages

coverage: $(VENV)/programs
	$(BIN)/pytest -n 2 --cov=equiglass --cov-report=term --cov-report=xml:coverage.xml

lowest newest:
	$(PYTHON) -m venv $(VENV)-$@
	$(VENV)-$@/bin/pip install --quiet uv
	$(VENV)-$@/bin/uv pip install --python $(VENV)-$@ --resolution $(if $(filter lowest,$@),lowest-direct,highest) -e '.[test]'
	$(VENV)-$@/bin/pytest -n 2 $(TESTS)

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

# OVITO, freud and MDAnalysis have no wheels for some systems; their tests are skipped there.
$(VENV)/programs: $(VENV)/installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[programs]' || echo "no OVITO, freud and MDAnalysis here"
	touch $@

$(VENV)/documented: $(VENV)/installed
	$(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@
