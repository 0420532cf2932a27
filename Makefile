# The two commands of a newcomer are `make demo` and `make test`; each sets up .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
REAL := .venv/.libvirt

.PHONY: demo pictures demo-libvirt libvirt test-libvirt up test test-fast test-clients test-schema test-long soak lint sbom bench bench-ansible lock lock-clients clean
.DEFAULT_GOAL := help

help:
	@echo "make demo          20 simulated machines take three versions by themselves, one bad, one behind a canary, and go back; about a minute"
	@echo "make demo-libvirt  five machines that really boot: an upgrade, and two bad versions (libvirt, QEMU)"
	@echo "make up            Temporal, worker and API on this machine until Ctrl-C (data in .data/)"
	@echo "make test          every test that a laptop can run"
	@echo "make test-fast     domain, store, activities and compute: under a minute"
	@echo "make test-libvirt  the tests on real machines, some minutes"
	@echo "make test-clients  Azure's own SDKs and command line, unmodified, against a running Instar"
	@echo "make test-schema   schemathesis over the API's OpenAPI document, longer than in make test (EXAMPLES=200)"
	@echo "make test-long     kills, restores and an upgrade of Instar itself, every command of the pages, many simulated plots"
	@echo "make soak          random faults and wishes against real processes, judged by what is left (RUNS=2 SEED=1)"
	@echo "make libvirt       what real machines need: Debian packages (as root) and libvirt's Python binding"
	@echo "make lint          ruff, mypy --strict, import-linter, bandit; hadolint for the Dockerfile"
	@echo "make pictures      takes the pictures of the pages anew, of a real run in Chromium (docs/pictures); about three minutes"
	@echo "make sbom          the software bill of materials (CycloneDX) of what is shipped, in dist/"
	@echo "make bench         ratios against the ideal, a bare loop and Ansible, beside the last release's (QUICK=1 ONLY= JSON= FAIL_WORSE=1.25)"

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY)
	@$(BIN)/instar demo

# A lock of its own: the binding is built against the libvirt of this machine.
$(REAL): $(READY) requirements-libvirt.txt
	deploy/libvirt-packages.sh guest
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-libvirt.txt
	@touch $@

libvirt: $(REAL)

demo-libvirt: $(REAL)
	@$(BIN)/instar demo-libvirt

test-libvirt: $(REAL)
	$(BIN)/pytest -m libvirt $(ARGS)

up: $(READY)
	@$(BIN)/instar up --data-dir .data

# A file's tests stay together: some share what takes long to start. Files in their order: by the number of their tests
# the few long ones would come last, and keep one core waiting. One process more than cores: many tests wait for others.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
test: $(READY)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

# What a change of a decision or of an effect is tried with again and again: nothing that starts a server or a process.
FAST := instar/domain tests/domain tests/store tests/activities tests/compute
test-fast: $(READY)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile -m "not processes and not libvirt and not clients and not long" $(FAST) $(ARGS)

# The official clients of Azure, each in an environment of its own; its marker keeps them out of `make test`.
CLIENTS := .clients
$(CLIENTS)/.ready: $(wildcard tests/clients/locks/* tests/clients/locks/js/*)
	deploy/node-packages.sh
	$(PYTHON) tests/clients/install.py $(CLIENTS)
	@touch $@

test-clients: $(READY) $(CLIENTS)/.ready
	$(BIN)/pytest -m clients --numprocesses 2 --dist loadfile --no-loadscope-reorder tests/clients $(ARGS)

# What make test does with a few requests of Hypothesis's for each operation, done with many.
EXAMPLES ?= 200
test-schema: $(READY)
	INSTAR_SCHEMATHESIS_EXAMPLES=$(EXAMPLES) $(BIN)/pytest tests/api/openapi/test_schemathesis.py $(ARGS)

test-long: $(READY)
	$(BIN)/pytest -m long --numprocesses 2 --dist loadfile tests/processes tests/simulation tests/workflows $(ARGS)

RUNS ?= 2
SEED ?= 1
soak: $(READY)
	@deploy/soak-packages.sh
	@$(BIN)/python -m tests.soak --runs $(RUNS) --seed $(SEED)

pictures: $(READY)
	@deploy/browser-packages.sh
	@$(BIN)/python -m tests.pictures

SHIPS := instar activities workflows worker api
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(SHIPS)
	$(BIN)/hadolint --failure-threshold style Dockerfile

# An installation as others have it, made anew: what an older lock named would stay. It starts, and is what the file tells of.
SHIPPED := .shipped
sbom: $(READY)
	rm -rf $(SHIPPED)
	PYTHON=$(PYTHON) deploy/install.sh $(SHIPPED)
	$(SHIPPED)/bin/instar --help >/dev/null
	$(SHIPPED)/bin/python -P -m api --help >/dev/null
	@$(BIN)/python -m tests.support.sbom $(SHIPPED)/bin/python dist

# Of the clients' lock, what ansible-core alone needs: the bench drives the same fleet by a playbook.
BENCH_ANSIBLE := .bench-ansible
$(BENCH_ANSIBLE)/.ready: tests/bench/ansible/installed.py tests/clients/locks/ansible.txt
	$(PYTHON) tests/bench/ansible/installed.py $(BENCH_ANSIBLE)
	@touch $@

bench-ansible: $(BENCH_ANSIBLE)/.ready

# QUICK=1 is what CI can wait for; ONLY="upgrade:1000 api" are these alone; FAIL_WORSE=1.25 ends with an error where a
# ratio is worse by more than that; KEEP=1 keeps the ratios as those of this release.
bench: $(READY) $(if $(QUICK),,bench-ansible)
	@$(BIN)/python -m tests.bench --compare $(if $(QUICK),--quick) $(if $(KEEP),--keep) $(if $(ONLY),--only $(ONLY)) \
	  $(if $(JSON),--json $(JSON)) $(if $(FAIL_WORSE),--fail-worse $(FAIL_WORSE))

# New locks, by pip-tools in an environment of its own; what is locked already stays, and no file names a registry.
# libvirt's binding must be built to know what it needs (as root, this installs the Debian packages for that).
LOCK := .lock
$(LOCK)/.ready:
	$(PYTHON) -m venv $(LOCK)
	$(LOCK)/bin/pip install --quiet --disable-pip-version-check pip-tools==7.6.2
	@touch $@

COMPILE = $(LOCK)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header

lock: $(LOCK)/.ready
	$(COMPILE) --extra dev --output-file requirements.txt pyproject.toml
	$(COMPILE) --constraint requirements.txt --output-file requirements-run.txt pyproject.toml
	$(COMPILE) --constraint requirements.txt --only-build-deps --build-deps-for wheel --output-file requirements-build.txt pyproject.toml
	deploy/libvirt-packages.sh build
	$(COMPILE) --extra libvirt --constraint requirements.txt --output-file requirements-libvirt.txt pyproject.toml
	echo 'setuptools>=77' | $(COMPILE) --output-file requirements-libvirt-build.txt -

lock-clients: $(LOCK)/.ready
	$(PYTHON) tests/clients/install.py --lock $(CLIENTS)
	set -e; for installed in $(CLIENTS)/*.in; do \
	  $(COMPILE) --no-annotate --output-file tests/clients/locks/$$(basename $$installed .in).txt $$installed; done

clean:
	rm -rf .venv .lock .shipped .clients .bench-ansible .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
