package test_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// target is a server that is probed. It behaves as it is told, and can be
// stopped and started again where it was.
type target struct {
	ip, port string

	tls      *tls.Config // nil: it speaks no TLS
	script   atomic.Pointer[behaviour]
	accepted atomic.Int64
	cut      atomic.Int64 // idle connections that it has ended itself
	asked    atomic.Pointer[http.Request]

	mu       sync.Mutex
	listener net.Listener // nil while it is stopped
	conns    map[net.Conn]bool
	running  sync.WaitGroup
}

// behaviour is what a target does with a connection, which is closed then.
type behaviour func(t *target, conn net.Conn)

// targets share a port: their addresses are what a record is answered with.
type targets []*target

// startTargets starts n targets with the same behaviour until the end of the
// test.
func startTargets(t testing.TB, n int, b behaviour) targets {
	t.Helper()
	return startTLSTargets(t, n, nil, b)
}

// startTLSTargets is startTargets for targets that speak TLS.
func startTLSTargets(t testing.TB, n int, config *tls.Config, b behaviour) targets {
	t.Helper()
	var ips []string
	for range n {
		ips = append(ips, newIP(t))
	}
	return startTargetsAt(t, ips, config, b)
}

// startTargetsAt is startTLSTargets for addresses that the test chooses.
func startTargetsAt(t testing.TB, ips []string, config *tls.Config, b behaviour) targets {
	t.Helper()
	var ts targets
	for i, listener := range listenTogether(t, ips) {
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		one := &target{ip: ips[i], port: port, tls: config}
		one.behave(b)
		one.serveAt(listener)
		t.Cleanup(one.stop)
		ts = append(ts, one)
	}
	return ts
}

// vars are the targets for a Corefile: their addresses {$T1}, {$T2}, ... and
// their port {$TARGET_PORT}.
func (ts targets) vars() vars {
	v := vars{"TARGET_PORT": ts[0].port}
	for i, one := range ts {
		v[fmt.Sprintf("T%d", i+1)] = one.ip
	}
	return v
}

// behave changes what the target does with connections from now on.
func (tg *target) behave(b behaviour) { tg.script.Store(&b) }

// probes is how many connections the target has had.
func (tg *target) probes() int64 { return tg.accepted.Load() }

// open is how many connections are open now.
func (tg *target) open() int {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return len(tg.conns)
}

// noteEnd counts an idle connection that the target ends.
func (tg *target) noteEnd(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		tg.cut.Add(1)
	}
}

// request is the last HTTP request that the target has read, or nil.
func (tg *target) request() *http.Request { return tg.asked.Load() }

// awaitProbes waits until n more probes have come.
func (tg *target) awaitProbes(t testing.TB, n int64) {
	t.Helper()
	targets{tg}.awaitProbes(t, n)
}

// awaitProbes waits until n more probes have come to each.
func (ts targets) awaitProbes(t testing.TB, n int64) {
	t.Helper()
	var enough []int64
	for _, one := range ts {
		enough = append(enough, one.probes()+n)
	}
	await(t, func() string {
		for i, one := range ts {
			if got := one.probes(); got < enough[i] {
				return fmt.Sprintf("target %s has had %d probes, want %d", one.ip, got, enough[i])
			}
		}
		return ""
	})
}

// start lets a stopped target serve again, at its address and port.
func (tg *target) start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(tg.ip, tg.port))
	if err != nil {
		t.Fatal(err)
	}
	tg.serveAt(listener)
}

// stop closes the target's port and its connections: probes are refused.
func (tg *target) stop() {
	tg.mu.Lock()
	if tg.listener != nil {
		tg.listener.Close()
		tg.listener = nil
	}
	for conn := range tg.conns {
		conn.Close()
	}
	tg.mu.Unlock()
	tg.running.Wait()
}

// silence closes the target's port alone: what is connected hears nothing.
func (tg *target) silence() {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.listener.Close()
	tg.listener = nil
}

func (tg *target) serveAt(listener net.Listener) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.listener, tg.conns = listener, make(map[net.Conn]bool)
	tg.running.Go(func() { tg.accept(listener) })
}

func (tg *target) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		tg.accepted.Add(1)
		tg.running.Go(func() { tg.handle(conn) })
	}
}

func (tg *target) handle(conn net.Conn) {
	defer conn.Close()
	if !tg.keep(conn) {
		return
	}
	defer tg.forget(conn)
	b := *tg.script.Load()
	if tg.tls == nil {
		b(tg, conn)
		return
	}
	secured := tls.Server(conn, tg.tls)
	if secured.Handshake() == nil {
		b(tg, secured)
	}
}

// keep notes a connection for stop to close; it reports false after stop.
func (tg *target) keep(conn net.Conn) bool {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	if tg.listener == nil {
		return false
	}
	tg.conns[conn] = true
	return true
}

func (tg *target) forget(conn net.Conn) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	delete(tg.conns, conn)
}
