package main

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// flapper is an HTTP server on every address of 127.0.0.0/8. It answers 200, or
// where it flaps, 500 to every second request to an address.
type flapper struct {
	server http.Server
	port   string
	flaps  atomic.Bool
	asked  [flapping]atomic.Uint64 // by the last bytes of the address
}

// flapping is how many addresses are probed, each every flappingInterval: 1,000
// times a second altogether.
const (
	flapping         = 300
	flappingInterval = 300 * time.Millisecond
)

func startFlapper(ctx context.Context) (*flapper, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp4", "0.0.0.0:0")
	if err != nil {
		return nil, err
	}
	f := &flapper{port: strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)}
	f.server.Handler, f.server.ReadHeaderTimeout = f, time.Second
	go func() { _ = f.server.Serve(listener) }() // until it is closed
	return f, nil
}

// ServeHTTP implements http.Handler.
func (f *flapper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ip := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).IP.To4()
	nth := f.asked[(int(ip[2])*250+int(ip[3])-1)%flapping].Add(1)
	if f.flaps.Load() && nth%2 == 0 {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (f *flapper) stop() { _ = f.server.Close() }
