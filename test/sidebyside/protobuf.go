package sidebyside

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// dumpProtobuf renders protobuf as text without knowing its messages: a line for each field, those of a message within it
// further in. A watch is a sequence of frames, each with its length before it. What is no protobuf is rendered as a
// quoted string.
func dumpProtobuf(data []byte) string {
	var b strings.Builder
	switch {
	case bytes.HasPrefix(data, protobufMagic):
		dumpObject(&b, data, "")
	case dumpFrames(&b, data):
	case isMessage(data):
		dumpMessage(&b, data, "")
	default:
		fmt.Fprintf(&b, "%q\n", data)
	}
	return b.String()
}

func dumpObject(b *strings.Builder, data []byte, indent string) {
	b.WriteString(indent + "k8s\n")
	if rest := data[len(protobufMagic):]; isMessage(rest) {
		dumpMessage(b, rest, indent)
	} else {
		fmt.Fprintf(b, "%s%q\n", indent, rest)
	}
}

func dumpFrames(b *strings.Builder, data []byte) bool {
	var frames [][]byte
	for len(data) > 0 {
		if len(data) < 4 {
			return false
		}
		n := int(binary.BigEndian.Uint32(data))
		if n == 0 || n > len(data)-4 || !isMessage(data[4:4+n]) {
			return false
		}
		frames, data = append(frames, data[4:4+n]), data[4+n:]
	}
	for _, f := range frames {
		b.WriteString("frame\n")
		dumpMessage(b, f, "  ")
	}
	return true
}

// field is one field of a message: a number, or bytes.
type field struct {
	number int
	value  uint64
	bytes  []byte
	isText bool // bytes holds it
}

// nextField is the first field of a message, and what comes after it.
func nextField(data []byte) (f field, rest []byte, ok bool) {
	tag, n := binary.Uvarint(data)
	if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<16 {
		return f, nil, false
	}
	f.number, data = int(tag>>3), data[n:]
	switch tag & 7 {
	case 0:
		if f.value, n = binary.Uvarint(data); n <= 0 {
			return f, nil, false
		}
		return f, data[n:], true
	case 1:
		if len(data) < 8 {
			return f, nil, false
		}
		f.value = binary.LittleEndian.Uint64(data)
		return f, data[8:], true
	case 2:
		size, n := binary.Uvarint(data)
		if n <= 0 || size > uint64(len(data)-n) {
			return f, nil, false
		}
		f.bytes, f.isText = data[n:n+int(size)], true
		return f, data[n+int(size):], true
	case 5:
		if len(data) < 4 {
			return f, nil, false
		}
		f.value = uint64(binary.LittleEndian.Uint32(data))
		return f, data[4:], true
	}
	return f, nil, false
}

func isMessage(data []byte) bool {
	for len(data) > 0 {
		_, rest, ok := nextField(data)
		if !ok {
			return false
		}
		data = rest
	}
	return true
}

func dumpMessage(b *strings.Builder, data []byte, indent string) {
	for len(data) > 0 {
		f, rest, _ := nextField(data)
		data = rest
		fmt.Fprintf(b, "%s%d: ", indent, f.number)
		switch {
		case !f.isText:
			b.WriteString(number(f.value) + "\n")
		case bytes.HasPrefix(f.bytes, protobufMagic):
			b.WriteString("\n")
			dumpObject(b, f.bytes, indent+"  ")
		case len(f.bytes) == 0 || !isMessage(f.bytes) || printable(f.bytes) && f.bytes[0] != '\n':
			b.WriteString(text(f.bytes) + "\n")
		default:
			b.WriteString("\n")
			dumpMessage(b, f.bytes, indent+"  ")
		}
	}
}

// number is a field's value. Seconds since 1970 are in a message of their own, without a name; those of today
// are rendered as what they are.
func number(v uint64) string {
	const day = 24 * 60 * 60
	if now := uint64(time.Now().Unix()); v > now-day && v < now+day {
		return "<time>"
	}
	return strconv.FormatUint(v, 10)
}

// text is a field that holds one. A resource version has no name beside it either, and is all digits.
func text(data []byte) string {
	if len(data) > 0 && len(bytes.Trim(data, "0123456789")) == 0 {
		return "<number>"
	}
	return strconv.Quote(string(data))
}

// printable says whether data is likely to be a text. A message begins with a control character, and so does a text with
// an empty line first.
func printable(data []byte) bool {
	if len(data) == 0 || !utf8.Valid(data) {
		return false
	}
	for _, r := range string(data) {
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
	}
	return true
}
