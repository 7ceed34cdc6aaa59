//go:build unix

package resolve_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/bench/rig"
	"github.com/coredns-failover/failover/internal/eventually"
	. "github.com/coredns-failover/failover/plugin/resolve"
)

const crowd = 10_000 // names of the benchmark

// constant answers every question with one address, for as little as it can.
type constant struct{ asked atomic.Int64 }

func (c *constant) Ask(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
	c.asked.Add(1)
	m := new(dns.Msg).SetReply(q)
	h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 1}
	if h.Rrtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{Hdr: h, A: []byte{192, 0, 2, 1}}}
	} else {
		m.Answer = []dns.RR{&dns.AAAA{Hdr: h, AAAA: []byte{0x20, 1, 0xd, 0xb8, 15: 1}}}
	}
	return m, nil
}

func crowded(names int, chain Asker) *Resolver {
	r := New(Settings{Limit: 64, Stale: time.Hour})
	for i := range names {
		r.Add(Spec{Name: fmt.Sprintf("n%d.example.", i), Chain: chain, Threshold: 3})
	}
	return r
}

// BenchmarkLookup is one look-up of one family.
func BenchmarkLookup(b *testing.B) {
	c := new(constant)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Lookup(b.Context(), c, nil, "a.example.", dns.TypeA); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResolution is 10,000 names that are looked up every second, both
// families: the process's CPU time for one name once.
func BenchmarkResolution(b *testing.B) {
	c := new(constant)
	r := crowded(crowd, c)
	r.Start()
	b.Cleanup(func() { r.Stop(); r.Wait() })
	eventually.Grows(b, "the first look-ups", 2*crowd, c.asked.Load)
	b.ResetTimer()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	asked, spent := c.asked.Load(), cpu()
	eventually.Grows(b, "more look-ups", asked+int64(2*b.N), c.asked.Load)
	n := float64(c.asked.Load()-asked) / 2
	runtime.ReadMemStats(&after)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(cpu()-spent)/n, "cpu-ns/name")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/name")
}

// cpu returns the CPU time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkState is what a question pays.
func BenchmarkState(b *testing.B) {
	r := New(Settings{})
	n := r.Add(Spec{Name: "a.example.", Chain: new(constant)})
	b.ReportAllocs()
	for b.Loop() {
		_ = n.State()
	}
}

// An idle name is a timer and a few words, and no goroutine.
func TestIdleNamesAreSmall(t *testing.T) {
	const names = 2000
	before, goroutines := rig.Heap(), runtime.NumGoroutine()
	c := slow24h{new(constant)}
	r := crowded(names, c)
	r.Start()
	more := func() int { return runtime.NumGoroutine() - goroutines }
	eventually.Grows(t, "the first look-ups", 2*names, c.asked.Load)
	eventually.True(t, "their goroutines to end", func() bool { return more() <= 2 })
	each := (rig.Heap() - before) / names
	t.Logf("%d bytes per name, %d goroutines", each, more())
	if each > 1500 {
		t.Errorf("%d bytes per name", each)
	}
	r.Stop()
	r.Wait()
}

// slow24h answers like constant, with a TTL of a day.
type slow24h struct{ *constant }

func (s slow24h) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	m, err := s.constant.Ask(ctx, q)
	m.Answer[0].Header().Ttl = 86400
	return m, err
}
