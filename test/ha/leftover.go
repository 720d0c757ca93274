package ha

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"fork.internal/apiserver/test/cluster"
)

// Differences is in what etcd differs after a phase from before it. Keys are without those of the ordinary clients and of
// events, and values without those of leases.
type Differences struct {
	Keys    int      `json:"keys"` // afterwards, all of them
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Changed []string `json:"changed"` // another value
}

// dump is what etcd held at one time, by what is compared of it.
type dump struct {
	keys   int
	values map[string][sha256.Size]byte // of the keys that are compared
	marked []string                     // the keys, of all, that name the fork or whose values do
}

// Keys that begin with one of passing come and go all the time; the values of those with one of renewed change so.
var (
	passing = []string{"/registry/events/", keys}
	renewed = []string{"/registry/leases/", "/registry/masterleases/", "/registry/peerserverleases/"}
)

func beginsWith(key string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// newDump looks for mark, which only the fork would write, in all keys and values.
func newDump(kvs []cluster.KeyValue, mark string) dump {
	d := dump{keys: len(kvs), values: map[string][sha256.Size]byte{}}
	for _, kv := range kvs {
		switch {
		case beginsWith(kv.Key, passing):
		case beginsWith(kv.Key, renewed):
			d.values[kv.Key] = [sha256.Size]byte{}
		default:
			d.values[kv.Key] = sha256.Sum256(kv.Value)
		}
		if strings.Contains(kv.Key, mark) || bytes.Contains(kv.Value, []byte(mark)) {
			d.marked = append(d.marked, kv.Key)
		}
	}
	return d
}

// since is how a dump differs from an earlier one.
func (d dump) since(before dump) Differences {
	diff := Differences{Keys: d.keys}
	for _, key := range sortedKeys(d.values) {
		old, had := before.values[key]
		switch {
		case !had:
			diff.Added = append(diff.Added, key)
		case old != d.values[key]:
			diff.Changed = append(diff.Changed, key)
		}
	}
	for _, key := range sortedKeys(before.values) {
		if _, has := d.values[key]; !has {
			diff.Removed = append(diff.Removed, key)
		}
	}
	return diff
}

// leftover is what keeps an etcd in which the fork was from being one that it never was in: what it has added, removed or
// changed and the unmodified, replaced by itself, has not, and what names it.
func leftover(before, after dump, unmodified Differences) (left []string) {
	diff := after.since(before)
	for _, of := range []struct {
		what       string
		fork, same []string
	}{
		{"added", diff.Added, unmodified.Added}, {"removed", diff.Removed, unmodified.Removed}, {"changed", diff.Changed, unmodified.Changed},
	} {
		for _, key := range of.fork {
			if !slices.Contains(of.same, key) {
				left = append(left, key+" is "+of.what)
			}
		}
	}
	for _, key := range after.marked {
		left = append(left, key+" names the fork")
	}
	return left
}
