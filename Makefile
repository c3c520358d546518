# make repro: run the pipeline.  make test: check the code and pass the tests.

VENV := .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# As after `source .venv/bin/activate`: the stages' own `python` is that of the environment.
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
	--custom-compile-command "make requirements"

.PHONY: repro test requirements

repro: $(VENV)/.installed
	@$(RUN) dvc repro
	@cat metrics/evaluate.json
	@echo 'Figures: plots/*.png, and all of them in'
	@$(RUN) dvc plots show

test: $(VENV)/.installed-dev
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) python -m pytest

# Pins requirements.txt and requirements-dev.txt anew from the .in files.
requirements: $(VENV)/.installed
	@$(VENV)/bin/pip install --quiet uv
	@$(RUN) $(COMPILE) --upgrade requirements.in --output-file requirements.txt
	@$(RUN) $(COMPILE) --upgrade requirements-dev.in --output-file requirements-dev.txt

$(VENV)/.installed: requirements.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo 'error: Python 3.11 is needed; name it with make PYTHON=path/to/python3.11' >&2; exit 1; }
	@echo 'Installing the pinned requirements into $(VENV) (some minutes the first time) ...'
	@"$(PYTHON)" -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
