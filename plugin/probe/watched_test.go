package probe_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
	"github.com/coredns-failover/failover/plugin/watch"
)

// watching is a check that is watched, and how often it was roused.
type watching struct {
	*probe.Watched
	roused chan struct{}
}

func watchFrom(t testing.TB, check model.Check, server netip.AddrPort) *watching {
	t.Helper()
	check.Watch = true
	if check.Schedule.Interval == 0 {
		check.Schedule.Interval = time.Nanosecond // any connection lasts for long enough
	}
	w := &watching{roused: make(chan struct{}, 1000)}
	var err error
	if w.Watched, err = probe.NewKit().Watched(watch.New(100), &check, server.Addr()); err != nil {
		t.Fatal(err)
	}
	w.Watch(func() { w.roused <- struct{}{} })
	t.Cleanup(w.Unwatch)
	return w
}

// probes executes the check once; a nil error is expected.
func (w *watching) probes(t testing.TB) {
	t.Helper()
	if err := w.execute(t); err != nil {
		t.Fatal(err)
	}
}

func (w *watching) execute(t testing.TB) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := w.Probe(ctx)
	return err
}

func (w *watching) mustRouse(t testing.TB) {
	t.Helper()
	select {
	case <-w.roused:
	case <-time.After(patience):
		t.Fatal("nobody is roused")
	}
}

func (w *watching) mustWatch(t testing.TB, want bool) {
	t.Helper()
	if got := w.Watching(); got != want {
		t.Fatalf("a connection is kept open: %v, want %v", got, want)
	}
}

// keeper keeps connections open, and counts them.
type keeper struct {
	came  chan net.Conn
	conns []net.Conn // that were awaited
}

func newKeeper() *keeper { return &keeper{came: make(chan net.Conn, 100)} }

func (k *keeper) handle(then func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		k.came <- conn
		then(conn)
	}
}

// await returns when there were that many connections; there may be no more.
func (k *keeper) await(t testing.TB, want int) {
	t.Helper()
	for len(k.conns) < want {
		select {
		case conn := <-k.came:
			k.conns = append(k.conns, conn)
		case <-time.After(patience):
			t.Fatalf("there were %d connections, want %d", len(k.conns), want)
		}
	}
	if more := len(k.came); more > 0 {
		t.Fatalf("there were %d connections, want %d", want+more, want)
	}
}

// end ends all connections, as the kernel does when a process dies.
func (k *keeper) end() {
	for _, conn := range k.conns {
		conn.Close()
	}
}

// answers returns a handler that answers each request on a connection.
func answers(text string) func(net.Conn) {
	return func(conn net.Conn) {
		requests := bufio.NewReader(conn)
		for {
			if _, err := http.ReadRequest(requests); err != nil {
				return
			}
			io.WriteString(conn, text)
		}
	}
}

// greets returns a handler that says something, and stays.
func greets(text string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, text)
		await(conn)
	}
}

const staying200 = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

var watchable = map[string]struct {
	handle func(net.Conn)
	check  func(netip.AddrPort) model.Check
}{
	"tcp":           {greets("220 ready\r\n"), waiting},
	"tcp, silent":   {silent, tcpCheck},
	"tls":           {overTLS(with(system.issue(nil)), await), tlsCheck},
	"http":          {answers(staying200), httpCheck},
	"http, by body": {answers(staying200), reading},
	"https":         {overTLS(with(system.issue(nil)), answers(staying200)), httpsCheck},
	"redirects": {answers("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /there\r\n\r\n"), func(s netip.AddrPort) model.Check {
		check := httpCheck(s)
		wantStatus("302")(&check)
		return check
	}},
}

// A peer that ends its connections is noticed, with or without a probe in between.
func TestWatchedRouses(t *testing.T) {
	for name, test := range watchable {
		t.Run(name, func(t *testing.T) {
			k := newKeeper()
			server := serve(t, k.handle(test.handle))
			w := watchFrom(t, test.check(server), server)
			opened := 0
			for range 3 {
				w.probes(t)
				w.probes(t)
				w.mustWatch(t, true)
				opened += 2
				k.await(t, opened)
				if len(w.roused) > 0 {
					t.Fatal("somebody is roused for nothing")
				}
				k.end()
				w.mustRouse(t)
				w.mustWatch(t, false)
			}
		})
	}
}

// What the peer says on an idle connection is no reason to look, unless it does not
// stop.
func TestWatchedListens(t *testing.T) {
	more := make(chan string)
	server := serve(t, func(conn net.Conn) {
		for text := range more {
			io.WriteString(conn, text)
		}
	})
	w := watchFrom(t, tcpCheck(server), server)
	w.probes(t)
	for range 100 {
		more <- "still here\r\n"
	}
	w.mustWatch(t, true)
	more <- string(make([]byte, 70<<10))
	w.mustRouse(t)
	w.mustWatch(t, false)
	close(more)
}

// A server that ends connections by itself is well, and is asked to keep one open
// ever more seldom.
func TestWatchedIsPatient(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		check  func(netip.AddrPort) model.Check
	}{
		"connection: close": {reply("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), httpCheck},
		"HTTP/1.0":          {reply("HTTP/1.0 200 OK\r\n\r\n"), httpCheck},
		"at once":           {reply(staying200), httpCheck},
		"after the banner":  {func(conn net.Conn) { io.WriteString(conn, "220 ready\r\n") }, waiting},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, test.handle)
			check := test.check(server)
			check.Schedule.Interval = time.Hour
			w := watchFrom(t, check, server)
			kept := 0
			for range 500 {
				w.probes(t)
				if w.Watching() || len(w.roused) > 0 {
					kept++
					w.mustRouse(t)
				}
			}
			// Those that are kept are the 1st, 3rd, 7th, 15th, 31st, 63rd, 127th, and then
			// every 64th of them.
			if kept > 12 {
				t.Errorf("of 500 connections %d are kept open", kept)
			}
		})
	}
}

// A death teaches nothing about patience.
func TestWatchedForgetsDeaths(t *testing.T) {
	k := newKeeper()
	server := serve(t, k.handle(answers(staying200)))
	check := httpCheck(server)
	check.Schedule.Interval = time.Hour
	w := watchFrom(t, check, server)
	for i := range 3 {
		w.probes(t)
		w.mustWatch(t, true)
		k.await(t, i+1)
		k.end()
		w.mustRouse(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Probe(ctx); err == nil {
			t.Fatal("a probe that was cancelled succeeds")
		}
	}
}

// Nothing is kept open once nobody watches, nor where no more may be.
func TestUnwatch(t *testing.T) {
	k := newKeeper()
	server := serve(t, k.handle(answers(staying200)))
	w := watchFrom(t, httpCheck(server), server)
	w.probes(t)
	w.mustWatch(t, true)
	w.Unwatch()
	w.mustWatch(t, false)
	w.probes(t)
	w.mustWatch(t, false)
	k.await(t, 2)
	k.end()
	if len(w.roused) > 0 {
		t.Error("somebody is roused all the same")
	}
}

func TestWatchedAreLimited(t *testing.T) {
	server := serve(t, answers(staying200))
	check := httpCheck(server)
	kit, poller := probe.NewKit(), watch.New(1)
	var open int
	for range 3 {
		w, err := kit.Watched(poller, &check, server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		w.Watch(func() {})
		defer w.Unwatch()
		if _, err := w.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.Watching() {
			open++
		}
	}
	if open != 1 || poller.Len() != 1 {
		t.Errorf("%d connections are kept open, %d watched, want 1", open, poller.Len())
	}
}
