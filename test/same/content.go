package main

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"
)

// alphabet is what bodies consist of: text that cannot be compressed away, and
// of which no two parts of a block are the same.
var alphabet = func() string {
	text := make([]byte, 1<<16)
	n := uint32(1)
	for i := range text {
		n = n*1664525 + 1013904223
		text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[n>>26]
	}
	return string(text)
}()

// content returns n bytes of the content that begin at an offset.
func content(offset, n int) string {
	offset %= len(alphabet)
	if offset+n <= len(alphabet) {
		return alphabet[offset : offset+n]
	}
	return strings.Repeat(alphabet, (offset+n)/len(alphabet)+1)[offset : offset+n]
}

// smuggled is a request that stands in the middle of each body that is sent in
// two parts: whoever takes the second one for requests serves it.
const smuggled = "GET " + smuggledPath + " HTTP/1.1\r\nHost: test\r\n\r\n"

// bodyOf returns a request's body.
func bodyOf(n int) string {
	text := content(0, n)
	if half := n / 2; n-half >= len(smuggled) {
		text = text[:half] + smuggled + text[half+len(smuggled):]
	}
	return text
}

// legible is up to how many bytes a digest shows as they are.
const legible = 120

// digest tells what was written to it from anything else. Its zero value is ready for use.
type digest struct {
	n    int
	text []byte
	sum  hash.Hash
}

// Write implements io.Writer.
func (d *digest) Write(p []byte) (int, error) {
	if d.sum == nil {
		d.sum = sha256.New()
	}
	d.sum.Write(p)
	d.n += len(p)
	if room := legible - len(d.text); room > 0 {
		d.text = append(d.text, p[:min(len(p), room)]...)
	}
	return len(p), nil
}

// String shows what is short, and a length and a checksum otherwise.
func (d *digest) String() string {
	switch {
	case d.n == 0:
		return "nothing"
	case d.n <= legible:
		return fmt.Sprintf("%q", d.text)
	}
	return fmt.Sprintf("%d bytes %x", d.n, d.sum.Sum(nil)[:4])
}
