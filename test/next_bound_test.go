package test_test

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// nextEach is a wildcard whose names all have addresses of their own, which are
// probed once.
const nextEach = `
failover *.example.org {
    primary next
    secondary 192.0.2.1 {
        check none
    }
    probe 127.0.0.0/8
    check tcp 9 {
        interval 1h
        fast_interval 1h
        threshold 10
    }
}
`

// What a server block learns from replies is bounded: 10,000 addresses.
func TestNextBounded(t *testing.T) {
	t.Parallel()
	const most, names = 10000, 12000
	origin := startAliasOrigin(t, "")
	invent := func(q dns.Question) []dns.RR {
		label, _, _ := strings.Cut(strings.TrimPrefix(q.Name, "n"), ".")
		n, err := strconv.Atoi(label)
		if err != nil || q.Qtype != dns.TypeA {
			return nil
		}
		return []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
			A:   net.IPv4(127, 200, byte(n>>8), byte(n)),
		}}
	}
	origin.set(func() { origin.invent = invent })
	s := start(t, zone("forward . {$ORIGIN}\n"+nextEach), origin.vars())
	askAll(t, s, 0, most/2)
	s.awaitMetric(t, most/2, "checks")
	askAll(t, s, most/2, names)
	if checks := s.metric(t, "checks"); checks > most || checks < most*0.98 {
		t.Errorf("%v addresses are probed after %d names, want %d at most", checks, names, most)
	}
	askAll(t, s, 0, 100) // the oldest are learned anew
	if checks := s.metric(t, "checks"); checks > most {
		t.Errorf("%v addresses are probed, want %d at most", checks, most)
	}
}

// askAll asks for the names n<from> to n<to>, from several sockets, and fails
// where an answer is not the address of that name.
func askAll(t *testing.T, s *server, from, to int) {
	t.Helper()
	const sockets = 8
	var asking sync.WaitGroup
	for i := range sockets {
		asking.Go(func() {
			client := dns.Client{Net: "tcp", Timeout: patience}
			conn, err := client.Dial(s.endpoint())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for n := from + i; n < to; n += sockets {
				reply, _, err := client.ExchangeWithConn(question(fmt.Sprintf("n%d.example.org", n), dns.TypeA), conn)
				if err != nil {
					t.Error(err)
					return
				}
				if got, want := inWords(reply), fmt.Sprintf("127.200.%d.%d", n>>8, n&255); got != want && got != "192.0.2.1" {
					t.Errorf("n%d is answered with %s, want %s", n, got, want)
				}
			}
		})
	}
	asking.Wait()
}
