# Tripline: what a person types. `make` alone lists it. Everything else is cargo.

.DEFAULT_GOAL := help
.PHONY: demo test soak bench instructions crash-matrix mutants bench-python lint python-check install clean help release need-rust need-c need-cpp need-python

CARGO ?= cargo
PYTHON ?= python3
PREFIX ?= /usr/local
DESTDIR ?=
# Arguments of the demonstration: make demo ARGS="--csv bars.csv.gz --limit kill=15"
ARGS ?=

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
RUST_VERSION := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBDIR := $(DESTDIR)$(PREFIX)/lib
INCLUDEDIR := $(DESTDIR)$(PREFIX)/include
DOCDIR := $(DESTDIR)$(PREFIX)/share/doc/tripline
CMAKEDIR := $(LIBDIR)/cmake/tripline
# What is read, in the places that its links name.
DOCUMENTS := README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT $(wildcard docs/*.md docs/adr/*.md examples/*.toml \
	ffi/examples/* ops/* benches/README.md)
# An environment with the tools that check the Python package, and the package as it is installed.
PYTHON_CHECK := $(TARGET_DIR)/python-check
PYTHON_VENV := $(PYTHON_CHECK)/venv
PYTHON_PACKAGE := $(PYTHON_CHECK)/package

demo: release ## Start a sidecar and strategies: queue an order burst, open the breaker, trip the kill switch
	$(RELEASE)/tripline demo $(ARGS)

# Optimised code has few enough instructions to kill at every seventh: see TRIPLINE_STRIDE in tests/support/traced.rs.
# And it is fast enough for a million random events, of books and of orders: see TRIPLINE_EVENTS in tests/engine_tapes.rs.
test: need-rust need-c need-cpp ## Run every test, then once more optimised with all checks on
	$(CARGO) test --workspace
	TRIPLINE_STRIDE=7 TRIPLINE_EVENTS=1000000 $(CARGO) test --workspace --profile checked --tests

# The extremes once more without any check: what wraps there and nowhere else would change their digest.
soak: need-rust need-c ## Engine against oracle over 100 000 000 random events of books, and of orders (TRIPLINE_EVENTS sets how many)
	TRIPLINE_EVENTS=$${TRIPLINE_EVENTS:-100000000} $(CARGO) test --profile checked --test engine_tapes long_days -- --nocapture
	TRIPLINE_EVENTS=$${TRIPLINE_EVENTS:-100000000} $(CARGO) test --profile checked --test engine_exposure_oracle requests_are_answered -- --nocapture
	$(CARGO) test --release --test engine_extremes

crash-matrix: need-rust need-c ## Kill strategies and the core at every instruction, the core a thousand times under load (takes long)
	TRIPLINE_STRIDE=1 $(CARGO) test --release --test publish_steps --test crash_steps -- --nocapture
	TRIPLINE_TEST_TRIES=1000 $(CARGO) test --release --test crash -- --nocapture

# Defects that a test has to notice, each built in on its own: see the uses of tripline_mutant. One that does not build is
# not noticed.
MUTANT = RUSTFLAGS='--cfg tripline_mutant="$(1)"' CARGO_TARGET_DIR=$(TARGET_DIR)/mutants $(CARGO) test
define NOTICED
$(MUTANT) $(2) --no-run
! TRIPLINE_STRIDE=500 $(MUTANT) $(2)
endef
mutants: need-rust need-c ## Build known defects in, one at a time, and see that a test fails
	$(call NOTICED,position_before_commit,--test crash_steps)
	$(call NOTICED,verdict_before_commit,--test crash_steps)
	$(call NOTICED,unjournaled_timer,--test two_process a_stopped_strategy)
	$(call NOTICED,relaxed_stamp,-p tripline-loom a_record)
	$(call NOTICED,relaxed_stamp,-p tripline-loom an_entry)

bench: need-rust need-c ## Measure event to halt between two pinned processes, events per second, the engine alone
	$(CARGO) bench --bench event_to_halt
	$(CARGO) bench --bench sustained
	$(CARGO) bench --bench engine

instructions: need-rust need-c ## Count the instructions of an event and compare with the record (ARGS=--record writes it); needs valgrind
	$(CARGO) bench --bench engine -- --instructions $(ARGS)

bench-python: need-rust need-c need-python ## Measure the Python package against ctypes, call by call
	$(CARGO) build --release -p tripline -p tripline-ffi -p tripline-python
	install -d $(PYTHON_PACKAGE)-release/tripline
	install -m 644 $(wildcard ffi/python/python/tripline/*) $(PYTHON_PACKAGE)-release/tripline/
	install -m 755 $(RELEASE)/lib_tripline.so $(PYTHON_PACKAGE)-release/tripline/_tripline.abi3.so
	PYTHONPATH=$(PYTHON_PACKAGE)-release TRIPLINE_BIN=$(RELEASE)/tripline TRIPLINE_LIBRARY=$(RELEASE)/libtripline.so \
		$(PYTHON) -B benches/python_calls.py $(ARGS)

python-check: need-rust need-c $(PYTHON_VENV)/installed ## Compare the Python stubs with the package, check the types of what uses it
	$(CARGO) build -p tripline-python
	install -d $(PYTHON_PACKAGE)/tripline
	install -m 644 $(wildcard ffi/python/python/tripline/*) $(PYTHON_PACKAGE)/tripline/
	install -m 755 $(TARGET_DIR)/debug/lib_tripline.so $(PYTHON_PACKAGE)/tripline/_tripline.abi3.so
	cd $(PYTHON_PACKAGE) && $(abspath $(PYTHON_VENV))/bin/python -B -m mypy.stubtest tripline --mypy-config-file $(abspath ffi/python/pyproject.toml)
	MYPYPATH=$(PYTHON_PACKAGE):ffi/python/tests:tests/python $(PYTHON_VENV)/bin/python -B -m mypy --strict --cache-dir $(PYTHON_CHECK)/mypy \
		ffi/examples/strategy.py ffi/python/tests tests/python tests/denials/obedient.py benches/python_calls.py

$(PYTHON_VENV)/installed: ffi/python/requirements-dev.txt | need-python
	$(PYTHON) -m venv $(PYTHON_VENV)
	$(PYTHON_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r ffi/python/requirements-dev.txt
	touch $@

lint: need-rust need-c ## Formatting, lints with and without the sidecar, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p tripline --no-default-features -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --workspace --no-deps

install: release ## Install below PREFIX (/usr/local); DESTDIR is honoured
	install -d $(BINDIR) $(LIBDIR)/pkgconfig $(CMAKEDIR) $(INCLUDEDIR) $(DOCDIR)
	install -m 755 $(RELEASE)/tripline $(BINDIR)/tripline
	install -m 755 $(RELEASE)/libtripline.so $(LIBDIR)/libtripline.so
	install -m 644 $(RELEASE)/libtripline.a $(LIBDIR)/libtripline.a
	install -m 644 include/tripline.h include/tripline_reasons.h include/tripline.hpp $(INCLUDEDIR)/
	install -m 644 ffi/cpp/tripline-config.cmake $(CMAKEDIR)/
	sed 's/@VERSION@/$(VERSION)/' ffi/cpp/tripline-config-version.cmake.in >$(CMAKEDIR)/tripline-config-version.cmake
	chmod 644 $(CMAKEDIR)/tripline-config-version.cmake
	for file in $(DOCUMENTS); do install -D -m 644 "$$file" "$(DOCDIR)/$$file" || exit; done
	sed -i -E -e 's#\[([^]]*)\]\((\.\./)*(src|tests)/[^)]*\)#\1#g' -e 's#\]\(include/#](../../../include/#g' \
		$(DOCDIR)/README.md $(DOCDIR)/docs/ARCHITECTURE.md
	printf '%s\n' "$$PC_FILE" >$(LIBDIR)/pkgconfig/tripline.pc
	chmod 644 $(LIBDIR)/pkgconfig/tripline.pc

clean: ## Remove what was built
	$(CARGO) clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

release: need-rust need-c
	$(CARGO) build --release -p tripline -p tripline-ffi

need-rust:
	@command -v $(CARGO) >/dev/null || { echo "missing: $(CARGO), Rust $(RUST_VERSION) or newer. Remedy: install it from https://rustup.rs and open a new shell" >&2; exit 1; }
	@have=$$($(CARGO) --version | cut -d ' ' -f 2 | cut -d - -f 1); \
	oldest=$$(printf '%s\n%s\n' '$(RUST_VERSION)' "$$have" | sort -V | head -n 1); \
	[ "$$oldest" = '$(RUST_VERSION)' ] || { echo "too old: Rust $$have, $(RUST_VERSION) or newer is needed. Remedy: rustup update stable" >&2; exit 1; }

need-c:
	@command -v $(CC) >/dev/null || { echo "missing: $(CC), a C compiler, which Rust links with. Remedy: apt-get install gcc, or dnf install gcc" >&2; exit 1; }

need-python:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' || { echo "missing: $(PYTHON), 3.10 or newer with venv. Remedy: apt-get install python3 python3-venv, or dnf install python3; PYTHON names another" >&2; exit 1; }

need-cpp:
	@command -v $(CXX) >/dev/null || { echo "missing: $(CXX), a C++ compiler, for the tests of tripline.hpp and of tripline.h as C++. Remedy: apt-get install g++, or dnf install gcc-c++" >&2; exit 1; }

# Libs.private is what `cargo rustc -p tripline-ffi --release --crate-type staticlib -- --print native-static-libs` prints.
define PC_FILE
prefix=$(PREFIX)
libdir=$${prefix}/lib
includedir=$${prefix}/include

Name: tripline
Description: Client library of the Tripline risk sidecar
Version: $(VERSION)
Libs: -L$${libdir} -ltripline
Libs.private: -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
Cflags: -I$${includedir}
endef
export PC_FILE
