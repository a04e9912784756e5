# Tripline: what a person types. `make` alone lists it. Everything else is cargo.

.DEFAULT_GOAL := help
.PHONY: demo test bench lint install clean help release need-rust need-c need-cpp

CARGO ?= cargo
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

demo: release ## Start a sidecar and a strategy, trip the kill switch, show the refused order
	$(RELEASE)/tripline demo $(ARGS)

test: need-rust need-c need-cpp ## Run every test, then once more optimised with all checks on
	$(CARGO) test --workspace
	$(CARGO) test --workspace --profile checked --tests

bench: need-rust need-c ## Measure event to halt between two pinned processes
	$(CARGO) bench --bench event_to_halt

lint: need-rust need-c ## Formatting, lints with and without the sidecar, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy -p tripline --no-default-features -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --workspace --no-deps

install: release ## Install below PREFIX (/usr/local); DESTDIR is honoured
	install -d $(BINDIR) $(LIBDIR)/pkgconfig $(INCLUDEDIR) $(DOCDIR)
	install -m 755 $(RELEASE)/tripline $(BINDIR)/tripline
	install -m 755 $(RELEASE)/libtripline.so $(LIBDIR)/libtripline.so
	install -m 644 $(RELEASE)/libtripline.a $(LIBDIR)/libtripline.a
	install -m 644 include/tripline.h $(INCLUDEDIR)/
	install -m 644 $(wildcard README.md) CHANGELOG.md LICENSE-APACHE LICENSE-MIT docs/ARCHITECTURE.md $(DOCDIR)/
	printf '%s\n' "$$PC_FILE" >$(LIBDIR)/pkgconfig/tripline.pc
	chmod 644 $(LIBDIR)/pkgconfig/tripline.pc

clean: ## Remove what was built
	$(CARGO) clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

release: need-rust need-c
	$(CARGO) build --release -p tripline -p tripline-ffi

need-rust:
	@command -v $(CARGO) >/dev/null || { echo "missing: $(CARGO), Rust $(RUST_VERSION) or newer. Remedy: install it from https://rustup.rs and open a new shell" >&2; exit 1; }
	@have=$$($(CARGO) --version | cut -d ' ' -f 2 | cut -d - -f 1); \
	oldest=$$(printf '%s\n%s\n' '$(RUST_VERSION)' "$$have" | sort -V | head -n 1); \
	[ "$$oldest" = '$(RUST_VERSION)' ] || { echo "too old: Rust $$have, $(RUST_VERSION) or newer is needed. Remedy: rustup update stable" >&2; exit 1; }

need-c:
	@command -v $(CC) >/dev/null || { echo "missing: $(CC), a C compiler, which Rust links with. Remedy: apt-get install gcc, or dnf install gcc" >&2; exit 1; }

need-cpp:
	@command -v $(CXX) >/dev/null || { echo "missing: $(CXX), a C++ compiler, for the tests of tripline.h as C++. Remedy: apt-get install g++, or dnf install gcc-c++" >&2; exit 1; }

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
