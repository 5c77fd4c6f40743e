# ECR Secret Operator. `make help` is the index.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Most of the tests wait for a real API server most of their time, so there are more workers than cores.
WORKERS ?= 6
MUTANTS_AT_A_TIME ?= 2

# The image: its name, what builds it, and arguments for that, such as IMAGE_ARGS="--build-arg BASE_RUN=...".
VERSION ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# The tag that all forms of installation name: that of the release which a development version leads to, in SemVer.
TAG ?= v$(shell echo '$(firstword $(subst .dev, ,$(VERSION)))' | sed -E 's/a([0-9]+)$$/-alpha.\1/; s/b([0-9]+)$$/-beta.\1/; s/rc([0-9]+)$$/-rc.\1/')
IMAGE ?= ecr-secret-operator:$(TAG)
ENGINE ?= $(firstword $(foreach engine,podman buildah docker,$(shell command -v $(engine))))
IMAGE_ARGS ?=
BASE_BUILD ?=
BASE_RUN ?=

# A release: make release VERSION=1.0.0 REGISTRY=quay.io/rh-mobb SIGN_KEY=cosign.key (docs/releasing.md).
REGISTRY ?=
RELEASE_BASE ?= $(or $(BASE_RUN),gcr.io/distroless/python3-debian13:nonroot)
DRY_RUN ?=
SIGN_KEY ?=
VERIFY_KEY ?=
VERIFY_IDENTITY ?=
VERIFY_ISSUER ?=
DIST ?= dist

# A node beside the local control plane: make dev-up NODE=1.
NODE ?=

# Minor versions of Kubernetes for test-versions. By default, all that tools/kubernetes has a module for.
VERSIONS ?=

# Options of the benchmark, such as BENCH="--resources 100,1000 --namespaces 0".
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help release release-base verify-release demo test test-versions mutants e2e soak simulate dist image image-test node-test sbom bench check docs format generate lock dev-up dev-down clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(STAMP): requirements/dev.txt pyproject.toml lab/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable ./lab
	@touch $@

install: $(STAMP) ## Make the virtual environment

demo: $(STAMP) ## Run the main job on a local control plane and a fake AWS, and show it
	$(BIN)/ecr-secret-operator demo

test: $(STAMP) ## Run all tests, with coverage
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term --durations=10
	$(BIN)/coverage report --include='src/ecr_secret_operator/api/*,src/ecr_secret_operator/domain/*,src/ecr_secret_operator/controllers/*,src/ecr_secret_operator/state/*' --fail-under=100

mutants: $(STAMP) ## Change the code in thousands of ways, and see that a test fails each time
	$(BIN)/mutmut run --max-children $(MUTANTS_AT_A_TIME)
	$(BIN)/python -m tools.mutants

e2e: $(STAMP) ## Push, pull, sync, install: crane, helm, Argo CD, Flux, kustomize, OLM bundle, and the site in a browser
	$(BIN)/pytest tests/e2e -n 3 --dist loadgroup --durations=5

test-versions: $(STAMP) ## Run the cluster tests that matter against older API servers: VERSIONS="1.30 1.33"
	$(BIN)/python -m tools.versions $(VERSIONS)

soak: $(STAMP) ## Short-lived tokens while things go wrong: 5 minutes, or ECR_SOAK_MINUTES, of 300 or ECR_SOAK_RESOURCES
	$(BIN)/pytest tests/soak

simulate: $(STAMP) ## Simulate the operator with SEEDS=1000 from FROM=0; SEED=7 prints one of them, MUTATION=no-damping breaks the operator
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED) --shrink,--seeds $(or $(SEEDS),1000) --from $(or $(FROM),0)) \
	  $(if $(MUTATION),--mutation $(MUTATION)) $(if $(STOP_AT),--stop-at $(STOP_AT)) $(if $(JOBS),--jobs $(JOBS))

dist: $(STAMP) ## Build wheel and sdist of the operator and of the laboratory: dist
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist
	cd lab && $(abspath $(BIN))/python -m hatchling build -d $(CURDIR)/dist

image: ## Build the container image, with podman, buildah or docker
	@test -n "$(ENGINE)" || { echo "podman, buildah or docker is needed: make image ENGINE=..."; exit 1; }
	$(ENGINE) build -f Containerfile -t $(IMAGE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
	  $(if $(BASE_BUILD),--build-arg BASE_BUILD=$(BASE_BUILD)) $(if $(BASE_RUN),--build-arg BASE_RUN=$(BASE_RUN)) $(IMAGE_ARGS) .

image-test: $(STAMP) ## Build the image on a base of Debian's packages, and serve a resource from it; as root
	$(BIN)/pytest tests/image --durations=5

node-test: $(STAMP) ## Install the operator on a cluster with a real node, where Pods pull and push with its Secrets; as root
	$(BIN)/pytest tests/node -n 3 --dist loadgroup --no-loadscope-reorder --durations=5

sbom: $(STAMP) ## List what the image holds, as CycloneDX: build/image/ecr-secret-operator.cdx.json
	rm -rf build/image
	IMAGE_HOME=build/image $(BIN)/python -m tools.image dependencies
	IMAGE_HOME=build/image $(BIN)/python -m tools.image operator

release: $(STAMP) ## Build, push and sign everything that users install from: VERSION=1.0.0 REGISTRY=host/path
	@test -n "$(REGISTRY)" || { echo "name the registry: make release VERSION=1.0.0 REGISTRY=host/path"; exit 1; }
	$(BIN)/python -m tools.release make --version=$(VERSION) --registry=$(REGISTRY) --base=$(RELEASE_BASE) --dist=$(DIST) \
	  $(if $(SIGN_KEY),--key=$(SIGN_KEY)) $(if $(DRY_RUN),--dry-run)

release-base: $(STAMP) ## Push a base image that is made of Debian's packages, as root: REGISTRY=host/path
	@test -n "$(REGISTRY)" || { echo "name the registry: make release-base REGISTRY=host/path"; exit 1; }
	$(BIN)/python -m tools.release base --registry=$(REGISTRY)

verify-release: $(STAMP) ## Download a release again and check it: VERSION=1.0.0 REGISTRY=host/path VERIFY_KEY=cosign.pub
	@test -n "$(REGISTRY)" || { echo "name the registry: make verify-release VERSION=1.0.0 REGISTRY=host/path"; exit 1; }
	$(BIN)/python -m tools.release verify --version=$(VERSION) --registry=$(REGISTRY) --dist=$(DIST) \
	  $(if $(VERIFY_KEY),--key=$(VERIFY_KEY)) \
	  $(if $(VERIFY_IDENTITY),--identity=$(VERIFY_IDENTITY) --issuer=$(VERIFY_ISSUER))

bench: $(STAMP) ## Measure the operator beside a client that does the same writes and nothing else
	$(BIN)/python -m ecr_secret_operator_lab.bench $(BENCH)

check: $(STAMP) docs ## Lint, types, layers, generated files, documentation and its language
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.generate --check
	$(BIN)/python -m tools.language

# The variable silences advice of the theme's makers about their next product. With --quiet, --strict would not count.
docs: $(STAMP) ## Build the documentation as a site; a link that leads nowhere fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

format: $(STAMP) ## Format the code, and fix what can be fixed automatically
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

generate: $(STAMP) ## Write the generated files (CRDs, permissions, chart, kustomize, bundle, API reference)
	$(BIN)/python -m tools.generate

lock: $(STAMP) ## Pin the dependencies with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group dev --no-emit-package ecr-secret-operator pyproject.toml lab/pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group image -c requirements/dev.txt -o requirements/image.txt

dev-up: $(STAMP) ## Start a local control plane and a fake AWS to play with; NODE=1 adds a node, as root
	$(BIN)/ecr-secret-operator dev up $(if $(NODE),--node)

dev-down: $(STAMP) ## Stop them
	$(BIN)/ecr-secret-operator dev down

clean: ## Remove the virtual environment and all caches of the checkout
	rm -rf $(VENV) mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* htmlcov build dist .import_linter_cache
