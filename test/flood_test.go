package test_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// flood asks a server for one name at a steady rate, from several sockets, and
// never asks again for an answer that is missing.
type flood struct {
	server  *server
	began   time.Time
	query   []byte // packed; its ID is put in
	done    chan struct{}
	senders sync.WaitGroup
	readers sync.WaitGroup
	sockets []net.Conn

	asked, answered atomic.Int64

	mu      sync.Mutex
	answers map[string]int // how often each answer came
}

const (
	// floodSockets share the rate among them.
	floodSockets = 10
	// floodWindow is how many answers a socket waits for at most. It keeps the
	// kernel's buffers from running over while the machine is busy elsewhere.
	floodWindow = 12
	// floodTick is how often a sender looks at what is due.
	floodTick = 2 * time.Millisecond
)

// startFlood asks for the A records of name, rate times a second, until stop.
func startFlood(t *testing.T, s *server, name string, rate int) *flood {
	t.Helper()
	f := &flood{server: s, began: time.Now(), done: make(chan struct{}), answers: make(map[string]int)}
	var err error
	if f.query, err = question(name, dns.TypeA).Pack(); err != nil {
		t.Fatal(err)
	}
	for range floodSockets {
		conn, err := net.Dial("udp", s.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		f.sockets = append(f.sockets, conn)
		window := make(chan struct{}, floodWindow)
		f.senders.Go(func() { f.send(conn, window, rate/floodSockets) })
		f.readers.Go(func() { f.receive(conn, window) })
	}
	t.Cleanup(f.end)
	return f
}

// send asks as often as is due by now, while there is room in the window.
func (f *flood) send(conn net.Conn, window chan<- struct{}, rate int) {
	query := slices.Clone(f.query)
	tick := time.NewTicker(floodTick)
	defer tick.Stop()
	for sent := 0; ; {
		select {
		case <-f.done:
			return
		case <-tick.C:
		}
		for due := int(time.Since(f.began).Seconds() * float64(rate)); sent < due; sent++ {
			select {
			case window <- struct{}{}:
			case <-f.done:
				return
			}
			binary.BigEndian.PutUint16(query, uint16(sent))
			f.asked.Add(1)
			if _, err := conn.Write(query); err != nil {
				f.count("error " + err.Error())
			}
		}
	}
}

func (f *flood) receive(conn net.Conn, window <-chan struct{}) {
	buffer := make([]byte, dns.MinMsgSize)
	seen := make(map[uint16]bool)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		reply := new(dns.Msg)
		if err := reply.Unpack(buffer[:n]); err != nil {
			f.count("error " + err.Error())
			continue
		}
		if seen[reply.Id] {
			f.count("an answer that came twice")
			continue
		}
		seen[reply.Id] = true
		f.count(inWords(reply))
		f.answered.Add(1)
		<-window
	}
}

func (f *flood) count(answer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[answer]++
}

// awaitAnswers waits for n more answers.
func (f *flood) awaitAnswers(t *testing.T, n int64) {
	t.Helper()
	enough := f.answered.Load() + n
	await(t, func() string {
		if got := f.answered.Load(); got < enough {
			return fmt.Sprintf("%d answers have come, want %d", got, enough)
		}
		return ""
	})
}

// stop stops asking, waits until every question is answered, and returns how
// often each answer came.
func (f *flood) stop(t *testing.T) map[string]int {
	t.Helper()
	took := time.Since(f.began)
	close(f.done)
	f.senders.Wait()
	await(t, func() string {
		if asked, answered := f.asked.Load(), f.answered.Load(); answered < asked {
			return fmt.Sprintf("%d of %d questions have no answer", asked-answered, asked)
		}
		return ""
	})
	asked := f.asked.Load()
	t.Logf("%d questions in %v: %.0f a second", asked, took.Round(time.Millisecond), float64(asked)/took.Seconds())
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.answers)
}

// end closes the sockets, also where the test has failed before stop.
func (f *flood) end() {
	select {
	case <-f.done:
	default:
		close(f.done)
	}
	f.senders.Wait()
	for _, conn := range f.sockets {
		conn.Close()
	}
	f.readers.Wait()
}
