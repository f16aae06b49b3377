# `make run` is the newcomer's way in, `make test` the builder's. CONTRIBUTING.md says more.
.DEFAULT_GOAL := help
.PHONY: verify-third-party test-api fuzz help run test exhaustive lint fmt bench openapi queries image setup

# Development only: callbacks may reach receivers on this machine.
run: export CALLBACKS_EGRESS__ALLOWED_NETWORKS ?= 127.0.0.0/8,::1/128

help: ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 18

run: setup ## Build and start the service with a private PostgreSQL; ^C stops it
	@exec cargo run --release --locked -p callbacks-cli -- serve

test: ## Run every test, against a private PostgreSQL
	@scripts/test.sh

# One crate with optimisation is enough: the rest of the service is not in it.
exhaustive: setup ## Ask the address rule about each of the 2^32 IPv4 addresses (two minutes)
	cargo test --locked --config 'profile.test.package.callbacks-core.opt-level=3' -p callbacks-core --test address_rule -- --include-ignored

lint: setup ## Check format, lints, and what may be imported
	@scripts/lint.sh

fmt: ## Format the code
	cargo fmt --all

bench: ## Measure throughput and latency on this machine (ARGS="--quick" for a glance)
	@scripts/bench.sh $(ARGS)

verify-third-party: setup ## Have the libraries of others verify what a running service sends (part of test)
	@cargo build --quiet --locked -p callbacks-cli
	@scripts/third_party_verification.py $${CARGO_TARGET_DIR:-target}/debug/callbacks

test-api: setup ## Hold the running service against its OpenAPI document with schemathesis (REQUESTS=5000; needs PyPI once)
	@scripts/schemathesis.sh $(REQUESTS)

fuzz: setup ## Feed random input to what reads untrusted bytes (TARGETS="url_guard" SECONDS_EACH=20)
	@scripts/fuzz.sh $(TARGETS)

openapi: setup ## Write openapi/callbacks.v1.json anew
	cargo run --quiet -p callbacks-cli -- openapi > openapi/callbacks.v1.json.new
	mv openapi/callbacks.v1.json.new openapi/callbacks.v1.json

queries: setup ## Check the SQL against a database and renew .sqlx
	@scripts/with-test-database.sh scripts/prepare-queries.sh

image: ## Build the container image
	docker build -t callbacks:latest .

setup:
	@scripts/setup.sh
