package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
	"github.com/coredns-failover/failover/internal/eventually"
	. "github.com/coredns-failover/failover/plugin/engine"
)

type instant struct{}

func (instant) Probe(context.Context) (time.Duration, error) { return time.Millisecond, nil }

// BenchmarkIdleCheck says what a check costs that has been probed and waits.
func BenchmarkIdleCheck(b *testing.B) {
	w := newWorld(1000)
	shared := settings()
	shared.Schedule.Interval = time.Hour
	keys := make([]string, b.N)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	before := rig.Heap()
	for _, key := range keys {
		w.Claim(1, "www", key, Spec[owner]{Prober: instant{}, Settings: shared})
	}
	w.Start()
	eventually.Grows(b, "first probes", 0, func() int64 { return -int64(w.Stats().Unknown) })
	w.take()
	b.ReportMetric(float64(rig.Heap()-before)/float64(b.N), "heap-B/check")
	w.end()
}
