# The fork's commands. `make` lists them; all do their work through hack/fork.

# What these are stands on make's command line: what a shell has by one of the names (ARCH, NAME, TAG) is not meant.
$(foreach v, \
  ADD ARCH ARGS AUDIT CHECK DATA DIR DURATION FILE FOCUS FROM FUZZTIME HOOKS ID JOBS KEEP KIND_NODE_IMAGE \
  KUBE LEVEL MINOR MODULE N NAME NODES PIN RACE RECORD REQUEST ROUNDS SEED SELF STREAMS TAG TIMEOUT TO \
  UNDO UNMODIFIED VERB WITHIN,$(eval $(v) :=))
PORT := 0
O := text

FORK := _output/bin/fork
# go is the go command for this checkout, whatever is set for another module, or to build for another machine.
go := env GOWORK=off GOFLAGS=-mod=readonly GO111MODULE=on GOOS= GOARCH= go

# q is a word for the shell, whatever is in it; yes is empty if a switch says no.
q = '$(subst ','\'',$(1))'
yes = $(filter-out 0 n no false,$(1))
tag = $(if $(TAG),--tag $(call q,$(TAG)))
# given is a variable's value if it stands on make's command line, and not in the environment.
given = $(if $(filter command,$(firstword $(origin $(1)))),$($(1)))

.DEFAULT_GOAL := help
# Two things at once are for a machine that has more to give, and not for one that measures.
.NOTPARALLEL:
.PHONY: help tree refresh carry rebase review compare-minors pins readme verify verify-tags verify-next replace try-replace module export kube-apiserver image engine kind-node-image test-kind test-conformance run policy diagnose diagnose-fixtures monitoring mutants fuzz demo demo-ha repro model same same-cluster bench bench-check bench-publish test test-go test-upstream test-minor test-all test-consumers test-kubernetes test-integration test-faults soak test-ha test-alerts test-e2e clean $(FORK)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The go command knows best whether it is up to date. The program needs no library of the machine's: fork diagnose is taken to nodes.
$(FORK):
	@mkdir -p $(@D)
	@CGO_ENABLED=0 $(go) build -buildvcs=false -o $@ ./hack/fork

tree: $(FORK) ## Lay an upstream tag, pkg/ and the patches under _output/tree/TAG [TAG=]
	@$(FORK) tree $(tag) -o $(O)

refresh: $(FORK) ## Write the commits of a tree back to pkg/ and patches/ [TAG=]
	@$(FORK) refresh $(tag)

carry: $(FORK) ## Write the newest minor's tree back, and carry its patches to all other minors
	@$(FORK) carry -o $(O)

rebase: $(FORK) ## Carry the patches to a new upstream tag, check it, list what to look at: TO=vB [FROM=vA]
	@$(FORK) rebase --from $(call q,$(FROM)) --to $(call q,$(TO)) -o $(O)

review: $(FORK) ## List what upstream changed under the fork between two pinned tags: FROM=vA TO=vB
	@$(FORK) review --from $(call q,$(FROM)) --to $(call q,$(TO)) -o $(O)

compare-minors: $(FORK) ## Show in what the patches of two minors differ, and what of upstream's stands under them [FROM=v0.36] [TO=v0.37]
	@$(FORK) compare-minors --from $(call q,$(FROM)) --to $(call q,$(TO)) -o $(O)

pins: $(FORK) ## List the pinned upstream tags, or pin a further one of a minor: ADD=vX
	@$(FORK) pins $(if $(ADD),add -o $(O) -- $(call q,$(ADD)),-o $(O))

readme: $(FORK) ## Write README.md's compatibility table from the pins
	@$(FORK) readme

verify: $(FORK) ## Check pins, patches and trees, of the newest tag of each minor [TAG=]
	@$(FORK) verify $(tag) -o $(O)

verify-tags: $(FORK) ## Apply the patches to every pinned tag and build; repeated, only what has not passed on the same files [TAG=]
	@$(FORK) verify-tags $(tag) -o $(O)

verify-next: $(FORK) ## Try the patches on the tag that comes next, a pre-release too [TAG=] [PIN=1 notes it in patches/pins.json]
	@$(FORK) verify-next $(tag) $(if $(call yes,$(PIN)),--pin) -o $(O)

replace: $(FORK) ## Have your module built with the fork: DIR=path [TAG=] [MODULE=1] [N=1 only prints] [UNDO=1]
	@$(FORK) replace $(tag) $(if $(call yes,$(MODULE)),--module) $(if $(call yes,$(N)),--dry-run) $(if $(call yes,$(UNDO)),--undo) -- $(call q,$(DIR))

try-replace: $(FORK) ## Build k8s.io/sample-apiserver (KUBE=1: kube-apiserver) with the tree and with the module, from an empty module cache [TAG=]
	@$(FORK) try-replace $(tag) $(if $(call yes,$(KUBE)),--kube-apiserver) -o $(O)

module: $(FORK) ## Make a Go module of the fork, below _output/module for GOPROXY [TAG=]
	@$(FORK) module $(tag) -o $(O)

export: $(FORK) ## Write the series for upstream, for git am; CHECK=1 tests each commit, which takes long [TAG=] [CHECK=1]
	@$(FORK) export $(tag) $(if $(call yes,$(CHECK)),--check) -o $(O)

kube-apiserver: $(FORK) ## Build the real kube-apiserver with the fork [TAG=]
	@$(FORK) kube-apiserver $(tag)

image: $(FORK) ## Make a container image of the patched kube-apiserver, reproducible, without an engine [TAG=] [ARCH=amd64|arm64] [NAME=image:tag]
	@$(FORK) image $(tag) $(if $(ARCH),--arch $(call q,$(ARCH))) $(if $(NAME),--name $(call q,$(NAME))) -o $(O)

engine: $(FORK) ## Run a docker engine below _output/engine until Ctrl-C, where none is started; root's
	@$(FORK) engine

kind-node-image: $(FORK) ## Make an image of a kind node from the Go module proxy and Debian, without a registry [TAG=]
	@$(FORK) kind-node-image $(tag) -o $(O)

test-kind: $(FORK) ## Try the patched kube-apiserver as a kind cluster's control plane [TAG=] [KIND_NODE_IMAGE=] [NODES=] [NAME=] [KEEP=1] [UNMODIFIED=1] [STREAMS=10m] [ID=test]
	@$(FORK) test-kind $(tag) $(if $(KIND_NODE_IMAGE),--node-image $(call q,$(KIND_NODE_IMAGE))) $(if $(NODES),--nodes $(call q,$(NODES))) $(if $(NAME),--name $(call q,$(NAME))) $(if $(call yes,$(KEEP)),--keep) $(if $(call yes,$(UNMODIFIED)),--unmodified) $(if $(STREAMS),--streams $(call q,$(STREAMS))) -o $(O) -- $(ID)

test-conformance: $(FORK) ## Upstream's own end-to-end tests on a kind cluster with the fork and, what fails there, on one without it [TAG=] [FOCUS=regexp]
	@$(FORK) test-conformance $(tag) $(if $(FOCUS),--focus $(call q,$(FOCUS))) -o $(O)

run: $(FORK) ## Run etcd and the patched kube-apiserver until Ctrl-C [TAG=] [PORT=] [ARGS='--v=4 ...'] [DATA=dir keeps etcd's] [RACE=1]
	@$(FORK) run $(tag) --port $(call q,$(PORT)) $(if $(DATA),--data $(call q,$(DATA))) $(if $(call yes,$(RACE)),--race) -- $(ARGS)

policy: $(FORK) ## Check the file of a deadline policy: FILE=path; or say what it says of a request: VERB=list REQUEST=/api/v1/pods
	@$(FORK) policy $(if $(VERB)$(REQUEST),explain,check) -o $(O) -- $(call q,$(FILE)) $(if $(VERB)$(REQUEST),$(call q,$(VERB)) $(call q,$(REQUEST)))

diagnose: $(FORK) ## Say which defects show in a kube-apiserver's log, its crash, its audit log: FILE=path, or - for standard input [AUDIT=path] [TIMEOUT=its --request-timeout]
	@$(FORK) diagnose $(if $(TIMEOUT),--request-timeout $(call q,$(TIMEOUT))) -o $(O) -- $(call q,$(FILE)) $(if $(AUDIT),$(call q,$(AUDIT)))

diagnose-fixtures: $(FORK) ## Make anew what diagnose is tested with, by running unmodified servers and the fork's [TAG=] [ID=name]
	@$(FORK) diagnose-fixtures $(tag) -- $(ID)

monitoring: $(FORK) ## Check the alerts and the dashboard in hack/monitoring with promtool, and run the alerts' tests
	@$(FORK) monitoring -o $(O)

mutants: $(FORK) ## Negate each condition and leave out each statement of pkg/endpoints/deadline (HOOKS=1: of all else that the fork adds), and see if a test notices [TAG=] [FILE=guard.go] [ID=function] [JOBS=] [WITHIN=1s]
	@$(FORK) mutants $(tag) $(if $(call yes,$(HOOKS)),--hooks) $(if $(JOBS),--jobs $(call q,$(JOBS))) $(if $(WITHIN),--within $(call q,$(WITHIN))) -o $(O) -- $(if $(FILE),$(call q,$(FILE))) $(if $(ID),$(call q,$(ID)))

fuzz: $(FORK) ## Run each fuzz target for a while; what fails one is written below its testdata/fuzz [FUZZTIME=30s] [ID=FuzzGuard] [RACE=1]
	@$(FORK) fuzz $(if $(FUZZTIME),--time $(call q,$(FUZZTIME))) $(if $(call yes,$(RACE)),--race) -o $(O) -- $(ID)

demo: $(FORK) ## Kill an unmodified kube-apiserver, and not the patched one, under the same load [TAG=]
	@$(FORK) demo $(tag) -o $(O)

demo-ha: $(FORK) ## The same with a control plane: three kube-apiservers behind a balancer, and a chart of how they end [TAG=]
	@$(FORK) demo-ha $(tag) -o $(O)

repro: $(FORK) ## Show the known defects on upstream, and that the fork has none of them [TAG=] [ID=]
	@$(FORK) repro $(tag) $(ID) -o $(O)

model: $(FORK) ## Check a model of the boundary exhaustively, and that each mutation of it is found; wants spin and gcc [ID=run]
	@$(FORK) model -o $(O) -- $(ID)

same: $(FORK) ## Compare what upstream and the fork do while no deadline is near; with N random scenarios made of SEED [TAG=] [N=] [SEED=] [ID=]
	@$(FORK) same $(tag) $(if $(N),--random $(call q,$(N))) $(if $(SEED),--seed $(call q,$(SEED))) -o $(O) -- $(ID)

same-cluster: $(FORK) ## Send an unmodified and the patched kube-apiserver the same requests, and compare all that they do [TAG=] [ID=group] [SELF=1]
	@$(FORK) same-cluster $(tag) $(if $(call yes,$(SELF)),--self) $(ID) -o $(O)

bench: $(FORK) ## Measure upstream and the fork in turn, and compare them [TAG=] [LEVEL=1..6] [ROUNDS=]
	@$(FORK) bench $(tag) $(if $(LEVEL),--level $(call q,$(LEVEL))) $(if $(ROUNDS),--rounds $(call q,$(ROUNDS))) -o $(O)

bench-check: $(FORK) ## Fail if the timeout filter has become far slower, compared with upstream's [TAG=]
	@$(FORK) bench check $(tag) -o $(O)

bench-publish: $(FORK) ## Copy the last bench to test/bench, for its README
	@$(FORK) bench publish

test: test-go verify test-upstream repro same bench-check ## Everything: tool, pkg/, verify, upstream's own tests in the tree, repro, same, bench-check [TAG=]

test-go: ## The tests of the tool, of pkg/ and of test/
	$(go) vet ./...
	$(go) test -race ./...

test-upstream: $(FORK) ## Upstream's own tests of the packages that the fork touches, in its tree [TAG=]
	@hack/test-upstream.sh $(call q,$(TAG))

test-minor: $(FORK) ## Upstream's own tests, and repro, with a minor's newest tag: MINOR=v0.37
	@$(FORK) test --minor $(call q,$(MINOR)) -o $(O)

test-consumers: $(FORK) ## Other people's servers' own tests with the fork and, what fails there, without it [TAG=] [ID=name]
	@$(FORK) test-consumers $(tag) -o $(O) -- $(ID)

test-kubernetes: $(FORK) ## k8s.io/kubernetes's integration tests with the fork, gate on and off, and, what fails there, without it [TAG=] [ID=package]
	@$(FORK) test-kubernetes $(tag) -o $(O) -- $(ID)

test-integration: $(FORK) ## The real kube-apiserver, with -race, through what operators fear, and an unmodified one beside it [TAG=] [DURATION=10s]
	@$(FORK) test-integration $(tag) $(if $(DURATION),--duration $(call q,$(DURATION))) -o $(O)

test-faults: $(FORK) ## Do to both kube-apiservers, their webhooks, audit log, etcd and clients what befalls them at worst [TAG=] [ID=fault]
	@$(FORK) test-faults $(tag) -o $(O) -- $(ID)

soak: $(FORK) ## Have a patched kube-apiserver serve for long beside hostile clients, and an unmodified one beside it [DURATION=30m] [TAG=] [RACE=1]
	@$(FORK) soak $(tag) $(if $(DURATION),--duration $(call q,$(DURATION))) $(if $(call yes,$(RACE)),--race) -o $(O)

test-ha: $(FORK) ## Replace the three kube-apiservers of a control plane by the patched one, and back, under load [TAG=]
	@$(FORK) test-ha $(tag) -o $(O)

test-alerts: $(FORK) ## Have a patched kube-apiserver stall, time out and restart, and see which alerts fire [TAG=] [RECORD=1 writes its metrics' names]
	@$(FORK) test-alerts $(tag) $(if $(call yes,$(RECORD)),--record) -o $(O)

test-all: $(FORK) ## test-minor for every minor; repeated, only what has not passed on the same files
	@$(FORK) test --all -o $(O)

test-e2e: $(FORK) ## End-to-end tests, against a cluster of their own, or yours: [KUBECONFIG=] [TAG=] [UNMODIFIED=1] [STREAMS=10m] [ID=test]
	@$(FORK) test-e2e $(tag) $(if $(call given,KUBECONFIG),--kubeconfig $(call q,$(KUBECONFIG))) $(if $(call yes,$(UNMODIFIED)),--unmodified) $(if $(STREAMS),--streams $(call q,$(STREAMS))) -o $(O) -- $(ID)

clean: ## Remove _output; trees with work that is not in patches/ too
	@! test -S _output/engine/docker.sock || { echo "clean: make engine runs in _output, or has been killed; next: end it, and remove _output/engine/docker.sock" >&2; exit 1; }
	@! command -v flock >/dev/null || ! test -e _output/lock || flock -n _output/lock true || { echo "clean: another run is at work in this checkout; next: wait for it, or end it" >&2; exit 1; }
	rm -rf _output
