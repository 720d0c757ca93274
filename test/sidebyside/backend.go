package sidebyside

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// The API that the backend serves through the aggregator.
const (
	thingsGroup   = "things.example"
	thingsVersion = "v1"
)

// backend is what a kube-apiserver calls: admission webhooks, an aggregated API, and the kubelet of a node that there is
// not. It listens on loopback. Its methods may be called from several goroutines.
type backend struct {
	srv *httptest.Server

	mu   sync.Mutex
	held map[string]*hold // by the name of the object
}

// hold is a request that the backend does not answer until it is let go.
type hold struct {
	arrived  chan struct{} // closed by the backend
	released chan struct{} // closed by release
	once     sync.Once
}

func startBackend() *backend {
	b := &backend{held: map[string]*hold{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/admit/", b.admit)
	mux.HandleFunc("/apis", b.groups)
	mux.HandleFunc("/apis/"+thingsGroup+"/"+thingsVersion, b.resources)
	mux.HandleFunc("/apis/"+thingsGroup+"/"+thingsVersion+"/", b.things)
	mux.HandleFunc("/containerLogs/", b.logs)
	mux.HandleFunc("/exec/", b.exec)
	b.srv = httptest.NewUnstartedServer(mux)
	b.srv.Config.ErrorLog = log.New(io.Discard, "", 0) // A server that does not know the certificate is meant to say so.
	b.srv.EnableHTTP2 = true
	b.srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	b.srv.StartTLS()
	return b
}

// close lets everybody go.
func (b *backend) close() {
	b.mu.Lock()
	for _, h := range b.held {
		h.release()
	}
	b.mu.Unlock()
	b.srv.CloseClientConnections()
	b.srv.Close()
}

// ca is the PEM certificate that verifies the backend.
func (b *backend) ca() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.srv.Certificate().Raw})
}

func (b *backend) port() int {
	u, err := url.Parse(b.srv.URL)
	if err != nil {
		panic(err) // It is the server's own.
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		panic(err)
	}
	return port
}

// hold is the one for a name.
func (b *backend) hold(name string) *hold {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.held[name]
	if h == nil {
		h = &hold{arrived: make(chan struct{}), released: make(chan struct{})}
		b.held[name] = h
	}
	return h
}

func (h *hold) release() { h.once.Do(func() { close(h.released) }) }

// wait is what a held request does.
func (b *backend) wait(r *http.Request, name string) {
	h := b.hold(name)
	close(h.arrived)
	select {
	case <-h.released:
	case <-r.Context().Done():
	}
}

// admit answers an admission review as the name of the object says.
func (b *backend) admit(w http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Request    struct {
			UID  string `json:"uid"`
			Name string `json:"name"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := review.Request.Name
	answer := object{"uid": review.Request.UID, "allowed": true}
	switch {
	case strings.HasPrefix(name, "warn"):
		answer["warnings"] = []string{"the first warning", "the second: äöü \" \\"}
	case strings.HasPrefix(name, "deny"):
		answer["allowed"] = false
		answer["status"] = object{"code": http.StatusTeapot, "message": "no such thing is wanted", "reason": "Unwanted"}
	case strings.HasPrefix(name, "note"):
		answer["auditAnnotations"] = object{"note": "seen"}
	case strings.HasPrefix(name, "patch") && r.URL.Path == "/admit/mutate":
		answer["patchType"] = "JSONPatch"
		answer["patch"] = []byte(`[{"op":"add","path":"/data/mutated","value":"yes"}]`)
	case strings.HasPrefix(name, "broken"):
		http.Error(w, "the webhook is broken", http.StatusInternalServerError)
		return
	case strings.HasPrefix(name, "hold"):
		b.wait(r, name)
	case strings.HasPrefix(name, "slow"):
		<-r.Context().Done()
	}
	writeJSON(w, http.StatusOK, object{"apiVersion": review.APIVersion, "kind": review.Kind, "response": answer})
}

func (b *backend) groups(w http.ResponseWriter, _ *http.Request) {
	gv := object{"groupVersion": thingsGroup + "/" + thingsVersion, "version": thingsVersion}
	writeJSON(w, http.StatusOK, object{"kind": "APIGroupList", "apiVersion": "v1", "groups": []object{
		{"name": thingsGroup, "versions": []object{gv}, "preferredVersion": gv},
	}})
}

func (b *backend) resources(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": thingsGroup + "/" + thingsVersion,
		"resources": []object{{"name": "things", "singularName": "thing", "namespaced": false, "kind": "Thing", "verbs": []string{"get", "list", "create"}}}})
}

// things answers as the name of the thing says.
func (b *backend) things(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/apis/"+thingsGroup+"/"+thingsVersion+"/things")
	thing := object{"apiVersion": thingsGroup + "/" + thingsVersion, "kind": "Thing", "metadata": object{"name": strings.TrimPrefix(name, "/")}}
	switch name {
	case "":
		io.Copy(io.Discard, r.Body)
		writeJSON(w, http.StatusConflict, status(http.StatusConflict, "it is there"))
	case "/one":
		w.Header().Set("X-Thing", "one")
		writeJSON(w, http.StatusOK, thing)
	case "/empty":
	case "/no-content":
		w.WriteHeader(http.StatusNoContent)
	case "/early":
		w.Header().Set("Link", "</hint>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		writeJSON(w, http.StatusNotFound, status(http.StatusNotFound, "there is no such thing"))
	case "/failed":
		writeJSON(w, http.StatusInternalServerError, status(http.StatusInternalServerError, "something is wrong"))
	case "/unread":
		writeJSON(w, http.StatusForbidden, status(http.StatusForbidden, "nobody has read the body"))
	case "/warned":
		w.Header().Add("Warning", `299 - "the backend's warning"`)
		writeJSON(w, http.StatusOK, thing)
	case "/trailer":
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "a body with a trailer")
		w.(http.Flusher).Flush() // Otherwise it has a length, and no trailer over HTTP/1.1.
		w.Header().Set("X-Sum", "42")
	case "/large":
		w.Header().Set("Content-Type", "text/plain")
		for range 1 << 10 {
			io.WriteString(w, strings.Repeat("a large thing  \n", 1<<8))
		}
	case "/flushed":
		for i := range 3 {
			fmt.Fprintf(w, "part %d\n", i)
			w.(http.Flusher).Flush()
		}
	case "/cut":
		fmt.Fprint(w, "the beginning of it")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "/dropped":
		panic(http.ErrAbortHandler)
	case "/redirect":
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	case "/upgrade":
		echo(w, r, "echo")
	case "/refused":
		http.Error(w, "no upgrade", http.StatusForbidden)
	default:
		writeJSON(w, http.StatusNotFound, status(http.StatusNotFound, "there is no such thing"))
	}
}

// logs are those of a container.
func (b *backend) logs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	for i := range 3 {
		fmt.Fprintf(w, "line %d\n", i)
		w.(http.Flusher).Flush()
	}
}

// exec stands for a command that repeats the first line that it gets.
func (b *backend) exec(w http.ResponseWriter, r *http.Request) { echo(w, r, "SPDY/3.1") }

// echo takes the connection over, sends back a line and ends it.
func echo(w http.ResponseWriter, r *http.Request, protocol string) {
	hijacker, ok := w.(http.Hijacker)
	if !ok || r.Header.Get("Upgrade") == "" {
		http.Error(w, "upgrade to "+protocol, http.StatusUpgradeRequired)
		return
	}
	conn, rw, err := hijacker.Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	rw.Flush()
	line, _ := rw.ReadString('\n')
	fmt.Fprintf(rw, "you said %s", line)
	rw.Flush()
}

func status(code int, message string) object {
	return object{"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Failure", "message": message, "code": code}
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // Maps and slices of strings and numbers.
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(code)
	w.Write(data)
}
