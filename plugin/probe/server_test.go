package probe_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
)

// healthy is what tables call a nil error.
const healthy = "healthy"

// patience is the timeout of probes that are not about timeouts.
const patience = 10 * time.Second

// brief is that of probes that are: mostly long enough for a busy machine to get as far
// as the step that takes too long.
const brief = 500 * time.Millisecond

// serve answers on a port of 127.0.0.1 that the kernel chooses, until the test
// ends: handle gets each connection, which is closed when it returns.
func serve(t testing.TB, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	return serveOn(t, "127.0.0.1:0", handle)
}

func serveOn(t testing.TB, address string, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	var (
		running sync.WaitGroup
		conns   sync.Map
	)
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Store(conn, nil)
			running.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		conns.Range(func(conn, _ any) bool { conn.(net.Conn).Close(); return true })
		running.Wait()
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

// reply returns a handler that reads a request, sends text and hangs up.
func reply(text string) func(net.Conn) {
	return func(conn net.Conn) {
		if readRequest(conn) != nil {
			io.WriteString(conn, text)
		}
	}
}

// say returns a handler that sends text at once, and hangs up after the client.
func say(text string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, text)
		await(conn)
	}
}

// silent reads all there is and never answers.
func silent(conn net.Conn) { await(conn) }

// await returns when the client has hung up.
func await(conn net.Conn) { io.Copy(io.Discard, conn) }

// reset makes the close of conn a reset.
func reset(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }

func readRequest(conn net.Conn) *http.Request {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	return request
}

// recorder keeps the requests that a server has got, as text.
type recorder struct {
	mu       sync.Mutex
	requests []string
}

// handle returns a handler that records its request before it replies.
func (r *recorder) handle(text string) func(net.Conn) {
	return func(conn net.Conn) {
		var request strings.Builder
		head := bufio.NewReader(io.TeeReader(conn, &request))
		if _, err := http.ReadRequest(head); err != nil {
			return
		}
		r.mu.Lock()
		r.requests = append(r.requests, request.String())
		r.mu.Unlock()
		io.WriteString(conn, text)
	}
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// httpCheck is a check as package corefile makes it of "check http".
func httpCheck(server netip.AddrPort) model.Check {
	wanted, err := model.ParseStatusSet("200-399")
	if err != nil {
		panic(err)
	}
	return model.Check{
		Type:     model.HTTP,
		Port:     server.Port(),
		Host:     "www.example.org",
		Request:  model.Request{Method: http.MethodGet, Path: "/"},
		Expect:   model.Expect{Status: wanted},
		TLS:      model.TLSOptions{ServerName: "www.example.org"},
		Schedule: model.Schedule{Timeout: patience},
	}
}

// tcpCheck is a check as package corefile makes it of "check tcp PORT".
func tcpCheck(server netip.AddrPort) model.Check {
	return model.Check{
		Type:     model.TCP,
		Port:     server.Port(),
		Schedule: model.Schedule{Timeout: patience},
	}
}

// run probes server once, as the engine does.
func run(t testing.TB, check model.Check, server netip.AddrPort) error {
	t.Helper()
	return execute(t, prober(t, check, server))
}

func prober(t testing.TB, check model.Check, server netip.AddrPort) probe.Prober {
	t.Helper()
	prober, err := probe.NewKit().Prober(&check, server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return prober
}

func execute(t testing.TB, prober probe.Prober) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := once(ctx, prober)
	return err
}

// once executes a check as the engine does: without a goroutine, where that can be.
func once(ctx context.Context, prober probe.Prober) (connect time.Duration, err error) {
	timeout := patience
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	landed := make(landing, 1)
	started := prober.Start(timeout, landed)
	if started == nil {
		return prober.Probe(ctx)
	}
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			started.Cancel()
		}
	})()
	r := <-landed
	return r.connect, r.err
}

// landing gets what a probe without a goroutine has found.
type landing chan landed

type landed struct {
	connect time.Duration
	err     error
}

func (l landing) Landed(connect time.Duration, err error) { l <- landed{connect, err} }

// runFor probes server with a timeout of its own.
func runFor(t testing.TB, timeout time.Duration, check model.Check, server netip.AddrPort) error {
	t.Helper()
	check.Schedule.Timeout = timeout
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	_, err := once(ctx, prober(t, check, server))
	return err
}

// wantTimeout probes for a brief time. It tries again where the machine was so busy that
// an earlier step took too long.
func wantTimeout(t testing.TB, check model.Check, server netip.AddrPort, want string) {
	t.Helper()
	for range 4 {
		if text(runFor(t, brief, check, server)) == want {
			return
		}
	}
	wantResult(t, runFor(t, brief, check, server), want)
}

// text is what tables call a result.
func text(err error) string {
	if err == nil {
		return healthy
	}
	return err.Error()
}

// wantResult compares the whole message.
func wantResult(t testing.TB, err error, want string) {
	t.Helper()
	if got := text(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// isBroken asks as the engine does, which does not import package probe.
func isBroken(err error) bool {
	var broken interface{ Broken() bool }
	return errors.As(err, &broken) && broken.Broken()
}
