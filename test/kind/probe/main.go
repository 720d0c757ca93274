// Probe is what a pod runs in make test-kind: it needs no other file, and does one thing for each that a cluster is
// tried with.
//
//	probe serve          answers on port 8080 what was asked, and prints it
//	probe echo WORD...   prints the words
//	probe cat            copies its input to its output
//	probe get URL        prints what is answered there
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "probe: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("serve, echo, cat or get?")
	}
	switch args[0] {
	case "serve":
		return serve(ctx)
	case "echo":
		fmt.Println(strings.Join(args[1:], " "))
		return nil
	case "cat":
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	case "get":
		return get(ctx, strings.Join(args[1:], " "))
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func serve(ctx context.Context) error {
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("asked for", r.URL.Path)
		fmt.Fprintln(w, "answered", r.URL.Path)
	})}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Println("serving")
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	_, err = io.Copy(os.Stdout, answer.Body)
	return err
}
