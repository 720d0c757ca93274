#!/usr/bin/env bash
# Runs upstream's own tests, with the race detector, of every package that the
# fork touches, in the tree that it makes of TAG (default: the newest pinned):
# with the feature gate as the fork has it, and with the gate off, which is
# upstream's behaviour.
set -euo pipefail
cd "$(dirname "$0")/.."

fork=${FORK:-_output/bin/fork}
tag=(${1:+--tag "$1"})
tree=$("$fork" tree "${tag[@]}" -o json | sed -n 's/^ *"path": "\(.*\)",\{0,1\}$/\1/p')
packages=$("$fork" touched "${tag[@]}")
off=$("$fork" gate-off "${tag[@]}")
# With an empty list the go command takes the directory that it is in, which has no
# tests, and passes.
need() { # VALUE WHAT
	[ -n "$1" ] || {
		echo "test-upstream: there is no $2, so nothing would be tested; next: see what $fork tree -o json, $fork touched and go list say, and how this script reads it" >&2
		exit 1
	}
}
need "$tree" "tree"
need "$packages" "package that the fork touches"
need "$off" "overlay that has the gate off"

cd "$tree"
# Nothing that somebody has set for himself has a say in what passes.
export GOWORK=off GOFLAGS="-mod=readonly -buildvcs=false" GODEBUG="" GOEXPERIMENT=""
# What both have in common is compiled once, before they run side by side: their
# tests mostly wait.
echo "compiling upstream's tests in $tree"
# shellcheck disable=SC2086 # one word each
go list -race -export -deps -test $packages >/dev/null
# Where neither the package nor its tests know of gates, one that is off is the same.
# shellcheck disable=SC2086 # one word each
gated=$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' $packages | sed -n 's#^\([^ ]*\)\.test .*k8s\.io/apiserver/pkg/features .*#\1#p')
need "$gated" "package that knows of gates"
run() { # NAME PACKAGES [FLAGS]
	# shellcheck disable=SC2086 # one word each
	go test -race -p 3 -timeout 30m "${@:3}" $2 2>&1 | sed -u "s/\$/ [$1]/"
}
echo "upstream's tests in $tree, gate on and off:"
run "gate off" "$gated" -overlay "$off" &
code=0
run "gate on" "$packages" || code=$?
wait $! || code=$?
exit $code
