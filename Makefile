# make install        make the environment, .venv; then: source .venv/bin/activate, and few --help
# make repro          run the pipeline
# make test           check the code and pass the tests
# make test-long      pass those that follow commands and pages from end to end
# make comment A=main     what a pull request's comment says
# make results        write docs/background/results.md from what was measured
# make bench        time this project against the plain way; after a run (an archive of photographs:
#                   ORIGINALS=..; whole runs, of a revision before, too: BEFORE=.., on an archive of
#                   Dogs vs. Cats: PICTURES=..)
# make verify         do two clones give the same bytes?

VENV := .venv
SERVE_VENV := .venv-serve
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
# As after `source .venv/bin/activate`: the stages' own `python` is that of the environment.
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
# By their modules, as all that pip installed: the scripts in $(VENV)/bin name the folder that they
# were installed in, which may have been renamed since.
DVC := $(RUN) python -m dvc
# The same versions for each Python, so that they compute the same.
COMPILE := python -m uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
	--no-annotate --upgrade --custom-compile-command "make requirements"

PURELIB := import sysconfig; print(sysconfig.get_path("purelib"))

# Who runs this without a name or a home, as by `docker run --user 1042`: dvc asks for both, and
# other programs keep their caches in the home.
ifndef USER
export USER := $(shell id -u)
endif
ifneq ($(shell [ -n "$$HOME" ] && [ -w "$$HOME" ] && echo yes),yes)
export HOME := $(CURDIR)/$(VENV)/home
$(shell mkdir -p '$(HOME)')
endif

# An environment whose Python is gone, as after an upgrade of the system, is made anew.
ifeq ($(shell [ -e $(VENV)/.installed ] && ! $(VENV)/bin/python -c '' 2>/dev/null && echo gone),gone)
.PHONY: $(VENV)/.installed
ANEW := --clear
endif

.PHONY: install ready repro test test-long comment results bench verify requirements

install: $(VENV)/.installed
	@echo 'Ready. In each new shell: source $(VENV)/bin/activate'

# What dvc would tell less plainly: that there is no git repository, or half a merge.
ready: $(VENV)/.installed
	@$(RUN) python -m tools.ready

repro: ready
	@$(DVC) repro
	@cat metrics/evaluate.json
	@echo 'Figures: plots/*.png, and all of them in'
	@$(DVC) plots show

PYTEST := $(RUN) python -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder

test: $(VENV)/.installed-dev
	@$(RUN) python -m ruff check .
	@$(RUN) python -m ruff format --check .
	@$(PYTEST)

test-long: $(VENV)/.installed-dev
	@$(PYTEST) -m long

A ?= HEAD
comment: ready $(VENV)/.installed-dev
	@$(RUN) python -m tools.comment '$(A)' dvc_plots/comment

results: $(VENV)/.installed
	@$(RUN) python -m tools.results

bench: $(VENV)/.installed
	@$(RUN) python -m benchmarks
	@$(if $(ORIGINALS),$(RUN) python -m benchmarks.extraction '$(ORIGINALS)')
	@$(if $(BEFORE),$(RUN) python -m benchmarks.whole '$(BEFORE)' $(if $(PICTURES),'$(PICTURES)'))

verify: ready
	@$(RUN) python -m tools.verify

# Pins anew what pyproject.toml names.
requirements: $(VENV)/.installed
	@$(VENV)/bin/python -m pip install --quiet uv
	@$(RUN) $(COMPILE) pyproject.toml --output-file requirements.txt
	@$(RUN) $(COMPILE) --group dev --constraint requirements.txt --output-file requirements-dev.txt
	@grep -vE '^(pillow|tomlkit)==' requirements.txt > $(VENV)/shared.txt
	@$(RUN) $(COMPILE) --group serve --constraint $(VENV)/shared.txt --output-file requirements-serve.txt

$(VENV)/.installed: requirements.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo 'error: Python 3.11, 3.12 or 3.13 is needed; name it with make PYTHON=path/to/python3.11' >&2; exit 1; }
	@echo 'Installing the pinned requirements into $(VENV) (some minutes the first time) ...'
	@"$(PYTHON)" -m venv $(ANEW) $(VENV)
	@mkdir -p "$$HOME"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# Upon the pipeline's packages, which it sees, by a path that a renamed folder leaves right; where it
# has one in another version, that one counts.
$(SERVE_VENV)/.installed: $(VENV)/.installed requirements-serve.txt
	@$(VENV)/bin/python -m venv --clear $(SERVE_VENV)
	@$(SERVE_VENV)/bin/python -c 'import os, sys; print(os.path.relpath(*sys.argv[1:]))' \
		"$$($(VENV)/bin/python -c '$(PURELIB)')" "$$($(SERVE_VENV)/bin/python -c '$(PURELIB)')" \
		> "$$($(SERVE_VENV)/bin/python -c '$(PURELIB)')/pipeline.pth"
	@$(SERVE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-serve.txt
	@touch $@
