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

func TestHurry(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := serverOf(up())
		c := w.Claim(1, "a", "key", spec(s))
		c.Hurry() // not started: nothing to hurry
		w.Start()
		pass(t.Context(), time.Second)
		c.Hurry()
		pass(t.Context(), 11*time.Second)
		w.expectStarts(t, s, 0, time.Second, 11*time.Second)
		w.Retain(only(2))
		c.Hurry() // released
		pass(t.Context(), time.Minute)
		w.expectStarts(t, s, 0, time.Second, 11*time.Second)
	})
}

// A probe never overlaps itself, however many are in a hurry.
func TestHurryDuringAProbe(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := serverOf(step{takes: 2 * time.Second}, up())
		c := w.Claim(1, "a", "key", spec(s))
		w.Start()
		for range 20 {
			pass(t.Context(), 50*time.Millisecond)
			c.Hurry()
		}
		pass(t.Context(), 2*time.Second)
		if s.most != 1 || len(w.starts(s)) != 1 {
			t.Errorf("%d probes at once, at %v", s.most, w.starts(s))
		}
	})
}
