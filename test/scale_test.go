package test_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// scaled is how many records there are, with two checks each.
const scaled = 10_000

// crowd is a listener for every address of 127.0.0.0/8.
type crowd struct {
	port string

	mu     sync.Mutex
	probed map[string]int // by the address that was probed
	total  int
}

func startCrowd(t *testing.T) *crowd {
	t.Helper()
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	c := &crowd{port: port, probed: make(map[string]int)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			ip, _, _ := net.SplitHostPort(conn.LocalAddr().String())
			c.note(ip)
			conn.Close()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return c
}

func (c *crowd) note(ip string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probed[ip]++
	c.total++
}

func (c *crowd) await(t *testing.T, probes int) {
	t.Helper()
	await(t, func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.total < probes {
			return fmt.Sprintf("there were %d probes, want %d", c.total, probes)
		}
		return ""
	})
}

// twice returns the addresses that were probed more than once.
func (c *crowd) twice() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for ip, n := range c.probed {
		if n > 1 {
			found = append(found, ip)
		}
	}
	return found
}

// scaledIP is the address of a record's target in a tier.
func scaledIP(net, record int) string {
	return fmt.Sprintf("127.%d.%d.%d", net, record/250, 1+record%250)
}

// scaledCorefile has all records, with the secondaries that are given.
func scaledCorefile(port string, secondary func(record int) string) string {
	var text strings.Builder
	for i := range scaled {
		fmt.Fprintf(&text, `
    failover r%d.example.org {
        primary %s
        secondary %s
        check tcp %s {
            interval 1h
        }
    }
`, i, scaledIP(201, i), secondary(i), port)
	}
	return zone(text.String())
}

// 10,000 records start, answer and are reloaded; what the reload did not change
// goes on untouched. How long that takes is told, and not judged. It is measured
// without the race detector, which makes the plugin prometheus run into its own
// deadline with so many records.
func TestTenThousandRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	c := startCrowd(t)
	before := scaledCorefile(c.port, func(i int) string { return scaledIP(202, i) })
	after := scaledCorefile(c.port, func(i int) string {
		if i%100 == 0 {
			return scaledIP(203, i)
		}
		return scaledIP(202, i)
	})

	plain, err := build("coredns-plain", "../cmd/coredns")
	if err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	s := launchProgram(t, plain, before)
	s.awaitStart(t)
	t.Logf("started in %v", time.Since(began).Round(time.Millisecond))
	mustAnswerAll(t, s)
	if got := s.metric(t, "checks"); got != 2*scaled {
		t.Errorf("there are %v checks, want %d", got, 2*scaled)
	}
	c.await(t, 2000)

	began = time.Now()
	s.reload(t, after)
	t.Logf("reloaded in %v", time.Since(began).Round(time.Millisecond))
	mustAnswerAll(t, s)
	if got := s.metric(t, "checks"); got != 2*scaled {
		t.Errorf("after the reload there are %v checks, want %d", got, 2*scaled)
	}
	c.await(t, 5000)
	if again := c.twice(); len(again) > 0 {
		t.Errorf("the reload starts %d checks anew", len(again))
	}
	if u, known := s.usage(); known {
		t.Logf("it holds %d MiB and %d descriptors", u.memory>>10, u.descriptors)
	}
}

// mustAnswerAll asks for every record.
func mustAnswerAll(t *testing.T, s *server) {
	t.Helper()
	conn, err := dns.Dial("udp", s.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := dns.Client{Timeout: patience}
	began := time.Now()
	for i := range scaled {
		m := question(fmt.Sprintf("r%d.example.org", i), dns.TypeA)
		reply, _, err := client.ExchangeWithConn(m, conn)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := inWords(reply), scaledIP(201, i); got != want {
			t.Fatalf("%s is answered with %s, want %s", m.Question[0].Name, got, want)
		}
	}
	t.Logf("%d answers, one by one, in %v", scaled, time.Since(began).Round(time.Millisecond))
}
