package main

import (
	"fmt"
	"slices"
	"time"
)

// named are the scenarios of the table, by what they are about. The first word of a name is that.
var named = slices.Concat(
	answers, statuses, informational, trailers, headers,
	bodies, connections, contexts, panics, hijacks, controls, writers,
	inTheMiddle, outside, records, others,
)

var http1x = []string{http10, http11}
var http11and2 = []string{http11, http2x}
var only11 = []string{http11}
var only2 = []string{http2x}

// each makes a scenario of each of these.
func each[T any](of []T, make func(T) scenario) []*scenario {
	var all []*scenario
	for _, v := range of {
		s := make(v)
		all = append(all, &s)
	}
	return all
}

// over gives scenarios protocols.
func over(protos []string, all []*scenario) []*scenario {
	for _, s := range all {
		s.Protos = protos
	}
	return all
}

// A body that a handler leaves unread.
var unread = body{Size: 2000}

// answers are all the ways to write an answer. net/http counts 2,048 bytes
// before it decides that an answer has a length, and has buffers of 4 KiB. The
// answer to a HEAD request ends its HTTP/2 stream with the header: what calls
// return from then on is a race.
var answers = slices.Concat(
	each([]int{0, 1, 2047, 2048, 2049, 4095, 4096, 4097, 262143, 262144, 262145, 16 << 20}, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("answer-%d", n), Handler: []string{fmt.Sprintf("write %d", n)}}
	}),
	each([]int{0, 1, 2048, 2049, 262144, 16 << 20}, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("answer-length-%d", n), Handler: []string{
			fmt.Sprintf("header Content-Length %d", n), "status 200", fmt.Sprintf("writes 32768 %d", n)}}
	}),
	each([]int{0, 2048, 2049, 262145}, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("answer-head-%d", n), Method: "HEAD", Handler: []string{"quiet", fmt.Sprintf("write %d", n)}}
	}),
	[]*scenario{
		{Name: "answer-nothing"},
		{Name: "answer-status-alone", Handler: []string{"status 201"}},
		{Name: "answer-in-parts", Handler: []string{"write 1024", "write 1024", "write 1"}},
		{Name: "answer-in-many-parts", Handler: []string{"writes 100 20000"}},
		{Name: "answer-copied", Handler: []string{"copy 300000"}},
		{Name: "answer-copied-length", Handler: []string{"header Content-Length 300000", "copy 300000"}},
		{Name: "answer-flushed-first", Handler: []string{"header X-One 1", "flush", "write 5"}},
		{Name: "answer-flushed", Handler: []string{"write 5", "flush", "write 5", "flush"}},
		{Name: "answer-flushed-last", Handler: []string{"write 5", "flush"}},
		{Name: "answer-flushed-alone", Handler: []string{"flush"}},
		{Name: "answer-flushed-status", Handler: []string{"status 202", "flush", "write 5"}},
		{Name: "answer-flush-error", Handler: []string{"header X-One 1", "flusherror", "write 5", "flusherror"}},
		{Name: "answer-flushed-head", Method: "HEAD", Times: 5, Handler: []string{"quiet", "flush", "write 5"}},
		{Name: "answer-flushed-length", Handler: []string{"header Content-Length 10", "write 5", "flush", "write 5"}},
		{Name: "answer-head-length", Method: "HEAD", Handler: []string{"header Content-Length 5000"}},
		{Name: "answer-short-of-length", Handler: []string{"header Content-Length 10", "write 5"}},
		{Name: "answer-short-of-length-large", Handler: []string{"header Content-Length 10000", "write 5000"}},
		{Name: "answer-beyond-length", Handler: []string{"header Content-Length 5", "write 5", "write 1", "write 1"}},
		{Name: "answer-beyond-length-at-once", Handler: []string{"header Content-Length 5", "write 6", "write 5"}},
		{Name: "answer-chunked-by-itself", Handler: []string{"header Transfer-Encoding chunked", "write 5"}},
		{Name: "answer-identity", Handler: []string{"header Transfer-Encoding identity", "write 5"}},
		{Name: "answer-zipped", Handler: []string{"zip", "write 100000", "unzip"}},
		{Name: "answer-zipped-small", Handler: []string{"zip", "write 10", "unzip"}},
		{Name: "answer-zipped-not-closed", Handler: []string{"zip", "write 10"}},
		{Name: "answer-asked-to-close", Protos: only11, Header: []string{"Connection: close"}, Handler: []string{"write 5"}},
		{Name: "answer-asked-to-keep", Protos: []string{http10}, Header: []string{"Connection: keep-alive"}, Handler: []string{"write 5"}},
		{Name: "answer-asked-to-keep-large", Protos: []string{http10}, Header: []string{"Connection: keep-alive"}, Handler: []string{"write 5000"}},
		{Name: "answer-asked-to-keep-length", Protos: []string{http10}, Header: []string{"Connection: keep-alive"}, Handler: []string{"header Content-Length 5000", "write 5000"}},
		{Name: "answer-closes", Handler: []string{"header Connection close", "write 5"}},
		{Name: "answer-closes-large", Handler: []string{"header Connection close", "write 5000"}},
		{Name: "answer-served", Handler: []string{"serve 5000"}},
		{Name: "answer-served-range", Header: []string{"Range: bytes=100-199"}, Handler: []string{"serve 5000"}},
		{Name: "answer-served-ranges", Header: []string{"Range: bytes=0-9,100-109"}, Handler: []string{"header Content-Type text/x", "serve 5000"}},
		{Name: "answer-served-no-range", Header: []string{"Range: bytes=9000-9999"}, Handler: []string{"serve 5000"}},
		{Name: "answer-served-unchanged", Header: []string{`If-None-Match: "same"`}, Handler: []string{"header Content-Type text/x", "serve 5000"}},
		{Name: "answer-redirected", Handler: []string{"redirect"}},
		{Name: "answer-error-after-header", Handler: []string{"header Content-Length 1000", "header Content-Encoding gzip", "header Etag x", "error 500"}},
		{Name: "answer-json", Handler: []string{"header Content-Type application/json", `text {"kind":"Status"}`}},
		{Name: "answer-html-sniffed", Handler: []string{"text <html><body>"}},
		{Name: "answer-no-sniffing", Handler: []string{"suppress Content-Type", "write 5"}},
		{Name: "answer-no-date", Handler: []string{"suppress Date", "write 5"}},
		{Name: "answer-interfaces", Handler: []string{"interfaces", "write 5"}},
	},
)

var statuses = slices.Concat(
	each([]int{200, 201, 204, 205, 206, 304, 400, 404, 409, 429, 500, 503, 504, 599, 999}, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("status-%d", n), Handler: []string{fmt.Sprintf("status %d", n), "write 5"}}
	}),
	each([]int{0, 99, 1000, -1}, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("status-invalid-%d", n), Handler: []string{"header X-One 1", fmt.Sprintf("status %d", n), "write 5"}}
	}),
	[]*scenario{
		{Name: "status-invalid-late", Handler: []string{"status 200", "status 0", "write 5"}},
		{Name: "status-invalid-late-written", Handler: []string{"write 5", "status 1000", "write 5"}},
		{Name: "status-invalid-late-flushed", Handler: []string{"flush", "status 7", "write 5"}},
		{Name: "status-twice", Handler: []string{"status 201", "status 404", "write 5"}},
		{Name: "status-after-write", Handler: []string{"write 5", "status 404"}},
		{Name: "status-after-flush", Handler: []string{"flush", "status 404", "write 5"}},
		{Name: "status-204-head", Method: "HEAD", Handler: []string{"status 204"}},
		{Name: "status-304-length", Handler: []string{"header Content-Length 100", "status 304"}},
		{Name: "status-304-head", Method: "HEAD", Handler: []string{"header Content-Length 100", "status 304"}},
	},
)

var informational = []*scenario{
	{Name: "1xx-103", Handler: []string{"header Link a", "status 103", "header X-One 1", "status 404", "write 5"}},
	{Name: "1xx-103-twice", Handler: []string{"header Link a", "status 103", "header Link b", "status 103", "delete Link", "write 5"}},
	{Name: "1xx-103-alone", Handler: []string{"header Link a", "status 103"}},
	{Name: "1xx-102-flushed", Handler: []string{"status 102", "flush", "write 5"}},
	{Name: "1xx-103-large", Handler: []string{"header Link a", "status 103", "status 409", "write 300000"}},
	{Name: "1xx-103-late", Handler: []string{"status 200", "header Link a", "status 103", "write 5"}},
	{Name: "1xx-103-length", Handler: []string{"header Content-Length 5", "status 103", "write 5"}},
	{Name: "1xx-100", Body: body{Size: 2000, Expect: true}, Handler: []string{"status 100", "readall", "error 409"}},
	{Name: "1xx-101", Handler: []string{"header Upgrade other", "header Connection Upgrade", "status 101", "write 5"}},
	{Name: "1xx-101-then-403", Protos: only2, Handler: []string{"status 101", "status 403", "write 5"}},
	{Name: "1xx-proxied-conflict", Body: body{Size: 2000, Expect: true}, Handler: []string{"proxy conflict"}},
	{Name: "1xx-proxied-early", Handler: []string{"proxy early"}},
}

var trailers = slices.Concat(
	[]*scenario{
		{Name: "trailer-announced", Handler: []string{"header Trailer X-Sum", "write 5", "header X-Sum 1"}},
		{Name: "trailer-announced-twice", Handler: []string{"header Trailer X-Sum, X-Other", "write 5", "flush", "header X-Sum 1", "add X-Other 2", "add X-Other 3"}},
		{Name: "trailer-announced-large", Handler: []string{"header Trailer X-Sum", "write 300000", "header X-Sum 1"}},
		{Name: "trailer-announced-missing", Handler: []string{"header Trailer X-Sum", "write 5000"}},
		{Name: "trailer-announced-flushed", Handler: []string{"header Trailer X-Sum", "flush", "write 5", "header X-Sum 1"}},
		{Name: "trailer-prefixed", Handler: []string{"write 5", "flush", "header Trailer:X-Sum 1"}},
		{Name: "trailer-prefixed-small", Handler: []string{"write 5", "header Trailer:X-Sum 1"}},
		{Name: "trailer-prefixed-first", Handler: []string{"header Trailer:X-Sum 1", "write 5000"}},
		{Name: "trailer-prefixed-nothing", Handler: []string{"header Trailer:X-Sum 1"}},
		{Name: "trailer-head", Method: "HEAD", Handler: []string{"header Trailer X-Sum", "write 5", "header X-Sum 1"}},
		{Name: "trailer-proxied", Handler: []string{"proxy trailers"}},
	},
	over(http11and2, []*scenario{
		{Name: "trailer-of-request", Body: body{Size: 2000, Chunked: true, Trailer: []string{"X-Sum: 1"}}, Handler: []string{"request", "readall", "trailer", "write 5"}},
		{Name: "trailer-of-request-unread", Body: body{Size: 2000, Chunked: true, Trailer: []string{"X-Sum: 1"}}, Handler: []string{"trailer", "write 5"}},
		{Name: "trailer-of-request-late", Body: body{Size: 2000, Chunked: true, How: halves, Until: "half", Trailer: []string{"X-Sum: 1"}}, Handler: []string{"read 1000", "trailer", "tell half", "readall", "trailer", "write 5"}},
		{Name: "trailer-not-announced", Protos: only11, Header: []string{"X-No: trailer"}, Body: body{Size: 2000, Chunked: true, Trailer: []string{"X-Sum: 1", "X-Other: 2"}}, Handler: []string{"readall", "trailer", "write 5"}},
	}),
)

var headers = []*scenario{
	{Name: "header-deleted", Handler: []string{"delete Cache-Control", "write 5"}},
	{Name: "header-replaced", Handler: []string{"header Cache-Control max-age=1", "write 5"}},
	{Name: "header-added", Handler: []string{"add X-One 1", "add X-One 2", "add Cache-Control more", "write 5"}},
	{Name: "header-after-status", Handler: []string{"status 200", "header X-One 1", "write 5"}},
	{Name: "header-after-write", Handler: []string{"write 5", "header X-One 1"}},
	{Name: "header-after-flush", Handler: []string{"flush", "header X-One 1", "write 5"}},
	{Name: "header-deleted-after-status", Handler: []string{"header X-One 1", "status 200", "delete X-One", "write 5"}},
	{Name: "header-not-canonical", Handler: []string{"suppress x-lower", "header X-One 1", "write 5"}},
	{Name: "header-nothing-written", Handler: []string{"header X-One 1"}},
	{Name: "header-warning", Handler: []string{"warning careful", "write 5"}},
	{Name: "header-warning-status", Handler: []string{"warning careful", "status 404"}},
	{Name: "header-warning-nothing-written", Handler: []string{"warning careful"}},
	{Name: "header-warning-flushed", Handler: []string{"warning careful", "flush", "write 5"}},
	{Name: "header-warning-late", Handler: []string{"write 5", "warning careful"}},
	{Name: "header-warnings", Handler: []string{"warning careful", "warning careful", "warning again", "write 5000"}},
}

// late is the time after which no body is waited for.
const late = 1200 * time.Millisecond

// roundTrip is what a client that is far away needs between two parts of a body.
const roundTrip = 250 * time.Millisecond

// manners are the ways to send a body of that size that go to its end.
func manners(size int) []body {
	return []body{
		{Size: size},
		{Size: size, Chunked: true},
		{Size: size, How: halves, Until: "half"},
		{Size: size, Chunked: true, How: halves, Until: "half"},
		{Size: size, How: slowly},
	}
}

func (b body) name() string {
	name := fmt.Sprint(b.Size)
	if b.Chunked {
		name += "-chunked"
	}
	if b.How != atOnce {
		name += "-" + b.How
	}
	if b.Gap > 0 {
		name += "-late"
	}
	if b.Expect {
		name += "-expect"
	}
	return name
}

var sizes = []int{0, 2000, 100000, 262143, 262144, 262145, 300000, 600000}

// bodies are the ways to send a body, and what handlers make of it.
var bodies = slices.Concat(
	// Read.
	each(slices.Concat(manners(1), manners(2000), manners(262144), manners(600000)), func(b body) scenario {
		return scenario{Name: "body-read-" + b.name(), Protos: protosFor(b), Body: b, Handler: []string{"tell half", "readall", "write 5"}}
	}),
	// Not read, the answer small, or of more than net/http holds back.
	each(sizes, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-%d", n), Method: "POST", Body: body{Size: n}, Handler: []string{"error 403"}}
	}),
	each(sizes, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-large-answer-%d", n), Method: "POST", Body: body{Size: n}, Handler: []string{"status 403", "write 5000"}}
	}),
	each(sizes, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-chunked-%d", n), Protos: http11and2, Body: body{Size: n, Chunked: true}, Handler: []string{"error 403"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-flushed-%d", n), Body: body{Size: n}, Handler: []string{"status 403", "flush", "write 5"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-halves-%d", n), Body: body{Size: n, How: halves, Until: "half"}, Handler: []string{"status 403", "tell half", "write 5"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-halves-large-answer-%d", n), Body: body{Size: n, How: halves, Until: "half"}, Handler: []string{"status 403", "tell half", "write 5000"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-halves-chunked-%d", n), Protos: http11and2, Body: body{Size: n, Chunked: true, How: halves, Until: "half"}, Handler: []string{"tell half", "error 403"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-late-%d", n), Body: body{Size: n, How: halves, Gap: late}, Handler: []string{"error 403"}}
	}),
	each([]int{2000, 262144, 600000}, func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-late-large-answer-%d", n), Body: body{Size: n, How: halves, Gap: late}, Handler: []string{"status 403", "write 5000"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-far-away-%d", n), Body: body{Size: n, How: halves, Gap: roundTrip}, Handler: []string{"error 403"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-far-away-large-answer-%d", n), Body: body{Size: n, How: halves, Gap: roundTrip}, Handler: []string{"status 403", "write 5000"}}
	}),
	each(sizes[1:], func(n int) scenario {
		return scenario{Name: fmt.Sprintf("body-unread-slowly-%d", n), Body: body{Size: n, How: slowly}, Handler: []string{"error 403"}}
	}),
	[]*scenario{
		{Name: "body-unread-often", Protos: only11, Body: body{Size: 300000, How: streamed}, Times: 50, Handler: []string{"error 403"}},
		{Name: "body-unread-often-large-answer", Protos: only11, Body: body{Size: 300000, How: streamed}, Times: 50, Handler: []string{"status 403", "write 5000"}},
		{Name: "body-unread-often-drained", Protos: only11, Body: body{Size: 250000, How: streamed}, Times: 50, Handler: []string{"status 403", "write 5000"}},
		{Name: "body-unread-often-chunked", Protos: only11, Body: body{Size: 300000, Chunked: true, How: streamed}, Times: 50, Handler: []string{"status 403", "write 5000"}},

		{Name: "body-unread-after-answer", Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"error 403"}},
		{Name: "body-unread-after-large-answer", Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"status 403", "write 5000"}},
		{Name: "body-unread-after-flush", Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"status 403", "flush", "write 5"}},
		{Name: "body-unread-after-answer-large", Body: body{Size: 600000, How: afterAnswer}, Handler: []string{"error 403"}},
		{Name: "body-unread-after-answer-closes", Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"header Connection close", "error 403"}},
		{Name: "body-never", Body: body{Size: 2000, How: never}, Client: client{Gives: 1500 * time.Millisecond}, Handler: []string{"error 403"}},
		{Name: "body-never-large-answer", Body: body{Size: 2000, How: never}, Client: client{Gives: 1500 * time.Millisecond}, Handler: []string{"status 403", "write 5000"}},
		{Name: "body-never-chunked", Protos: http11and2, Body: body{Size: 2000, How: never, Chunked: true}, Client: client{Gives: 1500 * time.Millisecond}, Handler: []string{"error 403"}},
		{Name: "body-never-read", Body: body{Size: 2000, How: never}, Client: client{Gives: 1500 * time.Millisecond}, Handler: []string{"readall", "error 403"}},
		{Name: "body-never-in-part", Body: body{Size: 2000, How: never}, Client: client{Gives: 1500 * time.Millisecond}, Handler: []string{"read 1000", "error 403"}},

		{Name: "body-in-part", Body: body{Size: 2000}, Handler: []string{"read 1000", "write 5"}},
		{Name: "body-in-part-large", Body: body{Size: 600000}, Handler: []string{"read 100000", "write 5"}},
		{Name: "body-in-part-chunked", Protos: http11and2, Body: body{Size: 600000, Chunked: true}, Handler: []string{"read 1000", "write 5"}},
		{Name: "body-closed", Body: body{Size: 2000}, Handler: []string{"close", "readall", "write 5"}},
		{Name: "body-closed-large", Body: body{Size: 600000}, Handler: []string{"close", "readall", "write 5"}},
		{Name: "body-closed-halves", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "close", "readall", "write 5"}},
		{Name: "body-closed-late", Body: body{Size: 2000, How: halves, Gap: late}, Handler: []string{"close", "readall", "write 5"}},
		{Name: "body-limited", Body: body{Size: 2000}, Handler: []string{"limit 100", "readall", "error 413"}},
		{Name: "body-limited-large", Body: body{Size: 600000}, Handler: []string{"limit 100", "readall", "error 413"}},
		{Name: "body-read-twice", Body: body{Size: 2000}, Handler: []string{"readall", "readall", "close", "readall", "write 5"}},

		// Reads after the answer has begun.
		{Name: "body-read-after-status", Body: body{Size: 2000}, Handler: []string{"status 200", "readall", "write 5"}},
		{Name: "body-read-after-status-halves", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"status 200", "tell half", "readall", "write 5"}},
		{Name: "body-read-after-2048", Body: body{Size: 2000}, Handler: []string{"write 2048", "readall", "write 5"}},
		{Name: "body-read-after-2049", Body: body{Size: 2000}, Handler: []string{"write 2049", "readall", "write 5"}},
		{Name: "body-read-after-2049-halves", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "write 2049", "readall", "write 5"}},
		{Name: "body-read-after-204", Body: body{Size: 2000}, Handler: []string{"status 204", "write 5000", "readall", "write 5"}},
		{Name: "body-read-beyond-length", Body: body{Size: 2000}, Handler: []string{"header Content-Length 5", "write 5000", "readall", "write 5"}},
		{Name: "body-read-after-2049-late", Body: body{Size: 2000, How: halves, Gap: late}, Handler: []string{"write 2049", "readall", "write 5"}},
		{Name: "body-read-after-2049-large", Body: body{Size: 600000}, Handler: []string{"write 2049", "readall", "write 5"}},
		{Name: "body-read-between-writes", Body: body{Size: 300000}, Handler: []string{"write 5000", "read 150000", "write 5", "readall", "write 5"}},
		{Name: "body-read-after-2049-chunked", Protos: http11and2, Body: body{Size: 600000, Chunked: true}, Handler: []string{"write 2049", "readall", "write 5"}},
		{Name: "body-read-after-flush", Body: body{Size: 2000}, Handler: []string{"flush", "readall", "write 5"}},
		{Name: "body-read-after-flush-halves", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "write 5", "flush", "readall", "write 5"}},
		{Name: "body-read-after-1xx", Body: body{Size: 2000}, Handler: []string{"status 103", "readall", "write 5"}},
		{Name: "body-echoed-duplex", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"duplex", "read 1000", "write 5", "flush", "tell half", "readall", "write 5"}},
		{Name: "body-unread-duplex", Body: body{Size: 2000}, Handler: []string{"duplex", "write 5"}},
		{Name: "body-unread-duplex-after-answer", Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"duplex", "write 5"}},
		{Name: "body-read-after-2049-duplex", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"duplex", "write 2049", "tell half", "readall", "write 5"}},

		// More, or less, than was announced.
		{Name: "body-too-much", Body: body{Size: 2000, How: tooMuch}, Handler: []string{"readall", "write 5"}},
		{Name: "body-too-much-unread", Protos: http1x, Body: body{Size: 2000, How: tooMuch}, Handler: []string{"write 5"}},
		{Name: "body-too-little", Body: body{Size: 2000, How: tooLittle}, Handler: []string{"readall", "error 400"}},
		{Name: "body-too-little-chunked", Protos: http11and2, Body: body{Size: 2000, Chunked: true, How: tooLittle}, Handler: []string{"readall", "error 400"}},
		{Name: "body-unread-too-little", Body: body{Size: 2000, How: tooLittle}, Handler: []string{"error 403"}},
		{Name: "body-not-chunks", Protos: only11, Body: body{Size: 2000, Chunked: true, How: junk}, Handler: []string{"readall", "context", "error 400"}},
		{Name: "body-not-chunks-unread", Protos: only11, Body: body{Size: 2000, Chunked: true, How: junk}, Handler: []string{"error 403"}},

		// Expect: 100-continue.
		{Name: "body-expect", Body: body{Size: 2000, Expect: true}, Handler: []string{"readall", "write 5"}},
		{Name: "body-expect-large", Body: body{Size: 600000, Expect: true}, Handler: []string{"readall", "write 5"}},
		{Name: "body-expect-chunked", Protos: http11and2, Body: body{Size: 2000, Chunked: true, Expect: true}, Handler: []string{"readall", "write 5"}},
		{Name: "body-expect-refused", Body: body{Size: 2000, Expect: true}, Handler: []string{"error 403"}},
		{Name: "body-expect-refused-large-answer", Body: body{Size: 2000, Expect: true}, Handler: []string{"status 403", "write 5000"}},
		{Name: "body-expect-refused-flushed", Body: body{Size: 2000, Expect: true}, Handler: []string{"status 403", "flush", "write 5"}},
		{Name: "body-expect-read-late", Body: body{Size: 2000, Expect: true}, Handler: []string{"status 200", "readall", "write 5"}},
		{Name: "body-expect-other", Header: []string{"Expect: something"}, Handler: []string{"write 5"}},
		{Name: "body-expect-without", Header: []string{"Expect: 100-continue"}, Handler: []string{"readall", "write 5"}},

		// A client that reads nothing before it has sent all.
		{Name: "body-deaf", Protos: http11and2, Body: body{Size: 250 << 10}, Client: client{Deaf: true, Window: 8 << 10}, Server: setup{SendBuffer: 8 << 10},
			Handler: []string{"writes 32768 16777216"}},
		{Name: "body-deaf-length", Protos: http11and2, Body: body{Size: 250 << 10}, Client: client{Deaf: true, Window: 8 << 10}, Server: setup{SendBuffer: 8 << 10},
			Handler: []string{"header Content-Length 16777216", "writes 32768 16777216"}},
		{Name: "body-deaf-small", Protos: http11and2, Body: body{Size: 250 << 10}, Client: client{Deaf: true, Window: 8 << 10}, Server: setup{SendBuffer: 8 << 10},
			Handler: []string{"writes 32768 300000"}},
		{Name: "body-deaf-slowly", Protos: http11and2, Body: body{Size: 250 << 10, How: slowly}, Client: client{Deaf: true, Window: 8 << 10}, Server: setup{SendBuffer: 8 << 10},
			Handler: []string{"writes 32768 16777216"}},
	},
)

// protosFor are the protocols over which such a body can be sent.
func protosFor(b body) []string {
	if b.Chunked {
		return http11and2
	}
	return nil
}

// connections are about what becomes of a connection, and of who is at its other end.
var connections = []*scenario{
	{Name: "connection-pipelined", Protos: http11and2, Client: client{Pipelined: true}, Handler: []string{"write 5"}},
	{Name: "connection-pipelined-large", Protos: http11and2, Client: client{Pipelined: true}, Handler: []string{"write 300000"}},
	{Name: "connection-pipelined-body", Protos: http11and2, Body: body{Size: 2000}, Client: client{Pipelined: true}, Handler: []string{"readall", "write 5"}},
	{Name: "connection-pipelined-unread", Protos: http11and2, Body: body{Size: 2000}, Client: client{Pipelined: true}, Handler: []string{"error 403"}},
	{Name: "connection-pipelined-slow", Protos: http11and2, Client: client{Pipelined: true}, Handler: []string{"ends 200", "write 5"}},
	{Name: "connection-pipelined-panic", Protos: only11, Client: client{Pipelined: true}, Handler: []string{"panic"}},
	{Name: "connection-pipelined-closes", Protos: only11, Client: client{Pipelined: true}, Handler: []string{"header Connection close", "write 5"}},
	{Name: "connection-half-closed", Protos: http1x, Client: client{HalfCloses: "started"}, Handler: []string{"tell started", "ends 300", "write 5"}},
	{Name: "connection-half-closed-busy", Protos: http1x, Client: client{HalfCloses: "started"}, Handler: []string{"tell started", "sleep 200", "write 5"}},
	{Name: "connection-half-closed-flushed", Protos: http1x, Client: client{HalfCloses: "started"}, Handler: []string{"write 5", "flush", "tell started", "ends 300", "write 5"}},
	{Name: "connection-half-closed-body", Protos: http1x, Body: body{Size: 2000}, Client: client{HalfCloses: "started"}, Handler: []string{"readall", "tell started", "ends 300", "write 5"}},
	{Name: "connection-half-closed-unread", Protos: http1x, Body: body{Size: 2000}, Client: client{HalfCloses: "started"}, Handler: []string{"tell started", "sleep 200", "write 5"}},
	{Name: "connection-left", Client: client{Leaves: "started"}, Handler: []string{"tell started", "ends 1000"}},
	{Name: "connection-left-answered", Client: client{Leaves: "started"}, Handler: []string{"tell started", "ends 1000", "error 500"}},
	{Name: "connection-left-notified", Client: client{Leaves: "started"}, Handler: []string{"tell started", "notified 1000"}},
	{Name: "connection-left-flushed", Client: client{Leaves: "started"}, Handler: []string{"write 5", "flush", "tell started", "ends 1000"}},
	{Name: "connection-left-answered-whole", Protos: http11and2, Client: client{Leaves: answeredEvent}, Handler: []string{"header Content-Length 5", "write 5", "flush", "until answered", "ends 1000"}},
	{Name: "connection-left-answered-whole-return", Protos: http11and2, Client: client{Leaves: answeredEvent}, Handler: []string{"header Content-Length 5", "write 5", "flush", "until answered", "sleep 100"}},
	{Name: "connection-left-in-body", Body: body{Size: 2000, How: never}, Client: client{Leaves: "started"}, Handler: []string{"read 1000", "tell started", "readall", "error 400"}},
	{Name: "connection-small-buffers", Client: client{Window: 8 << 10}, Server: setup{SendBuffer: 8 << 10}, Handler: []string{"writes 32768 1000000"}},
}

// contexts are about what a handler sees of its context.
var contexts = []*scenario{
	{Name: "context-alive", Handler: []string{"context", "ends 100", "write 5", "context"}},
	{Name: "context-alive-notified", Handler: []string{"notified 100", "write 5"}},
	{Name: "context-deadline", Handler: []string{"deadline", "write 5"}},
	{Name: "context-request", Handler: []string{"request", "write 5"}},
	{Name: "context-request-body", Body: body{Size: 2000}, Handler: []string{"request", "readall", "write 5"}},
	{Name: "context-request-chunked", Protos: http11and2, Body: body{Size: 2000, Chunked: true}, Handler: []string{"request", "readall", "write 5"}},
	{Name: "context-read-deadline", Handler: []string{"readdeadline past", "ends 200", "error 408"}},
	{Name: "context-read-deadline-soon", Handler: []string{"readdeadline 50", "ends 300", "error 408"}},
	{Name: "context-read-deadline-answer", Handler: []string{"readdeadline 50", "ends 300", "write 5"}},
	{Name: "context-read-deadline-reset", Handler: []string{"readdeadline past", "readdeadline never", "ends 100", "write 5"}},
	{Name: "context-read-deadline-later", Handler: []string{"readdeadline later", "ends 100", "write 5"}},
	{Name: "context-read-deadline-body", Protos: http1x, Body: body{Size: 2000}, Handler: []string{"readdeadline past", "readall", "context", "error 408"}},
	{Name: "context-read-deadline-read", Body: body{Size: 2000}, Handler: []string{"readall", "readdeadline 50", "ends 300", "write 5"}},
	{Name: "context-read-deadline-never", Body: body{Size: 2000, How: never}, Client: client{Gives: 2 * time.Second}, Handler: []string{"readdeadline 100", "readall", "ends 100", "error 408"}},
	{Name: "context-read-deadline-never-200", Body: body{Size: 2000, How: never}, Client: client{Gives: 2 * time.Second}, Handler: []string{"readdeadline 100", "readall", "ends 100", "write 5"}},
	{Name: "context-read-deadline-never-large", Body: body{Size: 2000, How: never}, Client: client{Gives: 2 * time.Second}, Handler: []string{"readdeadline 100", "readall", "ends 100", "write 5000"}},
	{Name: "context-read-deadline-unread", Body: body{Size: 2000, How: never}, Client: client{Gives: 2 * time.Second}, Handler: []string{"readdeadline 100", "ends 300", "error 408"}},
	{Name: "context-read-deadline-halves", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"readdeadline 100", "read 1500", "tell half", "readdeadline never", "readall", "error 408"}},
	{Name: "context-cancelled", Server: setup{Outer: "cancels"}, Handler: []string{"tell cancel", "ends 3000", "error 500"}},
	{Name: "context-cancelled-unnoticed", Server: setup{Outer: "cancels"}, Handler: []string{"tell cancel", "sleep 100", "write 5"}},
	{Name: "context-expired", Server: setup{Outer: "expires"}, Handler: []string{"tell cancel", "ends 1000", "error 500"}},
}

// panics are the ways to end without returning.
var panics = slices.Concat(
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-at-once", Handler: []string{end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-after-status", Handler: []string{"status 200", end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-after-write", Handler: []string{"write 5", end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-after-2049", Handler: []string{"write 2049", end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-after-flush", Handler: []string{"write 5", "flush", end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-after-length", Handler: []string{"header Content-Length 5", "write 5", "flush", end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-body-unread", Body: unread, Handler: []string{end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-body-halves", Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"read 1000", "tell half", end}}
	}),
	each([]string{"panic", "abort", "goexit"}, func(end string) scenario {
		return scenario{Name: end + "-1xx", Handler: []string{"status 103", end}}
	}),
	// Recovered, bare or with an answer, outside the chain or by its own filter.
	recovered("recovered", setup{Outer: "recovers"}),
	recovered("recovered500", setup{Outer: "recovers500"}),
	recovered("survived", setup{Survives: true}),
	recovered("recovered-in-the-middle", setup{Build: "own", Middle: "recovers"}),
	recovered("recovered500-in-the-middle", setup{Build: "own", Middle: "recovers500"}),
	recovered("recovered-alone", setup{Build: "alone", Outer: "recovers"}),
)

func recovered(name string, s setup) []*scenario {
	return []*scenario{
		{Name: name + "-panic", Server: s, Handler: []string{"panic"}},
		{Name: name + "-abort", Server: s, Handler: []string{"abort"}},
		{Name: name + "-goexit", Server: s, Handler: []string{"write 5", "goexit"}},
		{Name: name + "-panic-header", Server: s, Handler: []string{"header X-One 1", "panic"}},
		{Name: name + "-panic-after-status", Server: s, Handler: []string{"status 202", "panic"}},
		{Name: name + "-panic-after-write", Server: s, Handler: []string{"write 5", "panic"}},
		{Name: name + "-panic-after-2049", Server: s, Handler: []string{"write 2049", "panic"}},
		{Name: name + "-panic-after-flush", Server: s, Handler: []string{"write 5", "flush", "panic"}},
		{Name: name + "-panic-body", Server: s, Body: body{Size: 2000}, Handler: []string{"panic"}},
		{Name: name + "-panic-body-read", Server: s, Body: body{Size: 2000}, Handler: []string{"readall", "panic"}},
		{Name: name + "-panic-body-halves", Server: s, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"read 1000", "tell half", "panic"}},
		{Name: name + "-panic-body-late", Server: s, Body: body{Size: 2000, How: halves, Gap: late}, Handler: []string{"panic"}},
		{Name: name + "-panic-after-write-body-late", Server: s, Body: body{Size: 2000, How: halves, Gap: late}, Handler: []string{"write 5", "panic"}},
		{Name: name + "-panic-after-flush-body-after-answer", Server: s, Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"write 5", "flush", "panic"}},
	}
}

var hijacks = []*scenario{
	{Name: "hijack", Handler: []string{"hijack", "write 5"}},
	{Name: "hijack-after-write", Handler: []string{"write 5", "hijack", "write 5"}},
	{Name: "hijack-after-flush", Handler: []string{"write 5", "flush", "hijack"}},
	{Name: "hijack-body", Body: body{Size: 2000}, Handler: []string{"readall", "hijack"}},
	{Name: "hijack-body-unread", Body: body{Size: 2000}, Handler: []string{"hijack"}},
	{Name: "hijack-panic", Handler: []string{"hijack", "panic"}},
	{Name: "hijack-abort", Handler: []string{"hijack", "abort"}},
	{Name: "hijack-context", Protos: http1x, Handler: []string{"hijack", "ends 200"}},
	{Name: "hijack-behind-bare", Server: setup{Outer: "bare"}, Handler: []string{"hijack", "write 5"}},
	{Name: "hijack-behind-http1", Protos: http1x, Server: setup{Outer: "http1"}, Handler: []string{"hijack", "write 5"}},
	{Name: "hijack-echo", Protos: only11, Client: client{Pipelined: true}, Handler: []string{"hijack echo"}},
	{Name: "hijack-pipelined", Protos: only11, Client: client{Pipelined: true}, Handler: []string{"hijack"}},
}

// controls are http.ResponseController's other calls.
var controls = []*scenario{
	{Name: "control-write-deadline", Handler: []string{"writedeadline later", "write 5"}},
	{Name: "control-write-deadline-past", Handler: []string{"writedeadline past", "write 5000", "flusherror"}},
	{Name: "control-write-deadline-past-small", Handler: []string{"writedeadline past", "write 5"}},
	{Name: "control-write-deadline-reset", Handler: []string{"writedeadline 50", "writedeadline never", "sleep 100", "write 5"}},
	{Name: "control-read-deadline-keep", Handler: []string{"readdeadline 300", "write 5"}},
	{Name: "control-duplex", Handler: []string{"duplex", "write 5"}},
	{Name: "control-duplex-twice", Body: body{Size: 2000}, Handler: []string{"duplex", "duplex", "readall", "write 5"}},
	{Name: "control-after-write", Body: body{Size: 2000}, Handler: []string{"write 5", "readdeadline later", "writedeadline later", "duplex", "readall"}},
}

// ownWriters are the filters that put a writer of their own there.
var ownWriters = []string{"unwraps", "bare", "flushes", "http1", "duplexer", "deadliner", "flusherror", "all", "pretends", "fails"}

// writers stand between net/http's and the chain.
var writers = slices.Concat(
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-" + w, Protos: protosOf(w), Server: setup{Outer: w}, Handler: []string{"header X-One 1", "write 5", "flush", "write 5"}}
	}),
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-refuses-" + w, Protos: protosOf(w), Server: setup{Outer: w}, Body: unread, Handler: []string{"error 401"}}
	}),
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-refuses-after-answer-" + w, Protos: protosOf(w), Server: setup{Outer: w}, Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"error 401"}}
	}),
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-answers-nothing-late-" + w, Protos: protosOf(w), Server: setup{Outer: w}, Body: body{Size: 2000, How: halves, Gap: late}, Handler: []string{"status 204"}}
	}),
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-flushes-after-answer-" + w, Protos: protosOf(w), Server: setup{Outer: w}, Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"status 401", "flush", "write 5000"}}
	}),
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-reads-" + w, Protos: protosOf(w), Server: setup{Outer: w}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"read 1000", "tell half", "readall", "write 5000"}}
	}),
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-controls-" + w, Protos: protosOf(w), Server: setup{Outer: w}, Body: unread, Handler: []string{"readdeadline later", "writedeadline later", "duplex", "flusherror", "readall", "write 5"}}
	}),
	each(ownWriters, func(w string) scenario {
		return scenario{Name: "writer-never-" + w, Protos: only11, Server: setup{Outer: w}, Body: body{Size: 2000, How: never},
			Client: client{Gives: 1500 * time.Millisecond}, Handler: []string{"error 401"}}
	}),
	each([]string{"unwraps", "bare", "duplexer", "deadliner", "flusherror", "all", "pretends", "fails"}, func(w string) scenario {
		return scenario{Name: "writer-recovered-" + w, Protos: http11and2, Server: setup{Outer: "recovers " + w}, Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"write 5", "panic"}}
	}),
)

func protosOf(writer string) []string {
	if writer == "http1" {
		return http1x
	}
	return http11and2
}

// inTheMiddle are filters between the timeout filter and WithAudit.
var inTheMiddle = slices.Concat(
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "middle-" + f, Server: setup{Build: "own", Middle: f}, Handler: []string{"header X-One 1", "write 5"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "middle-" + f + "-large", Server: setup{Build: "own", Middle: f}, Handler: []string{"write 300000"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "middle-" + f + "-nothing", Server: setup{Build: "own", Middle: f}, Handler: []string{"header X-One 1"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "middle-" + f + "-body-halves", Server: setup{Build: "own", Middle: f}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "error 403"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "middle-" + f + "-slow-sink", Server: setup{Build: "own", Middle: f, Sink: "slow"}, Handler: []string{"write 5"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers", "recovers", "recovers500"}, func(f string) scenario {
		return scenario{Name: "middle-" + f + "-panic", Server: setup{Build: "own", Middle: f}, Handler: []string{"write 5", "panic"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers", "recovers", "recovers500"}, func(f string) scenario {
		return scenario{Name: "middle-" + f + "-goexit", Server: setup{Build: "own", Middle: f}, Handler: []string{"goexit"}}
	}),
	[]*scenario{
		{Name: "middle-none", Server: setup{Build: "own"}, Handler: []string{"write 5"}},
		{Name: "middle-compresses-head", Method: "HEAD", Server: setup{Build: "own", Middle: "compresses"}, Handler: []string{"write 5"}},
		{Name: "middle-cancelled", Server: setup{Build: "own", Middle: "cancels"}, Handler: []string{"tell cancel", "ends 1000", "error 500"}},
		{Name: "middle-expired", Server: setup{Build: "own", Middle: "expires"}, Handler: []string{"tell cancel", "ends 1000", "error 500"}},
		{Name: "middle-lingers", Server: setup{Build: "own", Middle: "lingers"}, Handler: []string{"write 5"}},
		{Name: "middle-lingers-body", Server: setup{Build: "own", Middle: "lingers"}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "write 5"}},
		{Name: "middle-reads", Server: setup{Build: "own", Middle: "reads"}, Body: body{Size: 2000}, Handler: []string{"readall", "write 5"}},
		{Name: "middle-finds-204", Server: setup{Build: "own", Middle: "finds"}, Handler: []string{"status 204"}},
		{Name: "middle-bare", Server: setup{Build: "own", Middle: "bare"}, Body: unread, Handler: []string{"flusherror", "readdeadline later", "error 403"}},
	},
)

// outside are filters around the whole chain.
var outside = slices.Concat(
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "outside-" + f, Server: setup{Outer: f}, Handler: []string{"header X-One 1", "write 5"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "outside-" + f + "-nothing", Server: setup{Outer: f}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "outside-" + f + "-body-halves", Server: setup{Outer: f}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "error 403"}}
	}),
	each([]string{"compresses", "finds", "appends", "buffers"}, func(f string) scenario {
		return scenario{Name: "outside-" + f + "-body-after-answer", Server: setup{Outer: f}, Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"error 403"}}
	}),
	[]*scenario{
		{Name: "outside-reads", Server: setup{Outer: "reads"}, Body: body{Size: 2000}, Handler: []string{"write 5"}},
		{Name: "outside-reads-read-after-2049", Protos: http11and2, Server: setup{Outer: "reads"}, Body: body{Size: 100000}, Handler: []string{"write 2049", "readall", "write 5"}},
		{Name: "outside-buffers-read-after-2049", Server: setup{Outer: "buffers"}, Body: body{Size: 2000}, Handler: []string{"write 2049", "readall", "write 5"}},
		{Name: "outside-reads-expect", Protos: http11and2, Server: setup{Outer: "reads"}, Body: body{Size: 2000, Expect: true}, Handler: []string{"write 5"}},
		{Name: "outside-reads-expect-nothing", Protos: http11and2, Server: setup{Outer: "reads"}, Body: body{Size: 2000, Expect: true}},
		{Name: "outside-reads-large-answer", Server: setup{Outer: "reads"}, Body: body{Size: 2000}, Handler: []string{"readall", "write 300000"}},
		{Name: "outside-reads-panic", Server: setup{Outer: "recovers reads"}, Body: body{Size: 2000}, Handler: []string{"panic"}},
		{Name: "outside-lingers", Server: setup{Outer: "lingers"}, Handler: []string{"write 5"}},
		{Name: "outside-lingers-body", Server: setup{Outer: "lingers"}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "write 5"}},
		{Name: "outside-lingers-body-read", Server: setup{Outer: "lingers"}, Body: body{Size: 2000}, Handler: []string{"readall", "write 5"}},
		{Name: "outside-lingers-body-after-answer", Server: setup{Outer: "lingers"}, Body: body{Size: 2000, How: afterAnswer}, Handler: []string{"write 5000"}},
		{Name: "outside-lingers-pipelined", Protos: http11and2, Server: setup{Outer: "lingers"}, Client: client{Pipelined: true}, Handler: []string{"write 5"}},
	},
)

// records are about when and how a request is recorded.
var records = slices.Concat(
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink, Server: setup{Sink: sink}, Handler: []string{"write 5"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-nothing", Server: setup{Sink: sink}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-length", Server: setup{Sink: sink}, Handler: []string{"header Content-Length 5", "write 5"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-2049", Server: setup{Sink: sink}, Handler: []string{"write 2049"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-large", Server: setup{Sink: sink}, Handler: []string{"write 300000"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-flushed", Server: setup{Sink: sink}, Handler: []string{"write 5", "flush", "write 5"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-body-unread", Server: setup{Sink: sink}, Body: unread, Handler: []string{"error 403"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-body-halves", Server: setup{Sink: sink}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "error 403"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-panic", Server: setup{Sink: sink}, Handler: []string{"panic"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-survived", Server: setup{Sink: sink, Survives: true}, Handler: []string{"panic"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-goexit", Server: setup{Sink: sink}, Handler: []string{"goexit"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-own", Server: setup{Sink: sink, Build: "own"}, Handler: []string{"write 5"}}
	}),
	each([]string{"slow", "blocked"}, func(sink string) scenario {
		return scenario{Name: "sink-" + sink + "-pipelined", Protos: only11, Server: setup{Sink: sink}, Client: client{Pipelined: true}, Handler: []string{"write 5"}}
	}),
	[]*scenario{
		{Name: "sink-slow-1xx", Server: setup{Sink: "slow"}, Handler: []string{"status 103", "status 404"}},
		{Name: "sink-slow-head", Method: "HEAD", Server: setup{Sink: "slow"}, Handler: []string{"write 5"}},
		{Name: "sink-slow-204", Server: setup{Sink: "slow"}, Handler: []string{"status 204"}},
	},
)

// others are about what is shared, and whose guard it is.
var others = []*scenario{
	{Name: "shared-path-value", Handler: []string{"pathvalue", "write 5"}},
	{Name: "shared-request", Handler: []string{"change", "write 5"}},
	{Name: "shared-request-form", Path: "?a=b", Handler: []string{"request", "change", "write 5"}},
	{Name: "sub-alone", Handler: []string{"sub alone", "write 5"}},
	{Name: "sub-audit", Handler: []string{"sub audit", "write 5"}},
	{Name: "sub-chain", Handler: []string{"sub chain", "write 5"}},
	{Name: "sub-chain-nothing", Handler: []string{"sub chain"}},
	{Name: "sub-chain-after-write", Handler: []string{"write 5", "flush", "sub chain", "write 5"}},
	{Name: "sub-chain-large", Handler: []string{"sub chain", "write 300000"}},
	{Name: "sub-chain-body", Body: body{Size: 2000}, Handler: []string{"sub chain", "readall", "write 5"}},
	{Name: "nested", Server: setup{Build: "nested"}, Handler: []string{"header X-One 1", "write 5"}},
	{Name: "nested-large", Server: setup{Build: "nested"}, Body: unread, Handler: []string{"write 300000"}},
	{Name: "nested-slow-sink", Server: setup{Build: "nested", Sink: "slow"}, Handler: []string{"write 5"}},
	{Name: "nested-panic", Server: setup{Build: "nested"}, Handler: []string{"write 5", "panic"}},
	{Name: "alone", Server: setup{Build: "alone"}, Handler: []string{"header X-One 1", "write 5"}},
	{Name: "alone-body-halves", Server: setup{Build: "alone"}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"tell half", "error 403"}},
	{Name: "alone-nothing", Server: setup{Build: "alone"}},
	{Name: "alone-flushed-first", Server: setup{Build: "alone"}, Handler: []string{"header X-One 1", "flush", "write 5"}},
	{Name: "alone-sub", Server: setup{Build: "alone"}, Handler: []string{"sub whole", "write 5"}},
	{Name: "alone-sub-nothing", Server: setup{Build: "alone"}, Handler: []string{"header X-One 1", "sub whole"}},
	{Name: "alone-sub-after-write", Server: setup{Build: "alone"}, Handler: []string{"write 5", "flush", "sub whole", "write 5"}},
	{Name: "alone-sub-late", Server: setup{Build: "alone"}, Body: body{Size: 2000, How: halves, Until: "half"}, Handler: []string{"read 1000", "sub whole", "tell half", "readall", "write 5000"}},
	{Name: "alone-goexit", Server: setup{Build: "alone"}, Handler: []string{"goexit"}},
	{Name: "timeout-func", Server: setup{Build: "timeoutfunc"}, Handler: []string{"value", "deadline", "write 5"}},
	{Name: "timeout-func-body", Server: setup{Build: "timeoutfunc"}, Body: body{Size: 2000}, Handler: []string{"value", "readall", "write 5"}},
	{Name: "proxied-large", Handler: []string{"proxy large"}},
	{Name: "proxied-cut", Handler: []string{"proxy cut"}},
	{Name: "proxied-body", Body: body{Size: 2000}, Handler: []string{"proxy conflict"}},
}
