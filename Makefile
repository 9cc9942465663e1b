# Everything runs in .venv, which the project's own files make. `make sweep` and `make test` need Python 3.11 or later.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: sweep test test-slow check lock peers clean

sweep: $(INSTALLED)  ## a first sweep: 16 Sobol configs of PPO on CartPole, 2 seeds each
	$(BIN)/arl sweep ppo/CartPole-v1 --tuner sobol --trials 16 --seeds 2 --name demo
	$(BIN)/arl report demo

test: $(INSTALLED)  ## the checks and the tests, without the slow ones
	$(MAKE) --no-print-directory check
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: $(INSTALLED)  ## the tests that train for minutes
	$(BIN)/pytest -m slow

check: $(INSTALLED)  ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[test]'
	touch $(INSTALLED)

lock:  ## write requirements.lock anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --no-emit-index-url --no-header --extra test pyproject.toml --output-file requirements.lock

peers: .venv-arlbench/installed .venv-rejax/installed .venv-sb3/installed  ## environments of the systems that scripts/ compares with

.venv-%/installed: scripts/peers/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

clean:
	rm -rf .venv .venv-* build *.egg-info
