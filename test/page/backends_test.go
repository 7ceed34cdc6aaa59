package page_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
)

// backends are web servers that are probed: each has an address of its own in
// 127.0.0.0/8, and all have the same port.
type backends struct {
	port string
	ip   map[string]string // by name

	mu      sync.Mutex
	running map[string]*http.Server
}

// startBackends starts a server for each name, until the end of the test.
func startBackends(t *testing.T, names ...string) *backends {
	t.Helper()
	b := &backends{ip: make(map[string]string), running: make(map[string]*http.Server)}
	for i, name := range names {
		b.ip[name] = fmt.Sprintf("127.%d.%d.%d", 77, os.Getpid()%250, i+1)
	}
	t.Cleanup(func() {
		for _, name := range names {
			_ = b.stop(name)
		}
	})
	var err error
	for range 100 {
		if err = b.startTogether(names); err == nil {
			return b
		}
	}
	t.Fatalf("there is no port that is free on all addresses: %v", err)
	return nil
}

// startTogether tries a port that is free for the first server on the others.
func (b *backends) startTogether(names []string) error {
	b.port = "0"
	for _, name := range names {
		if err := b.start(name); err != nil {
			for _, started := range names {
				_ = b.stop(started)
			}
			return err
		}
	}
	return nil
}

func (b *backends) start(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running[name] != nil {
		return nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(b.ip[name], b.port))
	if err != nil {
		return err
	}
	_, b.port, _ = net.SplitHostPort(l.Addr().String())
	b.running[name] = &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go b.running[name].Serve(l)
	return nil
}

func (b *backends) stop(name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	server := b.running[name]
	if server == nil {
		return nil
	}
	delete(b.running, name)
	return server.Close()
}

// control serves what lets a test stop and start a backend, and returns where.
func (b *backends) control(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	steer := func(do func(name string) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := do(r.PathValue("name")); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		}
	}
	mux.HandleFunc("POST /stop/{name}", steer(b.stop))
	mux.HandleFunc("POST /start/{name}", steer(b.start))
	return serve(t, mux)
}

// serve serves until the end of the test, and returns where.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}
