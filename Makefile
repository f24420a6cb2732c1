# make run    runs the agent on a real clip of people walking, and prints the events at a broker
#             CLIP=file-or-url  MODEL=file.tflite|auto|none  DURATION=seconds
# make lab    broker, centre, console, two real agents and a simulated city, to try everything: docs/guide/lab.md
#             GATEWAYS=number  ALARMS_PER_DAY=number  CLIPS=folder
# make setup  only installs the Python packages, into .venv; the other targets do it by themselves
# make test   the whole test suite, with real parts
# make test-long     real clips and large cases that need more CPU than `make test` may use; with EDGE_AGENT_TEST_DATA, minutes
# make test-deploy   provisions blank Debian systems under systemd-nspawn; as root, the first time about 70 s to make the root
# make test-images   makes the three images for arm64 by emulation and boots one of them; as root
# make test-arm64    compares a clip's events on an emulated arm64 gateway; as root, the first time about 5 minutes to make the root
# make test-browser  pages in a real Chromium of a phone's size; SCREENSHOTS=folder keeps pictures
# make test-chaos    kills broker, centre and agent 100 times during traffic, and stops a broker for some time, 23 to 40 minutes;
#                    CHAOS_ROUNDS, CHAOS_SEED
# make test-rabbitmq  three RabbitMQ nodes, one of them killed while a simulated fleet reports; about 3 minutes
# make test-home-assistant  a real Home Assistant core takes over gateways that are announced to it; 15 s, the first time
#                    a minute to install it
# make wheelhouse    the packages of a gateway, into dist/wheelhouse/: ARCH=aarch64 or x86_64, PY=3.13, 3.12 or 3.11;
#                    FOR=centre: the packages of the centre's server
# make deb    the Debian package of a gateway, into dist/deb/: ARCH=aarch64 or x86_64; MAINTAINER="name <address>"
# make apt-repository  a signed apt repository of the packages in dist/deb/, into dist/apt/: KEY=a key of your gpg
# make image  a card's image, into dist/images/, as root: BOARD=raspberry-pi-4, raspberry-pi-5, generic-arm64 or
#             generic-x86_64  SSH_KEYS=file  SETTINGS=gateways.yml  RELEASE_KEY=release.pem  BUNDLE=folder
#             ENROLMENT=folder  MIRROR=url: docs/guide/image.md
# make lock   updates versions and hashes of all wheels in ansible/wheelhouse/locks/
# make deploy Ansible, for the playbooks in ansible/: docs/guide/provisioning.md
# make check-contract  AsyncAPI's own parser reads docs/reference/asyncapi.json; needs npm
# make examples  messages of real runs into docs/reference/examples/, about 12 minutes, because one run waits for a broker
# make check  format, lint, types, import rules
# make train-smoke   trains a toy detector on drawn pictures, through every step; PyTorch is 900 MB, Anny with Warp 500 MB
# make train  DATA=folder TEACHER=file  trains the detector that ships further, in two hours: training/README.md; MINUTES, PROCESSES, MODEL=file, FROM=checkpoint
# make bench  compares the agent with motion and ffmpeg, and measures single stages: docs/performance.md
#             QUICK=1: under 5 minutes  ONLY=quiet,latency: some parts
# make measure-board  measures the board that it runs on, for its profile: firmware_profiles/README.md
#             MINUTES=number of the load  DISK=folder  PROFILE=name
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

export CLIP MODEL DURATION
# Without byte code each of the hundreds of programs that the tests start compiles all it imports: 0.9 s of a core.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help lab setup check check-contract examples test test-long test-deploy test-images test-arm64 test-browser test-chaos test-rabbitmq test-home-assistant deploy deb apt-repository image lock train train-smoke wheelhouse wheelhouse-here run bench measure-board clean

help:
	@sed -n '1,/^$$/s/^# //p' Makefile

# The stamp has a digest of the installed packages, so that a second run installs nothing.
setup: $(VENV)/.installed

$(VENV)/.installed: setup.cfg pyproject.toml
	@echo "Installing Python packages into $(VENV) (about 350 MB): see setup.cfg"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py tests/test_architecture.py -q

# In a new checkout: each of eight workers would compile all tests by itself, 6 s of a core.
BYTE_CODE := tests/edge_central/__pycache__
$(BYTE_CODE): | setup
	@for part in tests/edge_central "tests --ignore=tests/edge_central"; do \
		$(BIN)/python -m pytest --collect-only -qq $$part >/dev/null & done; wait

# Eight at a time, file by file: most tests wait for agents, cameras and brokers and use little CPU.
test: setup $(BYTE_CODE)
	@SUDO="$(SUDO)" tests/testbed/install.sh
	$(BIN)/python -m pytest -n 8 --dist loadfile --no-loadscope-reorder

test-long: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh
	$(BIN)/python -m pytest -m long -n 2

# Not part of `make test`: it needs root, systemd-nspawn and a Debian mirror.
test-deploy: setup $(VENV)/.deploy wheelhouse-here
	@SUDO="$(SUDO)" tests/testbed/install.sh deploy
	cd ansible && ../$(BIN)/ansible-lint --profile production --offline -q .
	$(SUDO) env EDGE_AGENT_TEST_DATA="$$EDGE_AGENT_TEST_DATA" \
		$(BIN)/python -m pytest -p no:cacheprovider -n 3 --dist loadgroup tests/deploy

test-images: setup $(VENV)/.deploy wheelhouse
	@SUDO="$(SUDO)" tests/testbed/install.sh images
	$(SUDO) $(BIN)/python -m pytest -p no:cacheprovider -m long -s --durations=0 tests/deploy/test_images_arm64.py

deploy: setup $(VENV)/.deploy

ARCH ?= aarch64
PY ?= 3.13
FOR ?= box
wheelhouse: setup
	@cd ansible && ../$(BIN)/python -m wheelhouse --arch $(ARCH) --python $(PY) --for $(FOR)

# Two builds of one commit make the same file.
EPOCH = SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct 2>/dev/null || date +%s)"

deb: setup
	@$(EPOCH) PYTHONPATH=ansible $(BIN)/python -m installers deb --arch $(ARCH) $(if $(MAINTAINER),--maintainer "$(MAINTAINER)")

apt-repository: setup
	@test -n "$(KEY)" || { echo "say KEY=a key of your gpg: docs/guide/image.md" >&2; exit 2; }
	@SUDO="$(SUDO)" tests/testbed/install.sh packages
	@PYTHONPATH=ansible $(BIN)/python -m installers repository --key "$(KEY)"

# As root: files of an image belong to root and other users.
image: setup $(VENV)/.deploy
	@test -n "$(BOARD)" && test -n "$(SSH_KEYS)" || { echo "say BOARD= and SSH_KEYS=file: docs/guide/image.md" >&2; exit 2; }
	@SUDO="$(SUDO)" tests/testbed/install.sh image
	@mkdir -p .cache
	@$(SUDO) env $(EPOCH) PYTHONPATH=ansible PYTHONDONTWRITEBYTECODE=1 \
		$(BIN)/python -m installers image --board "$(BOARD)" --ssh-keys "$(SSH_KEYS)" \
		$(if $(SETTINGS),--settings "$(SETTINGS)") $(if $(RELEASE_KEY),--release-key "$(RELEASE_KEY)") \
		$(if $(BUNDLE),--bundle "$(BUNDLE)") $(if $(ENROLMENT),--enrolment "$(ENROLMENT)") \
		$(if $(MIRROR),--mirror "$(MIRROR)")

lock: setup
	@cd ansible && ../$(BIN)/python -m wheelhouse.lock

# For gateways in containers on this machine.
wheelhouse-here: setup
	@cd ansible && ../$(BIN)/python -m wheelhouse --arch $$(uname -m) --python 3.13
	@cd ansible && ../$(BIN)/python -m wheelhouse --arch $$(uname -m) --python 3.13 --for centre

# Root and wheels stay in .cache/arm64 for the next time.
test-arm64: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh arm64
	$(BIN)/python -m pytest tests/arm64 --durations=0

# Chromium is 300 MB. axe-core stays in .cache; without npm, what it would find is not looked for.
AXE := .cache/axe/node_modules/axe-core/axe.min.js
test-browser: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh browser
	@test -f $(AXE) || { mkdir -p .cache/axe && npm install --silent --no-audit --no-fund --ignore-scripts \
		--prefix .cache/axe axe-core@4; } || echo "no axe-core: npm is needed" >&2
	EDGE_AGENT_AXE="$(or $(EDGE_AGENT_AXE),$(CURDIR)/$(AXE))" EDGE_AGENT_SCREENSHOTS="$(SCREENSHOTS)" $(BIN)/python -m pytest tests/browser

# 23 to 40 minutes: 11 of them wait for a broker, and repeated failures have a resend delay of 15 minutes.
test-chaos: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh
	CHAOS_ROUNDS="$(or $(CHAOS_ROUNDS),100)" CHAOS_SEED="$(CHAOS_SEED)" $(BIN)/python -m pytest tests/chaos

# RabbitMQ and Erlang are 60 MB.
test-rabbitmq: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh rabbitmq
	$(BIN)/python -m pytest tests/rabbitmq

# The newest Home Assistant for Python 3.11 is 350 MB, in an environment of its own: it pins its packages. With a
# newer Python: PYTHON=python3.11.
HOME_ASSISTANT := .cache/home-assistant
$(HOME_ASSISTANT)/.installed: tests/home_assistant/requirements.txt
	@rm -rf $(HOME_ASSISTANT)
	@$(PYTHON) -m venv $(HOME_ASSISTANT)
	@$(HOME_ASSISTANT)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

test-home-assistant: setup $(HOME_ASSISTANT)/.installed
	@SUDO="$(SUDO)" tests/testbed/install.sh
	EDGE_AGENT_HOME_ASSISTANT="$$PWD/$(HOME_ASSISTANT)/bin/python" $(BIN)/python -m pytest tests/home_assistant

# Ansible with its collections: 500 MB, only for deployments.
$(VENV)/.deploy: setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[deploy]'
	@touch $@

# The parser is 54 MB; kept in .cache for the next time.
check-contract: setup
	$(BIN)/python -m edge_agent.wire.asyncapi
	@mkdir -p .cache/asyncapi
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix .cache/asyncapi '@asyncapi/parser@3'
	@node tests/contract/parse.mjs "$$PWD/.cache/asyncapi" docs/reference/asyncapi.json

# Tests with a real agent or real footage store its messages as examples.
examples: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh
	EDGE_AGENT_EXAMPLES="$$PWD/docs/reference/examples" $(BIN)/python -m pytest -n 3 --dist loadfile -q \
		--basetemp=/tmp/edge-agent-examples tests/chaos/test_broker_away.py tests/agent tests/commands tests/contract \
		tests/update tests/tools/replay tests/mqtt/test_confirmed.py tests/edge_central tests/tools/doctor/test_delivery.py
	$(BIN)/python -m edge_agent.wire.asyncapi

$(VENV)/.training: setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[training]'
	@touch $@

# -W default: PyTorch and LiteRT raise their own warnings.
train-smoke: setup $(VENV)/.training
	@SUDO="$(SUDO)" tests/testbed/install.sh
	$(BIN)/python -m pytest -W default -n 2 --dist loadfile tests/training

TAUGHT ?= build/taught
DRAWN ?= build/drawn
FROM ?= training/street.pt
PROCESSES ?= 2
MODEL_FILE = $(or $(MODEL),model.tflite)
train: setup $(VENV)/.training
	@test -n "$(DATA)" || { echo "say DATA=folder: training/README.md" >&2; exit 2; }
	$(BIN)/python -m training prepare "$(DATA)"
	@test -n "$(TEACHER)$(wildcard $(TAUGHT))" || echo "without TEACHER=file the model does not learn people whom the sets do not label"
	test -z "$(TEACHER)" || $(BIN)/python -m training teach "$(DATA)" --teacher "$(TEACHER)" --taught "$(TAUGHT)"
	$(BIN)/python -m training draw "$(DRAWN)" --processes $(PROCESSES)
	$(BIN)/python -m training train "$(DATA)" --taught "$(TAUGHT)" --drawn "$(DRAWN)" --minutes $(or $(MINUTES),100) --processes $(PROCESSES) $(if $(FROM),--from "$(FROM)")
	$(BIN)/python -m training export "$(DATA)" --taught "$(TAUGHT)" --model "$(MODEL_FILE)"
	$(BIN)/python -m training card "$(DATA)" --taught "$(TAUGHT)" --model "$(MODEL_FILE)" \
		--card "$(basename $(MODEL_FILE)).md" --notice "$(basename $(MODEL_FILE)).NOTICE"

bench: setup $(VENV)/.bench
	@SUDO="$(SUDO)" tests/testbed/install.sh
	@$(BIN)/python -m bench $(if $(QUICK),--quick) $(if $(ONLY),--only "$(ONLY)")

measure-board: setup
	@$(BIN)/python -m bench.board $(if $(MINUTES),--minutes "$(MINUTES)") $(if $(DISK),--disk "$(DISK)") \
		$(if $(PROFILE),--profile "$(PROFILE)")

# matplotlib, for the picture of the results.
$(VENV)/.bench: setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

run: setup
	@demo/prepare.sh
	@$(BIN)/python -m demo

# ALARMS_PER_DAY: of all simulated gateways. What is installed is what the tests need.
lab: setup
	@SUDO="$(SUDO)" tests/testbed/install.sh
	@$(BIN)/python -m demo.lab $(if $(GATEWAYS),--gateways $(GATEWAYS)) \
		$(if $(ALARMS_PER_DAY),--alarms-per-day $(ALARMS_PER_DAY)) $(if $(CLIPS),--clips "$(CLIPS)") \
		$(if $(WEBHOOKS),--webhooks "$(WEBHOOKS)")

clean:
	[ ! -e .cache/arm64 ] && [ ! -e .cache/images ] || $(SUDO) rm -rf .cache/arm64 .cache/images
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
