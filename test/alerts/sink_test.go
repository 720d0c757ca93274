package alerts

import (
	"os"
	"testing"
	"time"
)

func TestSink(t *testing.T) {
	s, err := newSink(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	w, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	write := func() <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := w.Write([]byte("event\n"))
			done <- err
		}()
		return done
	}
	taken := func(done <-chan error) {
		t.Helper()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a sink that reads takes nothing")
		}
	}
	for range 2 {
		taken(write())
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		stuck := write()
		select {
		case err := <-stuck:
			t.Fatalf("a sink that does not read takes something: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		s.goOn()
		taken(stuck)
	}
}
