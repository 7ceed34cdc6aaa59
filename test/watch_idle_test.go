package test_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// unsettled is a snippet for checks of servers that end idle connections.
const unsettled = `
(unsettled) {
    watch
    interval 500ms
}
`

// scheduled is how many probes the schedule of a check with a jitter of 10% gives
// in a while, at most.
func scheduled(in, interval time.Duration) float64 { return 1 + in.Seconds()/(0.9*interval.Seconds()) }

// oldFashioned answers with HTTP/1.0, which ends each connection.
func oldFashioned(t *target, conn net.Conn) {
	if t.readRequest(conn) {
		_, _ = io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nok")
		t.cut.Add(1)
	}
}

// parting is the behaviour of a server that says that it ends each connection.
func parting(t *target, conn net.Conn) {
	ok(t, conn)
	t.cut.Add(1)
}

// chatty is the behaviour of a server that never says what it has to say.
func chatty(t *target, conn net.Conn) {
	for line := []byte(strings.Repeat("more ", 200)); ; {
		if _, err := conn.Write(line); err != nil {
			t.cut.Add(1)
			return
		}
	}
}

// restless is a server that is well, but ends idle connections.
type restless struct {
	name    string
	check   string // $PORT and $CA stand for the server's
	options string // as well
	tls     *tls.Config
	does    behaviour
	enough  int64 // ended connections
	// factor is how many connections there may be for each probe of the schedule: 2
	// where idle ones live for more than half of the interval.
	factor float64
}

func restlessServers(backend *target, secure *tls.Config) []restless {
	const (
		soon  = 50 * time.Millisecond
		later = 300 * time.Millisecond // more than half of the interval
	)
	const port, own, both = "port $PORT", "tls $CA; host www.example.org", "port $PORT; tls $CA; host www.example.org"
	return []restless{
		{"says-so", "http", port, nil, parting, 10, 1.2},
		{"http1.0", "http", port, nil, oldFashioned, 10, 1.2},
		{"at-once", "http", port, nil, bearing(0), 14, 1.5},
		{"soon", "http", port, nil, bearing(soon), 4, 1.5},
		{"later", "http", port, nil, bearing(later), 10, 2},
		{"balancer", "http", port, nil, relaying(backend, soon), 4, 1.5},
		{"https-at-once", "https", both, secure, bearing(0), 14, 1.5},
		{"https-later", "https", both, secure, bearing(later), 10, 2},
		{"tcp-at-once", "tcp $PORT", "", nil, mute(0), 14, 1.5},
		{"tcp-soon", "tcp $PORT", "", nil, mute(soon), 4, 1.5},
		{"tcp-later", "tcp $PORT", "", nil, mute(later), 10, 2},
		{"tcp-balancer", "tcp $PORT", "", nil, relaying(backend, later), 10, 2},
		{"tls-at-once", "tls $PORT", own, secure, mute(0), 14, 1.5},
		{"tls-soon", "tls $PORT", own, secure, mute(soon), 4, 1.5},
		{"tcp-chatty", "tcp $PORT", "", nil, chatty, 14, 1.5},
		{"impatient", "http", "port $PORT; threshold 1", nil, bearing(soon), 4, 1.5},
	}
}

// Servers that merely end idle connections are never taken for dead, and are not
// asked for ever new ones: where they live for less than half of an interval, ever
// more seldom, and otherwise as often as they end.
func TestWatchIdleEndings(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	servers := restlessServers(startTargets(t, 1, lasting)[0], serving(ca.issue(t, time.Hour, "www.example.org")))
	records, want, sites := "", make(map[string]string), make(targets, len(servers))
	for i, one := range servers {
		sites[i] = startTLSTargets(t, 1, one.tls, one.does)[0]
		fill := strings.NewReplacer("$PORT", sites[i].port, "$CA", ca.file).Replace
		records += watchedRecord(one.name, sites[i].ip, fill(one.check), "import unsettled; "+fill(one.options))
		want[one.name+".example.org"] = sites[i].ip
	}
	began := time.Now()
	s := start(t, unsettled+zone(records))
	s.log.await(t, len(servers), "unknown -> healthy")
	awaitMore := keepAsking(t, s, want)
	for i, one := range servers {
		await(t, func() string {
			if got := sites[i].cut.Load(); got < one.enough && !t.Failed() {
				return fmt.Sprintf("%s has ended %d connections, want %d", one.name, got, one.enough)
			}
			return ""
		})
	}
	awaitMore(5)
	for i, one := range servers {
		got := sites[i].probes()
		schedule := scheduled(time.Since(began), 500*time.Millisecond)
		t.Logf("%s: %d connections, %d ended by the server; the schedule gives at most %.0f",
			one.name, got, sites[i].cut.Load(), schedule)
		// An ending is looked at twice.
		if most := 2 * (2 + one.factor*schedule); float64(got) > most {
			t.Errorf("%s has had %d connections, want at most %.0f", one.name, got, most)
		}
	}
	s.mustKeepVerdicts(t)
}

// A gRPC server that ends old connections, calls or not, is not asked for ever new
// ones either.
func TestWatchGRPCEndsCalls(t *testing.T) {
	t.Parallel()
	const interval = 500 * time.Millisecond
	for name, one := range map[string]struct {
		age    time.Duration
		enough int64   // connections
		factor float64 // of those for the schedule: a probe has one, and a call has one
	}{
		"soon":  {50 * time.Millisecond, 16, 1.5},
		"later": {400 * time.Millisecond, 24, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := startGRPC(t, grpc.KeepaliveParams(keepalive.ServerParameters{
				MaxConnectionAge: one.age, MaxConnectionAgeGrace: 20 * time.Millisecond,
			}))
			began := time.Now()
			s := start(t, unsettled+zone(watchedRecord("www", site.ip, "grpc "+site.port, "import unsettled")))
			s.log.await(t, 1, "unknown -> healthy")
			awaitMore := keepAsking(t, s, map[string]string{"www.example.org": site.ip})
			await(t, func() string {
				if got := site.accepted.Load(); got < one.enough && !t.Failed() {
					return fmt.Sprintf("the server has had %d connections, want %d", got, one.enough)
				}
				return ""
			})
			awaitMore(5)
			got, schedule := site.accepted.Load(), scheduled(time.Since(began), interval)
			t.Logf("%d connections; the schedule gives at most %.0f probes", got, schedule)
			// An ending is looked at twice.
			if most := 2 * (3 + one.factor*schedule); float64(got) > most {
				t.Errorf("the server has had %d connections, want at most %.0f", got, most)
			}
			s.mustKeepVerdicts(t)
		})
	}
}
