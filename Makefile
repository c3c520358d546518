# make repro          run the pipeline
# make test           check the code and pass the tests
# make experiments    show the experiments, best first
# make compare A=.. B=..   is the difference between two runs real?
# make comment A=main     what a pull request's comment says
# make seeds N=5      how far do the metrics move by luck?
# make preset NAME=.. run as fast, good or best, as an experiment of that name
# make recipe NAME=..      run a recipe of the literature
# make measure NAME=..     measure a run of results/runs.yaml on Dogs vs. Cats (SEEDS=5)
# make report REV=..  one page about the run, and what changed since a revision
# make bundle TO=..   pack the final model into one file to pass on
# make serve OPTIONS=..   open a page to drop pictures onto
# make results        write docs/results.md from what was measured
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

# For make experiments: what is shown, and of the rest what isn't; regular expressions.
KEEP := (head|finetuned)\.accuracy$$
DROP := .*/|Created|State|Executor|pictures|temperature|unsure_below|(head|finetuned|blocks|train|validation|test|left_out)\.

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

.PHONY: ready repro test experiments compare comment seeds preset recipe measure report bundle serve results bench verify requirements

# What dvc would tell less plainly: that there is no git repository, or half a merge.
ready: $(VENV)/.installed
	@$(RUN) python -m tools.ready

repro: ready
	@$(DVC) repro
	@cat metrics/evaluate.json
	@echo 'Figures: plots/*.png, and all of them in'
	@$(DVC) plots show

test: $(VENV)/.installed-dev
	@$(RUN) python -m ruff check .
	@$(RUN) python -m ruff format --check .
	@$(RUN) python -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder

# One that failed has no metrics of its own; DVC would show those of the commit in its place.
experiments: ready
	@$(DVC) exp show --no-pager --only-changed --keep '$(KEEP)' --drop '$(DROP)' \
		--hide-failed --hide-queued --sort-by finetuned.accuracy --sort-order desc
	@$(DVC) queue status

A ?= HEAD
B ?= workspace
compare: ready
	@$(RUN) python -m tools.compare '$(A)' '$(B)'

comment: ready $(VENV)/.installed-dev
	@$(RUN) python -m tools.comment '$(A)' dvc_plots/comment

N ?= 5
seeds: ready
	@$(RUN) python -m tools.measure --seeds '$(N)'

preset: ready
	@$(RUN) python -m tools.preset '$(NAME)'

recipe: ready
	@$(RUN) python -m tools.recipe '$(NAME)' --backbone '$(BACKBONE)' --weights '$(WEIGHTS)'

SEEDS ?= 1
measure: ready
	@$(RUN) python -m tools.measure '$(NAME)' --seeds '$(SEEDS)'

report: $(VENV)/.installed
	@$(RUN) python -m tools.report $(if $(REV),--rev '$(REV)')

TO ?= bundle.zip
bundle: $(VENV)/.installed
	@$(RUN) python -m serving bundle '$(TO)'

OPTIONS ?=
serve: $(SERVE_VENV)/.installed
	@PATH="$(CURDIR)/$(SERVE_VENV)/bin:$$PATH" python -m serving serve $(OPTIONS)

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

$(VENV)/.installed: requirements.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo 'error: Python 3.11, 3.12 or 3.13 is needed; name it with make PYTHON=path/to/python3.11' >&2; exit 1; }
	@echo 'Installing the pinned requirements into $(VENV) (some minutes the first time) ...'
	@"$(PYTHON)" -m venv $(ANEW) $(VENV)
	@mkdir -p "$$HOME"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
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
