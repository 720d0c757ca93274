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
off=$(mktemp -d)
trap 'rm -rf "$off"' EXIT

# The gate's default is in one file, which go's -overlay replaces.
features=$tree/pkg/features/per_handler_read_write_timeout.go
sed '/^	PerHandlerReadWriteTimeout: {$/,/^	},$/s/Default: true/Default: false/' "$features" >"$off/features.go"
if cmp -s "$features" "$off/features.go"; then
	echo "test-upstream: PerHandlerReadWriteTimeout is not on by default in $features: nothing would be tested twice" >&2
	exit 1
fi
printf '{"Replace": {"%s": "%s"}}' "$features" "$off/features.go" >"$off/overlay.json"

cd "$tree"
export GOWORK=off
echo "upstream's tests in $tree, gate on:"
# shellcheck disable=SC2086 # one word each
go test -race -timeout 30m $packages
echo "upstream's tests in $tree, gate off:"
# shellcheck disable=SC2086 # one word each
go test -race -timeout 30m -overlay "$off/overlay.json" $packages
