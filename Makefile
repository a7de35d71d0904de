# `make demo` and `make test` do all the set-up on a Debian 12 with Swift, git and a network.
PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PACKAGES := libssl-dev libsqlite3-dev liburing-dev libsodium-dev
# One build for the program, the demo and the tests.
BUILD := $(SWIFT) build -c release -Xswiftc -enable-testing
BINARY = $(shell $(SWIFT) build -c release --show-bin-path)/sxfile

.PHONY: all build deps demo test lint man completions check-generated install uninstall clean

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

# One test at a time: many of them run the real program, relay and disk, and wait for them.
test: deps lint
	$(BUILD) --build-tests
	$(BUILD) --product sxfile
	$(MAKE) --no-print-directory check-generated
	$(SWIFT) test -c release -Xswiftc -enable-testing --skip-build --no-parallel

lint:
	$(SWIFT) format lint --strict -r Sources Tests Package.swift

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
