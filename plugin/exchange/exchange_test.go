//go:build linux

package exchange_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/internal/leak"
	"github.com/coredns-failover/failover/plugin/exchange"
)

func TestMain(m *testing.M) { os.Exit(leak.Main(m)) }

// patience is the timeout of exchanges that are not about timeouts.
const patience = 10 * time.Second

// ended is how an exchange has ended.
type ended struct {
	stage   exchange.Stage
	connect time.Duration
	answer  string
	err     error
	conn    net.Conn
}

// asker sends a request, and takes the connection over where detach says so.
type asker struct {
	request string
	detach  bool
	done    chan ended
}

func ask(request string) *asker { return &asker{request: request, done: make(chan ended, 1)} }

func (a *asker) Request(b []byte) []byte { return append(b, a.request...) }

func (a *asker) Done(c *exchange.Call, answer []byte, err error) {
	e := ended{c.Stage, c.Connect, string(answer), err, nil}
	if a.detach {
		e.conn, e.err = c.Detach()
	}
	a.done <- e
}

// serve hands each connection to a port of address to handle, and closes it then.
func serve(t *testing.T, address string, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(listener.Addr().String())
}

// echo answers with what it has read first.
func echo(conn net.Conn) {
	b := make([]byte, 1<<10)
	n, _ := conn.Read(b)
	conn.Write(b[:n])
}

// silent reads until the client has hung up.
func silent(conn net.Conn) { io.Copy(io.Discard, conn) }

func manner() exchange.Manner { return exchange.Manner{Timeout: patience, Answer: true} }

func TestExchange(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			var loop exchange.Loop
			a := ask("hello")
			if loop.Start(serve(t, address, echo), manner(), a) == nil {
				t.Fatal("no exchange begins")
			}
			e := <-a.done
			if e.answer != "hello" || e.err != nil || e.stage != exchange.Waiting || e.connect <= 0 {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// slow is an asker whose request takes a while to make.
type slow struct {
	*asker
	started time.Time
	asked   time.Duration // when it was asked for its request, since then
}

func (s *slow) Request(b []byte) []byte {
	s.asked = time.Since(s.started)
	for time.Since(s.started) < s.asked+10*time.Millisecond {
		runtime.Gosched()
	}
	return s.asker.Request(b)
}

// The time to connect is over before the request is made.
func TestConnectIsWithoutTheRequest(t *testing.T) {
	var loop exchange.Loop
	a := &slow{asker: ask("hello"), started: time.Now()}
	loop.Start(serve(t, "127.0.0.1:0", echo), manner(), a)
	if e := <-a.done; e.answer != "hello" || e.connect <= 0 || e.connect > a.asked {
		t.Errorf("got %+v, asked after %v", e, a.asked)
	}
}

func TestEnds(t *testing.T) {
	nobody := refusing()
	talker := serve(t, "127.0.0.1:0", func(conn net.Conn) { io.WriteString(conn, "220"); silent(conn) })
	for name, test := range map[string]struct {
		peer    netip.AddrPort
		request string
		manner  exchange.Manner
		answer  string
		err     error
		stage   exchange.Stage
	}{
		"refused":    {nobody, "x", manner(), "", syscall.ECONNREFUSED, exchange.Connecting},
		"no request": {talker, "", manner(), "220", nil, exchange.Waiting},
		"no answer wanted": {
			talker, "x", exchange.Manner{Timeout: patience}, "", nil, exchange.Sending,
		},
		"nothing wanted": {
			talker, "", exchange.Manner{Timeout: patience, Reset: true}, "", nil, exchange.Sending,
		},
		"nothing wanted, refused": {
			nobody, "", exchange.Manner{Timeout: patience}, "", syscall.ECONNREFUSED, exchange.Connecting,
		},
		"closed": {
			serve(t, "127.0.0.1:0", func(conn net.Conn) { conn.Read(make([]byte, 1)) }),
			"x", manner(), "", io.EOF, exchange.Waiting,
		},
		"reset": {
			serve(t, "127.0.0.1:0", func(conn net.Conn) {
				conn.Read(make([]byte, 1))
				conn.(*net.TCPConn).SetLinger(0)
			}), "x", manner(), "", syscall.ECONNRESET, exchange.Waiting,
		},
		"late": {
			serve(t, "127.0.0.1:0", silent), "x",
			exchange.Manner{Timeout: 20 * time.Millisecond, Answer: true},
			"", os.ErrDeadlineExceeded, exchange.Waiting,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var loop exchange.Loop
			a := ask(test.request)
			loop.Start(test.peer, test.manner, a)
			e := <-a.done
			if e.answer != test.answer || !errors.Is(e.err, test.err) || e.stage != test.stage {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	var loop exchange.Loop
	reached := make(chan bool, 1)
	server := serve(t, "127.0.0.1:0", func(conn net.Conn) {
		conn.Read(make([]byte, 1))
		reached <- true
		silent(conn)
		reached <- false
	})
	a := ask("x")
	c := loop.Start(server, manner(), a)
	<-reached
	c.Cancel()
	c.Cancel()
	if e := <-a.done; !errors.Is(e.err, context.Canceled) {
		t.Errorf("got %+v", e)
	}
	<-reached // the connection is closed
	c.Cancel()
}

func TestDetach(t *testing.T) {
	var loop exchange.Loop
	server := serve(t, "127.0.0.1:0", func(conn net.Conn) {
		for range 3 {
			echo(conn)
		}
	})
	a := ask("one")
	a.detach = true
	loop.Start(server, manner(), a)
	e := <-a.done
	if e.err != nil {
		t.Fatal(e.err)
	}
	defer e.conn.Close()
	for _, text := range []string{"two", "three"} {
		io.WriteString(e.conn, text)
		b := make([]byte, len(text))
		if _, err := io.ReadFull(e.conn, b); err != nil || string(b) != text {
			t.Errorf("read %q, %v", b, err)
		}
	}
	if rest, err := io.ReadAll(e.conn); len(rest) > 0 || err != nil {
		t.Errorf("and %q, %v", rest, err)
	}
}

// Many exchanges have one goroutine together, and it ends.
func TestOneGoroutine(t *testing.T) {
	var loop exchange.Loop
	reached, answer := make(chan bool), make(chan bool)
	server := serve(t, "127.0.0.1:0", func(conn net.Conn) {
		reached <- true
		<-answer
		echo(conn)
	})
	none := func() bool { return goroutines() == 0 }
	eventually.True(t, "the goroutines of other tests to end", none)
	var all []*asker
	for range 100 {
		a := ask("x")
		all = append(all, a)
		loop.Start(server, manner(), a)
		<-reached
	}
	if n := goroutines(); n != 1 {
		t.Errorf("%d goroutines", n)
	}
	close(answer)
	for _, a := range all {
		if e := <-a.done; e.answer != "x" {
			t.Errorf("got %+v", e)
		}
	}
	eventually.True(t, "its goroutine to end", none)
	again := ask("again")
	loop.Start(server, manner(), again)
	<-reached
	if e := <-again.done; e.answer != "again" {
		t.Errorf("got %+v", e)
	}
}

// goroutines counts those of this package that are no test's.
func goroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "created by github.com/coredns-failover/failover/plugin/exchange.")
}

// What ends early ends at once, even if the goroutine is just about to wait.
func TestEarlyEnds(t *testing.T) {
	var loop exchange.Loop
	nobody := refusing()
	late := time.After(time.Minute)
	for range 5_000 {
		a, b := ask("x"), ask("x")
		go loop.Start(nobody, exchange.Manner{Timeout: time.Hour, Answer: true}, a)
		loop.Start(nobody, exchange.Manner{Timeout: time.Hour, Answer: true}, b)
		for _, done := range []chan ended{a.done, b.done} {
			select {
			case <-done:
			case <-late:
				t.Fatal("it goes on")
			}
		}
	}
}

// Where nobody listens on a port that the kernel gives to those who connect, one of
// them may get it, and meet itself.
func TestNobodyMeetsItself(t *testing.T) {
	first, last := ports(t)
	nobody := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), first)
	for _, m := range []exchange.Manner{{Timeout: patience, Answer: true}, {Timeout: patience}} {
		var loop exchange.Loop
		for range last - first {
			a := ask("x")
			loop.Start(nobody, m, a)
			if e := <-a.done; !errors.Is(e.err, syscall.ECONNREFUSED) {
				t.Fatalf("got %+v", e)
			}
		}
	}
}

// ports returns the range of those that the kernel gives to those who connect, from
// one that is free.
func ports(t *testing.T) (first, last uint16) {
	t.Helper()
	text := must(os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"))
	must(fmt.Sscan(string(text), &first, &last))
	for ; first < last; first += 2 { // it prefers every other one
		if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first)); err == nil {
			listener.Close()
			return first, last
		}
	}
	t.Fatal("no port is free")
	return
}

// refusing returns a port that nobody listens on.
func refusing() netip.AddrPort {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	return netip.MustParseAddrPort(listener.Addr().String())
}

// No descriptor is left open, whatever an exchange ends by.
func TestDescriptors(t *testing.T) {
	before := descriptors(t)
	t.Run("all", func(t *testing.T) {
		t.Run("exchange", TestExchange)
		t.Run("ends", TestEnds)
		t.Run("cancel", TestCancel)
		t.Run("detach", TestDetach)
	})
	// Those of tests before this one may be about to close.
	isNew := func(socket string) bool { return !slices.Contains(before, socket) }
	eventually.True(t, "all to be closed", func() bool { return !slices.ContainsFunc(descriptors(t), isNew) })
}

func descriptors(t *testing.T) []string {
	t.Helper()
	entries := must(os.ReadDir("/proc/self/fd"))
	var open []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			if kind, _, _ := strings.Cut(to, ":"); kind == "socket" {
				open = append(open, to)
			}
		}
	}
	return open
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
