package traffic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"
)

// store is a server that keeps config maps, until something is done to it.
type store struct {
	mu    sync.Mutex
	maps  map[string]object
	asked int
	spoil func(rw http.ResponseWriter, r *http.Request, s *store) bool // reports whether it has answered
}

type object = map[string]any

func (s *store) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.spoil != nil && s.spoil(rw, r, s) {
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	var got object
	json.NewDecoder(r.Body).Decode(&got)
	name := path.Base(r.URL.Path)
	switch {
	case r.Method == "POST":
		s.maps[got["metadata"].(object)["name"].(string)] = got
		rw.WriteHeader(http.StatusCreated)
	case r.URL.Query().Has("labelSelector"):
		var items []object
		if m := s.maps[strings.TrimPrefix(r.URL.Query().Get("labelSelector"), "load=")]; m != nil {
			items = append(items, m)
		}
		got = object{"kind": "ConfigMapList", "items": items}
	case s.maps[name] == nil:
		rw.WriteHeader(http.StatusNotFound)
	case r.Method == "DELETE":
		delete(s.maps, name)
	case r.Method == "GET":
		got = s.maps[name]
	default:
		s.maps[name]["data"] = got["data"]
		got = s.maps[name]
	}
	json.NewEncoder(rw).Encode(got)
}

func TestWhatALoadNotices(t *testing.T) {
	answer := func(status int, body string) func(http.ResponseWriter, *http.Request, *store) bool {
		return func(rw http.ResponseWriter, r *http.Request, s *store) bool {
			if r.Method != "GET" || s.asked%3 != 0 {
				return false
			}
			rw.WriteHeader(status)
			fmt.Fprint(rw, body)
			return true
		}
	}
	for name, tt := range map[string]struct {
		spoil       func(http.ResponseWriter, *http.Request, *store) bool
		may         []int
		wrong, lost string // "" is nothing
	}{
		"nothing": {nil, nil, "", ""},
		"objects that go": {func(_ http.ResponseWriter, r *http.Request, s *store) bool {
			if r.Method == "GET" {
				clear(s.maps)
			}
			return false
		}, nil, "", "it was there, and is not"},
		"a list without them": {func(_ http.ResponseWriter, r *http.Request, s *store) bool {
			if r.URL.Query().Has("labelSelector") {
				clear(s.maps)
			}
			return false
		}, nil, "", "the list ought to have"},
		"a write that is not there": {func(rw http.ResponseWriter, r *http.Request, s *store) bool {
			if r.Method == "PATCH" {
				json.NewEncoder(rw).Encode(object{"data": object{"v": "other"}})
			}
			return r.Method == "PATCH"
		}, nil, "", `has "other"`},
		"half an object":            {answer(201, `{"kind":`), nil, "got 201", ""},
		"another status":            {answer(503, `{}`), nil, "got 503", ""},
		"another, while it may":     {answer(503, `{}`), Faulty, "", ""},
		"another, while others may": {answer(503, `{}`), []int{504}, "got 503", ""},
		"a bare 504":                {answer(504, `{}`), Faulty, "does not say why", ""},
		"a 504 that is expected":    {answer(504, `{"reason":"Timeout"}`), []int{504}, "", ""},
		"no answer": {func(http.ResponseWriter, *http.Request, *store) bool {
			panic(http.ErrAbortHandler)
		}, Faulty, "no whole answer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &store{maps: map[string]object{}, spoil: tt.spoil}
			server := httptest.NewServer(s)
			defer server.Close() // A second time is no harm.
			var mu sync.Mutex
			var wrong, lost []string
			say := func(to *[]string) func(string, ...any) {
				return func(format string, args ...any) {
					mu.Lock()
					defer mu.Unlock()
					*to = append(*to, fmt.Sprintf(format, args...))
				}
			}
			c := &Clients{URL: server.URL, HTTP: map[string]*http.Client{}, Keep: func(*Exchange) {}, Wrongf: say(&wrong)}
			for _, proto := range Protocols {
				c.HTTP[proto] = server.Client()
			}
			stop := NewLoad(c, "/maps", say(&lost)).Start(t.Context(), 2, tt.may...)
			time.Sleep(time.Second)
			stop()
			stop()
			server.Close()
			for what, pair := range map[string][2]string{"wrong": {strings.Join(wrong, "\n"), tt.wrong}, "lost": {strings.Join(lost, "\n"), tt.lost}} {
				if got, want := pair[0], pair[1]; (want == "") != (got == "") || !strings.Contains(got, want) {
					t.Errorf("%s: got %q, want %q", what, got, want)
				}
			}
			if s.asked < 10 {
				t.Errorf("asked %d times", s.asked)
			}
			if tt.spoil == nil && len(s.maps) != 0 {
				t.Errorf("%d are left", len(s.maps))
			}
		})
	}
}
