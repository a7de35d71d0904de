# `make demo` and `make test` do all the set-up on a Debian 12 with Swift, git and a network.
PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PACKAGES := libssl-dev libsqlite3-dev liburing-dev libsodium-dev
# One build for the program, the demo and the tests.
BUILD := $(SWIFT) build -c release -Xswiftc -enable-testing
BINARY = $(shell $(SWIFT) build -c release --show-bin-path)/sxfile

# What `make bench` measures beside sxfile: a file that tells whether it is there, and the Debian package that brings it.
BENCH_TOOLS := /usr/sbin/sshd:openssh-server /usr/bin/scp:openssh-client /usr/bin/rsync:rsync /usr/sbin/nginx:nginx-light \
  /usr/bin/curl:curl /usr/bin/openssl:openssl /usr/bin/wormhole:magic-wormhole \
  /usr/lib/python3/dist-packages/wormhole_mailbox_server:python3-magic-wormhole-mailbox-server \
  /usr/lib/python3/dist-packages/wormhole_transit_relay:magic-wormhole-transit-relay /bin/ip:iproute2
# Sections (tools latency growth network resend) and further options of `make bench`.
SECTION ?=
OPTIONS ?=

# What `make fuzz` runs, and how long each.
FUZZ_TARGETS := chat json ranges text block command hello link agent envelope ratchet sending receiving manifest certificate
SECONDS ?= 60
# lld, because gold does not link what the sanitizers add.
FUZZ_BUILD := $(SWIFT) build -c release --package-path Fuzz -Xswiftc -enable-testing \
  -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld

.PHONY: all build deps demo test lint completions check-generated fuzz bench bench-functions bench-deps install \
  uninstall clean

all: build

# Installs the Debian packages that are missing; does nothing, and needs no network, when none is.
deps:
	@missing=$$(for p in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  echo "installing $$missing" && $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq $$missing; fi

build: deps
	$(BUILD) --product sxfile

demo: build
	$(BINARY) demo

# One test at a time: many of them run the real program, relay and disk, and wait for them. With ip(8) and root, some of them
# make machines of their own out of network namespaces.
test: PACKAGES += iproute2
test: deps lint
	$(BUILD) --build-tests
	$(BUILD) --product sxfile
	$(MAKE) --no-print-directory check-generated
	$(SWIFT) test -c release -Xswiftc -enable-testing --skip-build --no-parallel

lint:
	$(SWIFT) format lint --strict -r Sources Tests Benchmarks Fuzz Package.swift

# Random bytes for every parser, from the examples in Fuzz/Corpus on; see Fuzz/README.md. What was found before is kept in
# Fuzz/.build/corpus, an input that breaks something in Fuzz/.build/found.
fuzz: deps
	$(FUZZ_BUILD)
	@program=$$($(FUZZ_BUILD) --show-bin-path)/Fuzz; mkdir -p Fuzz/.build/found; \
	for target in $(FUZZ_TARGETS); do \
	  echo "fuzzing $$target for $(SECONDS) s"; mkdir -p Fuzz/.build/corpus/$$target; log=Fuzz/.build/$$target.log; \
	  FUZZ_TARGET=$$target SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1 $$program \
	    -max_total_time=$(SECONDS) -rss_limit_mb=512 -malloc_limit_mb=64 -timeout=25 -print_funcs=0 \
	    -artifact_prefix=Fuzz/.build/found/$$target- Fuzz/.build/corpus/$$target Fuzz/Corpus/$$target >$$log 2>&1 \
	  || { tail -n 60 $$log; exit 1; }; \
	  grep -a DONE $$log; done

# Whole transfers beside other tools; see Benchmarks/README.md.
bench: build bench-deps
	$(SWIFT) build -c release --package-path Benchmarks --product TransferBenchmark
	$$($(SWIFT) build -c release --package-path Benchmarks --show-bin-path)/TransferBenchmark \
	  $(SECTION) --sxfile $(BINARY) $(OPTIONS)

# The hot functions, one by one.
bench-functions: deps
	$(SWIFT) package --package-path Benchmarks benchmark --no-progress

# Servers that come with the tools are not started: the benchmarks start their own, on loopback. A tool that cannot be
# had is left out of the tables.
bench-deps:
	@missing=$$(for tool in $(BENCH_TOOLS); do [ -e "$${tool%%:*}" ] || echo "$${tool#*:}"; done); \
	if [ -n "$$missing" ]; then \
	  echo "installing $$missing"; policy=/usr/sbin/policy-rc.d; \
	  if [ ! -e $$policy ]; then trap "$(SUDO) rm -f $$policy" EXIT; \
	    printf '#!/bin/sh\nexit 101\n' | $(SUDO) tee $$policy >/dev/null; $(SUDO) chmod 755 $$policy; fi; \
	  $(SUDO) apt-get update -qq; \
	  for package in $$missing; do \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$package >/dev/null \
	      || echo "$$package cannot be had"; done; fi

# What the argument parser can write by itself; committed, and checked for drift by `make test`.
completions: build
	for shell in bash zsh fish; do $(BINARY) --generate-completion-script $$shell > completions/sxfile.$$shell; done

check-generated:
	@for shell in bash zsh fish; do \
	  $(BINARY) --generate-completion-script $$shell | cmp -s - completions/sxfile.$$shell \
	    || { echo "completions/sxfile.$$shell is out of date: run 'make completions'" >&2; exit 1; }; done

install: build
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/sxfile
	install -D -m 644 man/sxfile.1 $(DESTDIR)$(PREFIX)/share/man/man1/sxfile.1
	install -D -m 644 man/sxfile-protocol.7 $(DESTDIR)$(PREFIX)/share/man/man7/sxfile-protocol.7
	install -D -m 644 completions/sxfile.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sxfile
	install -D -m 644 completions/sxfile.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sxfile
	install -D -m 644 completions/sxfile.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sxfile.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/sxfile $(DESTDIR)$(PREFIX)/share/man/man1/sxfile.1 \
	  $(DESTDIR)$(PREFIX)/share/man/man7/sxfile-protocol.7 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sxfile \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sxfile \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sxfile.fish

clean:
	$(SWIFT) package clean
	$(SWIFT) package --package-path Benchmarks clean
	$(SWIFT) package --package-path Fuzz clean
