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

cd "$tree"
export GOWORK=off
echo "upstream's tests in $tree, gate on:"
# shellcheck disable=SC2086 # one word each
go test -race -timeout 30m $packages
echo "upstream's tests in $tree, gate off:"
# shellcheck disable=SC2086 # one word each
go test -race -timeout 30m -overlay "$off" $packages
