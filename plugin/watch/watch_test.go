package watch_test

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/leak"
	. "github.com/coredns-failover/failover/plugin/watch"
)

func TestMain(m *testing.M) { os.Exit(leak.Main(m)) }

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// pair returns the two ends of a connection.
func pair(t testing.TB) (here, there *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dialled.Close()
		accepted.Close()
	})
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// watch watches conn until the end of the test; each call of ready is told.
func watch(t testing.TB, p *Poller, conn *net.TCPConn) (w *Watch, told chan struct{}) {
	t.Helper()
	told = make(chan struct{}, 100)
	w, err := p.Watch(conn, func() { told <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w, told
}

func await(t *testing.T, told <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(patience):
		t.Fatalf("nothing is told: %s", what)
	}
}

func TestWatchTellsOnceOfEach(t *testing.T) {
	here, there := pair(t)
	w, told := watch(t, New(10), here)
	for range 3 {
		if _, err := there.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		await(t, told, "there is something to read")
		if len(told) > 0 {
			t.Error("it is told twice")
		}
		if _, err := io.ReadFull(here, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := w.Again(); err != nil {
			t.Fatal(err)
		}
	}
	there.Close()
	await(t, told, "the peer has gone")
}

// What is there already when a watch begins, or goes on, is told too.
func TestWatchTellsOfWhatIsThere(t *testing.T) {
	here, there := pair(t)
	there.Close()
	w, told := watch(t, New(10), here)
	await(t, told, "the peer has gone before")
	if err := w.Again(); err != nil {
		t.Fatal(err)
	}
	await(t, told, "the peer is still gone")
}

func TestWatchTellsOfAReset(t *testing.T) {
	here, there := pair(t)
	_, told := watch(t, New(10), here)
	if err := there.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	there.Close()
	await(t, told, "the peer has reset the connection")
}

// A descriptor that is used again is not taken for what it was.
func TestStoppedWatchesTellNothing(t *testing.T) {
	p := New(1000)
	for range 200 {
		here, there := pair(t)
		var once sync.Once
		stopped := make(chan struct{})
		w, err := p.Watch(here, func() {
			select {
			case <-stopped:
				once.Do(func() { t.Error("a stopped watch tells something") })
			default:
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Stop()
		close(stopped)
		there.Close()
		here.Close()
	}
	if p.Len() != 0 {
		t.Errorf("%d connections are watched", p.Len())
	}
}

func TestLimit(t *testing.T) {
	p := New(2)
	first, _ := pair(t)
	second, _ := pair(t)
	third, _ := pair(t)
	w, _ := watch(t, p, first)
	watch(t, p, second)
	if _, err := p.Watch(third, func() {}); !errors.Is(err, ErrFull) {
		t.Errorf("a third one is watched: %v", err)
	}
	w.Stop()
	w.Stop() // does nothing
	if err := w.Again(); err != nil || p.Len() != 1 {
		t.Errorf("Again after Stop: %v, %d watched", err, p.Len())
	}
	watch(t, p, third)
}

func TestClosedConnectionsAreRefused(t *testing.T) {
	here, _ := pair(t)
	here.Close()
	if _, err := New(1).Watch(here, func() {}); err == nil {
		t.Error("a closed connection is watched")
	}
}

// However many connections there are, they have one goroutine together.
func TestOneGoroutineForAll(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is a goroutine for each, but on Linux")
	}
	p := New(1000)
	before := runtime.NumGoroutine()
	var all []chan struct{}
	var peers []*net.TCPConn
	for range 200 {
		here, there := pair(t)
		_, told := watch(t, p, here)
		all, peers = append(all, told), append(peers, there)
	}
	if more := runtime.NumGoroutine() - before; more > 1 {
		t.Errorf("200 connections have %d goroutines", more)
	}
	for i, told := range all {
		peers[i].Close()
		await(t, told, "the peer has gone")
	}
}
