package test_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/bits"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// scheduled is how many probes the schedule of a check with a jitter of 10% gives
// in a while, at most.
func scheduled(in, interval time.Duration) float64 { return 1 + in.Seconds()/(0.9*interval.Seconds()) }

// mostProbes is how many probes there may be where so many connections have ended: an
// ending is looked at at once and, as that finds nothing new, again after 25 ms.
func mostProbes(scheduled float64, endings int64) float64 { return scheduled + 2*float64(endings) }

// endings is how many connections that a check has kept may have ended, after so many
// probes and with so many that its server has ended, kept or not.
type endings func(probes, ended int64) int64

// noEndings is for servers that let no connection be kept.
func noEndings(_, _ int64) int64 { return 0 }

// allEndings is for connections that live for a third of the interval or more: each
// is kept, so that looks are as frequent as they end.
func allEndings(_, ended int64) int64 { return ended }

// fewEndings is for connections that live for less: the 1st, 3rd, 7th, 15th, ... probe
// keeps its own, each of the series waiting for twice as many as the one before. Once a
// busy machine may notice an ending so late that the connection has lived for long enough.
func fewEndings(probes, _ int64) int64 { return int64(bits.Len64(uint64(probes + 1))) }

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
	name     string
	check    string // $PORT and $CA stand for the server's
	options  string // as well
	tls      *tls.Config
	does     behaviour
	interval time.Duration
	endings  endings
	enough   int64 // connections that the server has ended
}

func restlessServers(web, greeting *target, secure *tls.Config) []restless {
	const (
		often  = 500 * time.Millisecond
		seldom = 3 * time.Second        // a third is far more than a busy machine takes to notice an ending
		soon   = 50 * time.Millisecond  // less than a third of seldom
		later  = 300 * time.Millisecond // more than a third of often
		// The third ending is that of the 7th probe, the last that comes of it the 9th.
		third, last = 3, 9
	)
	const threshold = "; threshold 10" // far more than a busy machine is late for often
	const port, own, both = "port $PORT", "tls $CA; host www.example.org", "port $PORT; tls $CA; host www.example.org"
	return []restless{
		{"says-so", "http", port + threshold, nil, parting, often, noEndings, 10},
		{"http1.0", "http", port + threshold, nil, oldFashioned, often, noEndings, 10},
		{"at-once", "http", port, nil, bearing(0), seldom, fewEndings, last},
		{"soon", "http", port, nil, bearing(soon), seldom, fewEndings, third},
		{"later", "http", port + threshold, nil, bearing(later), often, allEndings, 10},
		{"balancer", "http", port, nil, relaying(web, soon), seldom, fewEndings, third},
		{"https-at-once", "https", both, secure, bearing(0), seldom, fewEndings, last},
		{"https-later", "https", both + threshold, secure, bearing(later), often, allEndings, 10},
		{"tcp-at-once", "tcp $PORT", "", nil, mute(0), seldom, fewEndings, last},
		{"tcp-soon", "tcp $PORT", "", nil, mute(soon), seldom, fewEndings, third},
		{"tcp-later", "tcp $PORT", "", nil, mute(later), often, allEndings, 10},
		{"tcp-balancer", "tcp $PORT", "", nil, relaying(greeting, later), often, allEndings, 10},
		{"tls-at-once", "tls $PORT", own, secure, mute(0), seldom, fewEndings, last},
		{"tls-soon", "tls $PORT", own, secure, mute(soon), seldom, fewEndings, third},
		{"tcp-chatty", "tcp $PORT", "", nil, chatty, seldom, fewEndings, last},
		{"impatient", "http", "port $PORT; threshold 1", nil, bearing(soon), seldom, fewEndings, third},
	}
}

// Servers that merely end idle connections are never taken for dead, and are not
// asked for ever new ones: where they live for less than a third of an interval, ever
// more seldom, and otherwise as often as they end.
func TestWatchIdleEndings(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	web, greeting := startTargets(t, 1, lasting)[0], startTargets(t, 1, says("220 hello\r\n"))[0]
	servers := restlessServers(web, greeting, serving(ca.issue(t, time.Hour, "www.example.org")))
	records, want, sites := "", make(map[string]string), make(targets, len(servers))
	for i, one := range servers {
		sites[i] = startTLSTargets(t, 1, one.tls, one.does)[0]
		fill := strings.NewReplacer("$PORT", sites[i].port, "$CA", ca.file).Replace
		options := "watch; interval " + one.interval.String() + "; " + fill(one.options)
		records += watchedRecord(one.name, sites[i].ip, fill(one.check), options)
		want[one.name+".example.org"] = sites[i].ip
	}
	began := time.Now()
	s := start(t, zone(records))
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
		ended, schedule := sites[i].cut.Load(), scheduled(time.Since(began), one.interval)
		most := mostProbes(schedule, one.endings(got, ended))
		t.Logf("%s: %d connections, %d ended by the server; at most %.1f, of which %.1f by the schedule",
			one.name, got, ended, most, schedule)
		if float64(got) > most {
			t.Errorf("%s has had %d connections, want at most %.1f", one.name, got, most)
		}
	}
	s.mustKeepVerdicts(t)
}

// A gRPC server that ends old connections, calls or not, is not asked for ever new
// ones either.
func TestWatchGRPCEndsCalls(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		age, interval time.Duration // an age far more than a busy machine takes to answer
		endings       endings
		enough        int64 // connections
	}{
		"soon":  {300 * time.Millisecond, 3 * time.Second, fewEndings, 9 + 3}, // the 1st, 3rd and 7th probe make a call
		"later": {400 * time.Millisecond, 500 * time.Millisecond, allEndings, 24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			site := startGRPC(t, tallyCalls(&calls), grpc.KeepaliveParams(keepalive.ServerParameters{
				MaxConnectionAge: one.age, MaxConnectionAgeGrace: 200 * time.Millisecond,
			}))
			began := time.Now()
			s := start(t, zone(watchedRecord("www", site.ip, "grpc "+site.port, "watch; threshold 10; interval "+one.interval.String())))
			s.log.await(t, 1, "unknown -> healthy")
			awaitMore := keepAsking(t, s, map[string]string{"www.example.org": site.ip})
			await(t, func() string {
				if got := site.accepted.Load(); got < one.enough && !t.Failed() {
					return fmt.Sprintf("the server has had %d connections, want %d", got, one.enough)
				}
				return ""
			})
			awaitMore(5)
			// A probe has a connection, and so has a call. Calls are all that is kept.
			got := site.accepted.Load()
			ended := calls.Load()
			probes, schedule := got-ended, scheduled(time.Since(began), one.interval)
			may := one.endings(probes, ended)
			t.Logf("%d probes and %d calls; the schedule gives at most %.1f probes", probes, ended, schedule)
			if most := mostProbes(schedule, may); float64(probes) > most {
				t.Errorf("there are %d probes, want at most %.1f", probes, most)
			}
			if ended > may {
				t.Errorf("there are %d calls, want at most %d", ended, may)
			}
			s.mustKeepVerdicts(t)
		})
	}
}

// tallyCalls counts the calls that last: those of a check that is watched.
func tallyCalls(calls *atomic.Int64) grpc.ServerOption {
	return grpc.StreamInterceptor(
		func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			calls.Add(1)
			return handle(server, stream)
		})
}
