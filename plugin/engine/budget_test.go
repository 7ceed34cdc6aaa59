package engine_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/engine"
)

// Of the instants that jitter leaves them, probes take those at which others
// start, and none beyond it.
func TestProbesShareSlots(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		jittery := settings()
		jittery.Schedule.Jitter = 10
		var targets []*server
		for i := range 200 {
			targets = append(targets, serverOf(up()))
			w.Claim(1, "www", fmt.Sprint(i), Spec[owner]{Prober: targets[i], Settings: jittery})
		}
		w.Start()
		virtual.Sleep(15 * time.Second)
		instants := make(map[time.Time]bool)
		for _, target := range targets {
			starts := w.starts(target)
			instants[target.starts[1]] = true
			if gap := starts[1] - starts[0]; gap < 9*time.Second || gap > 11*time.Second {
				t.Errorf("a probe starts %v after the one before, want 9s to 11s", gap)
			}
			if starts[1]%(50*time.Millisecond) != 0 {
				t.Errorf("a probe starts at %v, which is no slot", starts[1])
			}
		}
		if len(instants) > 45 {
			t.Errorf("200 probes start at %d instants", len(instants))
		}
	})
}

// Targets that hang, more of them than there may be probes at once, do not keep
// the others waiting, once it is known that they do.
func TestThoseThatHangDelayNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(8)
		var delays []time.Duration
		observed := settings()
		observed.Observe = func(p Probed) { delays = append(delays, p.Delay) }
		for i := range 16 {
			w.Claim(1, "www", fmt.Sprint("hangs", i), spec(serverOf(step{hanging: true})))
		}
		w.Claim(1, "www", "answers", Spec[owner]{Prober: serverOf(up()), Settings: observed})
		w.Start()
		virtual.Sleep(2 * time.Minute)
		synctest.Wait()
		for i, delay := range delays {
			if first := i == 0; !first && delay > 0 {
				t.Errorf("probe %d is %v late", i, delay)
			}
		}
		if len(delays) < 10 {
			t.Errorf("the target that answers was probed %d times", len(delays))
		}
		w.end()
	})
}
