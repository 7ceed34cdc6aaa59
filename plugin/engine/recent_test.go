package engine_test

import (
	"errors"
	"testing"
	"time"

	. "github.com/coredns-failover/failover/plugin/engine"
)

type early struct{}

func (early) Error() string { return "early" }
func (early) Late() bool    { return true }

func TestRecentProbes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := serverOf(step{takes: 20 * time.Millisecond}, step{finds: errDown}, step{finds: early{}}, up())
		c := w.Claim(1, "a", "key", spec(s))
		w.Start()
		pass(t.Context(), time.Minute)
		got := c.Recent()
		if len(got) < 3 || got[0] != 20*time.Millisecond || got[1] >= 0 {
			t.Errorf("the probes took %v", got)
		}
		if took := c.Status().Took; took != 0 {
			t.Errorf("the last took %v, in no time at all", took)
		}
		pass(t.Context(), time.Hour)
		if got := c.Recent(); len(got) != Remembered || got[0] < 0 {
			t.Errorf("after an hour they took %v", got)
		}
	})
}

// A prober that can not tell yet says nothing about the target, and is asked again
// soon.
func TestProbesThatAreTooEarlySayNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := serverOf(step{finds: early{}}, step{finds: early{}}, step{finds: errors.Join(early{})}, step{finds: early{}}, up())
		c := w.Claim(1, "a", "key", spec(s))
		w.Start()
		pass(t.Context(), time.Minute)
		w.expect(t, "8s [a] unknown->healthy (<nil>) held 8s")
		if len(c.Recent()) == 0 {
			t.Error("the probes that followed are not remembered")
		}
	})
}
