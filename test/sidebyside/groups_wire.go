package sidebyside

import (
	"fmt"
	"strconv"
	"strings"
)

// onTheWire are requests as only a client sends them that writes its own bytes.
func onTheWire() group {
	const (
		head = `
Host: side
User-Agent: sidebyside/${id}
Audit-Id: ${id}
Authorization: ${auth}
`
		second = `
Host: side
User-Agent: sidebyside/${id}.2
Audit-Id: ${id}.2
Authorization: ${auth}
`
		third = `
Host: side
User-Agent: sidebyside/${id}.3
Audit-Id: ${id}.3
Authorization: ${auth}
`
	)
	all := core("configmaps")
	raw := func(name, text string, want int) step { return step{name: name, only: http1, raw: text, want: want} }
	several := func(n int, s step) step {
		s.answers = n
		return s
	}
	unseen := func(s step) step {
		s.unrecorded = true
		return s
	}
	get := "GET " + core("configmaps/none") + " HTTP/1.1"
	post := "POST " + all + "?dryRun=All HTTP/1.1"
	body := configMap("raw", "1")
	length := "Content-Type: application/json\nContent-Length: " + strconv.Itoa(len(body)) + "\n"
	as := func(u user, s step) step {
		s.as = u
		return s
	}
	return group{"wire", []step{
		raw("http10", "GET "+all+" HTTP/1.0"+head+"\n", 200),
		raw("http10-keep-alive", "GET "+all+" HTTP/1.0"+head+"Connection: keep-alive\n\n", 200),
		raw("http10-post", "POST "+all+"?dryRun=All HTTP/1.0"+head+length+"\n"+body, 201),
		raw("http10-large", "GET /api/v1/namespaces/"+largeNamespace+"/configmaps HTTP/1.0"+head+"\n", 200),
		raw("close", get+head+"Connection: close\n\n", 404),
		raw("close-post", post+head+length+"Connection: close\n\n"+body, 201),
		several(3, raw("pipelined", get+head+"\n"+get+second+"\n"+get+third+"\n", 404)),
		several(3, raw("pipelined-posts", post+head+length+"\n"+body+get+second+"\n"+post+third+length+"\n"+body, 201)),
		as(reader, several(2, raw("pipelined-unread", post+head+length+"\n"+body+get+second+"\n", 403))),
		as(reader, several(2, raw("pipelined-unread-large", post+head+"Content-Length: "+strconv.Itoa(unreadBody)+"\n\n"+strings.Repeat("x", unreadBody)+get+second+"\n", 403))),
		raw("absolute", "GET https://side"+core("configmaps/none")+" HTTP/1.1"+head+"\n", 404),
		raw("asterisk", "OPTIONS * HTTP/1.1"+head+"\n", 200),
		raw("trailer", post+head+"Content-Type: application/json\nTransfer-Encoding: chunked\nTrailer: X-Sum\n\n"+fmt.Sprintf("%x", len(body))+"\n"+body+"\n0\nX-Sum: 1\n\n", 201),
		raw("chunk-bad", post+head+"Content-Type: application/json\nTransfer-Encoding: chunked\n\nzz\n"+body+"\n0\n\n", 500),
		raw("chunk-bad-unread", get+head+"Transfer-Encoding: chunked\n\nzz\n", 404),
		raw("upgrade-nowhere", get+head+"Connection: Upgrade\nUpgrade: websocket\n\n", 404),
		raw("expect-unsent", get+head+"Expect: 100-continue\nContent-Length: 10\n\n0123456789", 404),
		unseen(raw("host-missing", "GET /version HTTP/1.1\n\n", 400)),
		unseen(raw("request-bad", "NONSENSE\n\n", 400)),
		unseen(raw("header-bad", "GET /version HTTP/1.1\nHost: side\nA B: c\n\n", 400)),
		unseen(raw("header-huge", "GET /version HTTP/1.1\nHost: side\nX-Huge: "+strings.Repeat("x", 2<<20)+"\n\n", 431)),
		unseen(raw("version-bad", "GET /version HTTP/3.7\nHost: side\n\n", 505)),
		unseen(raw("encoding-unknown", "POST /version HTTP/1.1\nHost: side\nTransfer-Encoding: gzip\n\n", 501)),
		unseen(raw("length-twice", "POST /version HTTP/1.1\nHost: side\nContent-Length: 1\nContent-Length: 2\n\nab", 400)),
		raw("length-and-chunked", post+head+"Content-Type: application/json\nContent-Length: 3\nTransfer-Encoding: chunked\n\n"+fmt.Sprintf("%x", len(body))+"\n"+body+"\n0\n\n", 201),
		raw("after", get+head+"\n", 404),
	}}
}
