# Every action of this repository; the steps themselves are in ci/, a script each.
.DEFAULT_GOAL := help
.PHONY: help deps nginx build build-all install unit test it-debian it-1.28 check demo demo-stop \
	bench valgrind asan soak browser clean

help: ## this list
	@sed -n 's/^\([a-z0-9.-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

deps: ## install the Debian packages that are missing (and Rust, if Debian has a recent one)
	ci/install.sh test

nginx: ## prepare Debian's nginx sources, for editors and plain cargo commands
	ci/install.sh test
	ci/nginx.sh debian

build: ## the module for Debian's nginx; the last line is its path
	ci/install.sh demo
	ci/module.sh debian release

build-all: build ## the module for each nginx that is tested
	ci/module.sh 1.28 release

install: build ## put the module where Debian's nginx finds it (DESTDIR is honoured)
	ci/install-module.sh

unit: ## unit tests: gate, io and the stand-in authentik; no nginx needed
	cargo test --locked -p authentik-gate -p authentik-io -p authentik-standin

test: unit ## all tests: unit, then integration under each nginx
	ci/matrix.sh $(TEST)

it-debian: ## integration tests under Debian's nginx (TEST=name selects)
	ci/it.sh debian $(TEST)

it-1.28: ## integration tests under nginx 1.28
	ci/it.sh 1.28 $(TEST)

check: ## format, lints, drift between code and documentation
	ci/check.sh

demo: ## nginx, a stand-in authentik and an application; prints the URL (DEMO_DETACH=1: in the background)
	ci/demo.sh start

demo-stop: ## end a demo that runs in the background
	ci/demo.sh stop

bench: ## the table of speed and size; figures in target/bench.json
	ci/install.sh bench
	ci/bench/run.sh

valgrind: ## memory errors and leaks over a login and 1,000 requests
	ci/install.sh valgrind
	ci/valgrind.sh

asan: ## integration tests under AddressSanitizer: memory errors and leaks (TEST=name selects)
	ci/install.sh test
	ci/asan.sh $(TEST)

soak: ## a minute without authentik under load: no request of a known session may fail
	ci/install.sh bench
	ci/soak.sh

browser: ## a sign-in and its error pages in Chromium; pictures in target/browser/
	ci/install.sh browser
	ci/browser.sh

clean: ## remove everything built
	rm -rf target
