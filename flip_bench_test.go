package failover

import (
	"fmt"
	"io"
	stdlog "log"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

// flipping is the health of a check that changes.
type flipping struct {
	fixed
	verdict atomic.Uint32
}

func (f *flipping) Verdict() verdict.Verdict { return verdict.Verdict(f.verdict.Load()) }

// flip changes the verdict, and tells as the engine does.
func (f *flipping) flip(o owner) {
	t := engine.Transition{From: verdict.Healthy, To: verdict.Unhealthy}
	if f.Verdict() == verdict.Unhealthy {
		t.From, t.To = t.To, t.From
	}
	f.verdict.Store(uint32(t.To))
	healthcheck.Transition([]owner{o}, t)
}

// serve has the handler serve, whose targets are not probed, and with a log that nobody
// reads.
func (f *Failover) serve(b testing.TB) {
	b.Helper()
	h := healthcheck
	forget()
	stdlog.SetOutput(io.Discard)
	b.Cleanup(func() { healthcheck = h; stdlog.SetOutput(os.Stderr) })
	f.config = new(dnsserver.Config)
	counters := new(room)
	for _, r := range f.records {
		for t := range r.targets.each() {
			t.inherit(nil, counters)
		}
	}
	c := &configuration{handlers: []*Failover{f}, operation: new(operation)}
	f.claims = newClaims(c, "")
	healthcheck.begin(c, nil)
}

// flipper flips the primaries of a handler in turn.
type flipper struct {
	owners []owner
	flips  int
}

// newFlipper has the handler serve, with primaries that are healthy.
func newFlipper(b testing.TB, f *Failover) *flipper {
	b.Helper()
	f.serve(b)
	w := new(flipper)
	for _, r := range f.records {
		a := r.targets[0].list()[0]
		health := new(flipping)
		health.verdict.Store(uint32(verdict.Healthy))
		a.checks[0] = health
		w.owners = append(w.owners, owner{a, 0})
	}
	update(f.records...)
	return w
}

// flip flips the next one.
func (w *flipper) flip() {
	o := w.owners[w.flips%len(w.owners)]
	o.address.checks[0].(*flipping).flip(o)
	w.flips++
}

// run flips so many a second until done is closed, those that are due by then at
// each tick.
func (w *flipper) run(rate int, done <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(rate)); w.flips < due; {
			w.flip()
		}
	}
}

// BenchmarkVerdict is what a change of a verdict takes until it is answered with, logged
// and told, but for the writing of the log.
func BenchmarkVerdict(b *testing.B) {
	w := newFlipper(b, handlerOf(b, manyRecords(100)))
	b.ReportAllocs()
	for b.Loop() {
		w.flip()
	}
}

// A change of a verdict makes little garbage, which answers would pay for.
func TestAllocationsOfAVerdict(t *testing.T) {
	w := newFlipper(t, handlerOf(t, manyRecords(10)))
	if n := testing.AllocsPerRun(1000, w.flip); n > 56 {
		t.Errorf("%v allocations, want at most 56", n)
	}
}

// A first verdict that is healthy decides nothing anew: it costs no more for a target
// among many, which at a start all have one.
func TestAllocationsOfAFirstVerdict(t *testing.T) {
	first := engine.Transition{From: verdict.Unknown, To: verdict.Healthy}
	of := func(targets int) float64 {
		addresses := make([]string, targets)
		for i := range addresses {
			addresses[i] = fmt.Sprint("192.0.2.", i+1)
		}
		f := handlerOf(t, "failover n0.example.org {\n primary "+strings.Join(addresses, " ")+"\n check http\n}\n")
		f.serve(t)
		o := owner{f.records[0].targets[0].list()[0], 0}
		update(f.records...)
		return testing.AllocsPerRun(100, func() { healthcheck.Transition([]owner{o}, first) })
	}
	if one, many := of(1), of(250); many > one {
		t.Errorf("%v allocations among 250 targets, %v for one", many, one)
	}
}

// BenchmarkServeDNSWhileFlipping compares an answer with and without 1,000 verdicts a
// second that change in the background, those of the record among them.
func BenchmarkServeDNSWhileFlipping(b *testing.B) {
	for _, rate := range []int{0, 1000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			f := handlerOf(b, manyRecords(100))
			w, done, stopped := newFlipper(b, f), make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				w.run(rate, done)
			}()
			benchmark(b, f, "n42.example.org.", dns.TypeA)
			close(done)
			<-stopped
			b.ReportMetric(float64(w.flips)/b.Elapsed().Seconds(), "flips/s")
		})
	}
}
