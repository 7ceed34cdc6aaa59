package resolve_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	. "github.com/coredns-failover/failover/plugin/resolve"
)

// server is a name server on loopback, over UDP and TCP on one port; each
// handler gets a packet and returns those to send back.
func server(t *testing.T, udp, tcp func(q *dns.Msg) [][]byte) netip.AddrPort {
	t.Helper()
	pc, l := listen(t)
	t.Cleanup(func() { pc.Close(); l.Close() })
	go serveUDP(pc, udp)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serveTCP(c, tcp)
		}
	}()
	return pc.LocalAddr().(*net.UDPAddr).AddrPort()
}

func serveUDP(pc net.PacketConn, udp func(q *dns.Msg) [][]byte) {
	buf := make([]byte, 4096)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		for _, p := range udp(unpack(buf[:n])) {
			pc.WriteTo(p, from)
		}
	}
}

// listen finds a port that is free for both.
func listen(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		pc, err := net.ListenPacket("udp", "127.0.0.53:0")
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, l
		}
		pc.Close()
	}
	t.Fatal("no port")
	return nil, nil
}

func serveTCP(c net.Conn, tcp func(q *dns.Msg) [][]byte) {
	defer c.Close()
	var size uint16
	if binary.Read(c, binary.BigEndian, &size) != nil {
		return
	}
	buf := make([]byte, size)
	if _, err := io.ReadFull(c, buf); err != nil {
		return
	}
	for _, p := range tcp(unpack(buf)) {
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(p))), p...))
	}
}

func unpack(p []byte) *dns.Msg {
	m := new(dns.Msg)
	if err := m.Unpack(p); err != nil {
		panic(err)
	}
	return m
}

func packed(m *dns.Msg) []byte {
	p, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return p
}

// saying is a server's handler that replies with a text.
func saying(text string) func(*dns.Msg) [][]byte {
	return func(q *dns.Msg) [][]byte { return [][]byte{packed(says(q, text))} }
}

func silence(*dns.Msg) [][]byte { return nil }

const data = "a.example. 60 A 192.0.2.1"

// expectServers asks for a.example.; %d in want stands for the servers.
func expectServers(t *testing.T, timeout time.Duration, want string, servers ...netip.AddrPort) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	a, err := Lookup(ctx, Servers(servers), nil, "a.example.", dns.TypeA)
	got := show(a)
	if err != nil {
		got = err.Error()
		for i, s := range servers {
			got = strings.ReplaceAll(got, s.String(), fmt.Sprintf("#%d", i+1))
		}
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What a test waits for that waits for nothing, and how long one does that waits for a
// reply; the servers of others are late on a busy machine.
const brief, patience = 300 * time.Millisecond, 10 * time.Second

const answered = "a.example. NOERROR 1m0s | A 192.0.2.1"

func TestServers(t *testing.T) {
	for _, test := range []struct {
		name     string
		udp, tcp func(*dns.Msg) [][]byte
		timeout  time.Duration
		want     string
	}{
		{"data", saying(data), silence, patience, answered},
		{"truncated", saying("tc"), saying(data), patience, answered},
		{"truncated, and no TCP", saying("tc"), silence, patience, "a.example. A: #1: EOF"},
		{"truncated over TCP too", saying("tc"), saying("tc"), patience, "a.example. A: #1: the reply is truncated"},
		{"another id over TCP", saying("tc"), wrongID, patience, "a.example. A: #1: EOF"},
		{"silence", silence, silence, brief, "a.example. A: #1: no reply"},
		{"SERVFAIL", saying("SERVFAIL"), silence, patience, "a.example. A: #1: SERVFAIL"},
		{"only another id", wrongID, silence, brief, "a.example. A: #1: no reply"},
		{"what does not fit, then the reply", noise, silence, patience, answered},
	} {
		t.Run(test.name, func(t *testing.T) {
			expectServers(t, test.timeout, test.want, server(t, test.udp, test.tcp))
		})
	}
}

func wrongID(q *dns.Msg) [][]byte {
	m := says(q, data)
	m.Id++
	return [][]byte{packed(m)}
}

// noise is all that an attacker may send before the server does.
func noise(q *dns.Msg) [][]byte {
	spoiled := func(spoil func(m *dns.Msg)) []byte {
		m := says(q, "a.example. 60 A 198.51.100.66")
		spoil(m)
		return packed(m)
	}
	whole := packed(says(q, data))
	return [][]byte{
		nil,
		{1, 2, 3},
		whole[:len(whole)-2],
		wrongID(q)[0],
		spoiled(func(m *dns.Msg) { m.Question[0].Name = "b.example." }),
		spoiled(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeMX }),
		spoiled(func(m *dns.Msg) { m.Question = nil }),
		spoiled(func(m *dns.Msg) { m.Response = false }),
		whole,
	}
}

// A server that is silent has its part of the time, and the others theirs.
func TestServersAskOneAfterTheOther(t *testing.T) {
	dead, refusing, good := server(t, silence, silence), server(t, saying("REFUSED"), silence), server(t, saying(data), silence)
	expectServers(t, 6*time.Second, answered, dead, refusing, good)
	expectServers(t, 4*time.Second, "a.example. A: #1: no reply; #2: REFUSED", dead, refusing)
}

func TestServersNoneListening(t *testing.T) {
	pc, l := listen(t)
	pc.Close()
	l.Close()
	gone := pc.LocalAddr().(*net.UDPAddr).AddrPort()
	expectServers(t, patience, "a.example. A: #1: connection refused", gone)

	pc, l = listen(t)
	defer pc.Close()
	l.Close()
	go serveUDP(pc, saying("tc"))
	deaf := pc.LocalAddr().(*net.UDPAddr).AddrPort()
	expectServers(t, patience, "a.example. A: #1: connection refused", deaf)
}

func TestServersWithoutAny(t *testing.T) {
	expectServers(t, patience, "a.example. A: no server to ask")
}

func TestServersQuestionThatCannotBeSent(t *testing.T) {
	long := strings.Repeat("a", 64) + ".example."
	_, err := Lookup(t.Context(), Servers{server(t, silence, silence)}, nil, long, dns.TypeA)
	if want := "dns: bad rdata"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestServersEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancels := func(*dns.Msg) [][]byte { cancel(); return nil }
	_, err := Servers{server(t, cancels, silence)}.Ask(ctx, new(dns.Msg).SetQuestion("a.example.", dns.TypeA))
	if err == nil || !strings.HasSuffix(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
}

func TestServersHaveIDsOfTheirOwn(t *testing.T) {
	var mu sync.Mutex
	ids := map[uint16]bool{}
	note := func(q *dns.Msg) [][]byte {
		mu.Lock()
		defer mu.Unlock()
		ids[q.Id] = true
		return [][]byte{packed(says(q, data))}
	}
	s := Servers{server(t, note, silence)}
	q := new(dns.Msg).SetQuestion("a.example.", dns.TypeA)
	for range 8 {
		if _, err := s.Ask(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) < 7 {
		t.Errorf("%d ids for 8 questions", len(ids))
	}
}
