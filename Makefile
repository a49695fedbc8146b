# Every action of this repository; the steps themselves are in ci/, one script each. Each target installs
# the packages that it needs and that are missing.
.DEFAULT_GOAL := help
# See ci/build.sh.
export NGINX_SOURCE NGINX_BUILD NGINX_FLAGS NGINX_VERSION
.PHONY: help deps nginx build build-all install uninstall unit test it-debian it-1.28 matrix fresh deb \
	container release-check check demo demo-stop bench bench-peers valgrind asan chaos soak browser walk fuzz \
	coverage scale mutants interleavings miri clean

help: ## this list
	@sed -n 's/^\([a-z0-9.-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

deps: ## install missing Debian packages (and Rust, if Debian has a recent one)
	ci/install.sh test check

nginx: ## prepare Debian's nginx sources, for editors and plain cargo commands
	ci/install.sh demo
	ci/nginx.sh debian

build: ## build the module for Debian's nginx, NGINX_VERSION=… or NGINX_SOURCE=…; the last line is its path
	ci/install.sh demo
	ci/build.sh

build-all: build ## build the module for each tested nginx
	ci/module.sh 1.28 release

install: ## install what `make build` built into Debian's nginx (DESTDIR is honoured)
	@ci/install-module.sh install

uninstall: ## remove it
	@ci/install-module.sh uninstall

unit: ## unit tests: gate, io and the stand-in authentik, and the seeds of `make fuzz`; no nginx needed
	ci/install.sh unit
	ci/unit.sh

test: unit ## all tests: unit, then integration under this machine's nginx and 1.28
	ci/install.sh test
	ci/test.sh $(TEST)

it-debian: ## integration tests under Debian's nginx (TEST=name selects)
	ci/install.sh test
	ci/it.sh debian $(TEST)

it-1.28: ## integration tests under nginx 1.28
	ci/install.sh test
	ci/it.sh 1.28 $(TEST)

matrix: ## integration tests in roots of other Debian releases, built there with their own Rust
	ci/install.sh matrix
	ci/matrix.sh $(TEST)

fresh: ## the README's two commands from a clone, in Debian 12 and 13 with only git and make
	ci/install.sh fresh
	ci/fresh.sh

deb: ## build and test the packages for Debian 12 and 13, each in its own root; see target/deb
	ci/install.sh deb
	ci/deb.sh

container: ## packaging/Dockerfile with buildah, on an image made like the official one; needs root
	ci/install.sh container
	ci/container.sh

release-check: ## version, changelog, licences, SBOM and advisories of a release (TAG=v1.2.3; without, a rehearsal)
	ci/install.sh release
	ci/release-check.sh $(TAG)

check: ## format, lints, drift between code and documentation; alerts, dashboard, fail2ban filter, HAProxy
	ci/install.sh check
	ci/check.sh

demo: ## two nginx, a stand-in authentik and an application; prints the URL (DEMO_DETACH=1: in the background)
	ci/install.sh demo
	ci/demo.sh start

demo-stop: ## stop a demo that runs in the background
	ci/demo.sh stop

bench: ## the table of speed and size; figures in target/bench.json (ROWS=stores: those of session stores)
	ci/install.sh bench
	ci/bench/run.sh $(ROWS)

bench-peers: ## the same session behind auth_request and Apache's mod_auth_openidc
	ci/install.sh bench-peers
	ci/bench/peers.sh

valgrind: ## memory errors and leaks over a login and 1,000 requests, without and with a file of sessions
	ci/install.sh valgrind
	ci/valgrind.sh

asan: ## integration tests under AddressSanitizer: memory errors and leaks (TEST=name selects)
	ci/install.sh test
	ci/asan.sh $(TEST)

chaos: ## CHAOS_SECONDS=600 of all that goes wrong amid sign-ins and sign-outs; 200 kills; 100,000 invented cookies
	ci/install.sh chaos
	ci/chaos.sh

soak: ## a minute under load without authentik, and one with restarts (Redis): no known session may be refused
	ci/install.sh bench
	ci/soak.sh

browser: ## Chromium and Firefox: sign-in, error pages, tabs, service worker; screenshots in target/browser/
	ci/install.sh browser
	ci/browser.sh

walk: ## a newcomer's walk from package to sign-in, in a root and in Chromium; screenshots in target/walk/
	ci/install.sh deb walk
	ci/walk.sh $(RELEASE)

fuzz: ## look for inputs that break a promise, SECONDS=60 for each target (TARGET=name selects); see fuzz/
	ci/install.sh fuzz
	ci/fuzz.sh $(or $(SECONDS),60) $(TARGET)

coverage: ## lines of gate and io that unit tests run; target/coverage/html; fails if they become fewer
	ci/install.sh unit
	ci/coverage.sh

scale: ## the tables of docs/scaling.md: workers, hosts, providers; measured and computed
	ci/install.sh bench
	ci/scale.sh

mutants: ## change the gate's rules one by one: does a test notice? SECONDS=3600 in all (DIR=token selects)
	ci/install.sh unit
	ci/mutants.sh $(or $(SECONDS),3600) $(DIR)

interleavings: ## shared memory in every order in which processes may run (loom); each promise weakened: noticed?
	ci/install.sh unit
	ci/interleavings.sh

miri: ## the gate's code with atomics under Miri (needs a nightly Rust of rustup; TEST=name selects)
	ci/install.sh unit
	ci/miri.sh $(TEST)

clean: ## remove everything built
	rm -rf --one-file-system target
