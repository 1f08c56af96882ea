# Everything a person needs, in a word each. What each needs: README.md, "What it needs".

CARGO ?= cargo

.PHONY: help run test check bench agents conformance faults fuzz

help:
	@echo "make run     the gateway with the emulator inside, on http://127.0.0.1:4141"
	@echo "make test    every test: Rust's, then the official SDKs against the binary"
	@echo "make check   format, lints, licences, documentation"
	@echo "make faults  what goes wrong upstream, on every surface, as a table; the ledger against the emulator's bill"
	@echo "make agents  Claude Code, Codex and opencode against the binary (downloads 1 GB, once)"
	@echo "make conformance  AWS's SDK for Rust against the emulator; its crates take minutes to compile"
	@echo "make fuzz    each fuzz target for a minute, two at a time"
	@echo "make bench   CPU time per request and per stream event, release build; each translator's time and allocations"

run:
	$(CARGO) run --quiet --package outcrop -- serve --local

test:
	@CARGO="$(CARGO)" scripts/test

check:
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path conformance/Cargo.toml --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	@# Nothing is linked, so that libFuzzer itself, which is C++, need not be compiled.
	CUSTOM_LIBFUZZER_PATH=unused/libFuzzer.a $(CARGO) clippy --locked --manifest-path fuzz/Cargo.toml --quiet -- -D warnings
	scripts/cargo-deny --log-level error check licenses bans sources
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

conformance:
	$(CARGO) build --package outcrop
	OUTCROP_BIN=$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/outcrop $(CARGO) test --locked --manifest-path conformance/Cargo.toml

bench:
	$(CARGO) build --release --package outcrop
	python3 scripts/bench.py target/release/outcrop
	python3 scripts/bench_emulator.py target/release/outcrop
	$(CARGO) bench --package outcrop-wire --package outcrop-catalog
	python3 scripts/bench_streams.py target/release/outcrop
	python3 scripts/bench_instructions.py target/release/outcrop

agents:
	$(CARGO) build --package outcrop
	tests/clients/run agents

faults:
	$(CARGO) test --quiet --package outcrop-gateway --test it -- --nocapture --test-threads 1 fault_table fault_rows failover disconnect accounts

fuzz:
	scripts/fuzz
