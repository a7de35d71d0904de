# `make demo` and `make test` do all the set-up on a Debian 12 with Swift, git and a network.
PREFIX ?= /usr/local
DESTDIR ?=
# make does not know what ~ means.
override PREFIX := $(patsubst ~/%,$(HOME)/%,$(PREFIX))
SYSCONFDIR ?= $(PREFIX)/etc
# systemd looks at these with each of the usual prefixes, /usr, /usr/local and ~/.local.
SYSTEM_UNITS ?= $(PREFIX)/lib/systemd/system
USER_UNITS ?= $(PREFIX)/share/systemd/user
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d
SWIFT ?= swift
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PACKAGES := libssl-dev libsqlite3-dev liburing-dev libsodium-dev
# One build for the program, the demo and the tests.
BUILD := $(SWIFT) build -c release -Xswiftc -enable-testing
BINARY = $(CURDIR)/.build/release/sxfile
# What `make install` installs; built if it is the usual one.
PROGRAM ?= $(BINARY)
PAGES := $(notdir $(wildcard man/*.[1-9]))
USER_UNIT_FILES := sxfile.service sxfile-resume.service sxfile-resume.timer
# The program with the Swift runtime inside, for machines without Swift. A place of its own: the two builds would undo each other.
STATIC_BUILD := $(SWIFT) build -c release --static-swift-stdlib --scratch-path .build-static --product sxfile

# What `make bench` measures beside sxfile: a file that tells whether it is there, and the Debian package that brings it.
BENCH_TOOLS := /usr/sbin/sshd:openssh-server /usr/bin/scp:openssh-client /usr/bin/rsync:rsync /usr/sbin/nginx:nginx-light \
  /usr/bin/curl:curl /usr/bin/openssl:openssl /usr/bin/wormhole:magic-wormhole \
  /usr/lib/python3/dist-packages/wormhole_mailbox_server:python3-magic-wormhole-mailbox-server \
  /usr/lib/python3/dist-packages/wormhole_transit_relay:magic-wormhole-transit-relay /bin/ip:iproute2
# Sections (tools latency growth network resend) and further options of `make bench`.
SECTION ?=
OPTIONS ?=

# What `make fuzz` runs, and how long each.
FUZZ_TARGETS := chat json ranges text toml block command hello link agent envelope ratchet sending receiving manifest \
  certificate
SECONDS ?= 60
# lld, because gold does not link what the sanitizers add.
FUZZ_BUILD := $(SWIFT) build -c release --package-path Fuzz -Xswiftc -enable-testing \
  -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld

.PHONY: all build deps demo test lint completions check-generated fuzz bench bench-functions bench-deps install \
  uninstall deb check-manual check-units clean

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
test: PACKAGES += iproute2 mandoc systemd
test: deps lint
	$(BUILD) --build-tests
	$(BUILD) --product sxfile
	$(MAKE) --no-print-directory check-generated
	$(SWIFT) test -c release -Xswiftc -enable-testing --skip-build --no-parallel

lint: check-manual check-units
	$(SWIFT) format lint --strict -r Sources Tests Benchmarks Fuzz Package.swift

check-manual:
	@! command -v mandoc >/dev/null || mandoc -Tlint -W warning $(addprefix man/,$(PAGES))

# As systemd reads them; the program that they name need not be installed for that.
check-units:
	@command -v systemd-analyze >/dev/null || exit 0; units=$$(mktemp -d) && trap "rm -r $$units" EXIT; \
	for unit in $(USER_UNIT_FILES) sxfile-relay.service; do \
	  sed -e 's|@bindir@/sxfile|/bin/true|' -e 's|@sysconfdir@|/etc|' packaging/systemd/$$unit >$$units/$$unit; done; \
	said=$$(cd $$units; systemd-analyze verify --man=no sxfile-relay.service 2>&1 || echo "sxfile-relay.service is wrong"; \
	  XDG_RUNTIME_DIR=$$units systemd-analyze --user verify --man=no $(USER_UNIT_FILES) 2>&1 \
	  || echo "a unit of sxfile for users is wrong"); \
	! echo "$$said" | grep sxfile

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

# Under sudo there is often no Swift: then what was built before is installed.
install:
	@if [ $(PROGRAM) = $(BINARY) ] && command -v $(SWIFT) >/dev/null; then $(MAKE) --no-print-directory build; fi
	@[ -x $(PROGRAM) ] || { echo "there is no $(PROGRAM): run 'make' first, as a user who has Swift" >&2; exit 1; }
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/sxfile
	for page in $(PAGES); do \
	  install -D -m 644 man/$$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page || exit; done
	install -D -m 644 completions/sxfile.bash $(DESTDIR)$(BASH_COMPLETIONS)/sxfile
	install -D -m 644 completions/sxfile.zsh $(DESTDIR)$(ZSH_COMPLETIONS)/_sxfile
	install -D -m 644 completions/sxfile.fish $(DESTDIR)$(FISH_COMPLETIONS)/sxfile.fish
	install -d $(DESTDIR)$(USER_UNITS)
	for unit in $(USER_UNIT_FILES); do $(call unit,$$unit) >$(DESTDIR)$(USER_UNITS)/$$unit || exit; done
	$(INSTALL_RELAY)

# In a user's home there is no place for a unit of the system's.
ifeq ($(filter $(HOME)/%,$(PREFIX)),)
define INSTALL_RELAY
install -d $(DESTDIR)$(SYSTEM_UNITS)
	$(call unit,sxfile-relay.service) >$(DESTDIR)$(SYSTEM_UNITS)/sxfile-relay.service
	[ -e $(DESTDIR)$(SYSCONFDIR)/sxfile/relay.toml ] \
	  || install -D -m 644 packaging/relay.toml $(DESTDIR)$(SYSCONFDIR)/sxfile/relay.toml
endef
endif

unit = sed -e 's|@bindir@|$(PREFIX)/bin|' -e 's|@sysconfdir@|$(SYSCONFDIR)|' packaging/systemd/$1

# What an operator may have changed, and what profiles and relays hold, stays.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/sxfile
	for page in $(PAGES); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page; done
	rm -f $(DESTDIR)$(BASH_COMPLETIONS)/sxfile $(DESTDIR)$(ZSH_COMPLETIONS)/_sxfile \
	  $(DESTDIR)$(FISH_COMPLETIONS)/sxfile.fish
	for unit in $(USER_UNIT_FILES); do rm -f $(DESTDIR)$(USER_UNITS)/$$unit; done
	rm -f $(DESTDIR)$(SYSTEM_UNITS)/sxfile-relay.service

# A package for Debian 12 and later, with the Swift runtime in the program.
deb: PACKAGES += debhelper
deb: deps
	$(STATIC_BUILD)
	@[ "$$(dpkg-parsechangelog -S Version)" = "$$(.build-static/release/sxfile --version)" ] \
	  || { echo "debian/changelog and 'sxfile --version' name different versions" >&2; exit 1; }
	DEB_RULES_REQUIRES_ROOT=no debian/rules binary
	dh_clean

clean:
	$(SWIFT) package clean
	rm -rf .build-static sxfile_*.deb
	$(SWIFT) package --package-path Benchmarks clean
	$(SWIFT) package --package-path Fuzz clean
