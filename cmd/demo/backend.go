package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// backend is a small HTTP server that is healthy while it runs.
type backend struct {
	name, endpoint string
	server         *http.Server
}

func (b *backend) running() bool { return b.server != nil }

func (b *backend) start(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", b.endpoint)
	if err != nil {
		return fmt.Errorf("the %s backend: %w", b.name, explain(err, b.endpoint))
	}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: time.Second}
	go b.server.Serve(listener) //nolint:errcheck // it ends with ErrServerClosed
	return nil
}

// stop ends the backend the way a killed process does: at once, with its
// connections.
func (b *backend) stop() {
	if b.running() {
		b.server.Close()
		b.server = nil
	}
}

// ServeHTTP says that the backend is well.
func (b *backend) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, b.name, "ok")
}

// explain says in plain words that a port is taken.
func explain(err error, endpoint string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program; stop that first", endpoint)
	}
	return err
}
