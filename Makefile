# With only Python 3.11 to 3.13, make and git: `make demo`, then `make test`.
PYTHON ?=
HOURS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# 01 makes what the others of its line read, so it comes first; a notebook stays on one of the two processes
TWO := -n 2 --dist loadfile
FIRST := notebooks/01_*.ipynb
LIGHT := notebooks/00_*.ipynb notebooks/02_*.ipynb notebooks/03_*.ipynb notebooks/04_*.ipynb notebooks/05_*.ipynb
TRAINING := notebooks/06_*.ipynb notebooks/07_*.ipynb notebooks/08_*.ipynb
SOLUTIONS := notebooks/solutions/*.ipynb
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal
NBVAL := BATHYSR_RUN_DIR=runs/test $(BIN)/python -m pytest --nbval-lax --nbval-cell-timeout 600 -p no:cacheprovider

.PHONY: help install demo lab check format test test-slow coverage notebooks results benchmarks ablations ladder lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(READY) ## make .venv from requirements.lock

$(READY): requirements.lock pyproject.toml
	@set -e; for p in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	  if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then found=$$p; break; fi; done; \
	if [ -z "$$found" ]; then echo "bathysr-nb needs Python 3.11, 3.12 or 3.13 (make PYTHON=/path/to/python3.12 demo)" >&2; exit 1; fi; \
	$$found -m venv --clear $(VENV); \
	echo "installing into $(VENV) with $$($$found --version)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	touch $(READY)

demo: $(READY) ## run notebooks 01 to 08 on the bundled grid and write runs/demo/report.html
	@$(BIN)/bathysr demo

lab: $(READY) ## open notebook 00 in JupyterLab
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

check: $(READY) ## lint, format, links of pages and notebooks, pages that are made by command
	$(BIN)/ruff check .
	$(BIN)/ruff format --check bathysr_nb tests benchmarks docs data
	$(BIN)/python docs/check_links.py
	$(BIN)/python docs/make_docs.py --check

format: $(READY) ## put the code into ruff's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format bathysr_nb tests benchmarks docs data

test: $(READY) ## unit tests and the light notebooks (01 to 05), in 5 minutes on 2 cores
	$(PYTEST) -m "not slow"
	$(NBVAL) $(FIRST)
	$(NBVAL) $(TWO) $(LIGHT)

test-slow: $(READY) ## tests that train, and the training notebooks (06 to 08) and solutions
	$(PYTEST) -m slow
	$(NBVAL) $(TRAINING)
	$(NBVAL) $(TWO) $(SOLUTIONS)

coverage: $(READY) ## lines and branches that the tests of `make test` run; fails below 95%
	$(PYTEST) -m "not slow" --cov --cov-report=term

notebooks: $(READY) ## run the notebooks in place and keep their outputs
	$(BIN)/bathysr demo --run-dir runs/notebooks
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/0*.ipynb notebooks/solutions/*.ipynb

results: $(READY) ## run the demo and rewrite docs/results/demo.md and the times in the README
	$(BIN)/python docs/make_results.py
	$(BIN)/python docs/make_docs.py

benchmarks: $(READY) ## speed and memory beside the plain way, into docs/results
	$(BIN)/python benchmarks/dataset_speed.py > docs/results/dataset_speed.txt
	$(BIN)/python benchmarks/augment_speed.py > docs/results/augment_speed.txt
	$(BIN)/python benchmarks/mixup_speed.py > docs/results/mixup_speed.txt
	$(BIN)/python benchmarks/evaluate_speed.py > docs/results/evaluate_speed.txt
	$(BIN)/python benchmarks/map_speed.py > docs/results/map_speed.txt
	$(BIN)/python benchmarks/train_speed.py > docs/results/train_speed.txt
	$(BIN)/python benchmarks/train_tried.py > docs/results/train_tried.txt
	$(BIN)/python benchmarks/coverage.py

ablations: $(READY) ## the trial of training sets at full length (an hour), into docs/results
	@set -e; for name in manual residual; do \
	  $(BIN)/bathysr ablate params/ablation_$$name.yml --workers 2; \
	  for end in csv png; do cp runs/ablation_$$name/ablation.$$end docs/results/ablation_$$name.$$end; done; \
	  sed "s/(ablation.png)/(ablation_$$name.png)/" runs/ablation_$$name/ablation.md > docs/results/ablation_$$name.md; done

ladder: $(READY) ## go on with the ladder of forms and lengths for HOURS (0: its pages alone), into docs/results
	$(BIN)/bathysr ablate params/ladder.yml --workers 2 --hours $(HOURS)

lock: ## resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --generate-hashes --no-annotate --no-strip-extras \
	  --custom-compile-command "make lock" --output-file requirements.lock

clean: ## remove .venv and all runs
	rm -rf $(VENV) runs
