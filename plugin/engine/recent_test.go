package engine_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/verdict"
)

type early struct{}

func (early) Error() string { return "early" }
func (early) Early() bool   { return true }

func TestRecentProbes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := serverOf(step{takes: 20 * time.Millisecond}, step{finds: errDown}, step{finds: early{}}, up())
		c := w.Claim(1, "a", "key", spec(s))
		w.Start()
		pass(t.Context(), time.Minute)
		got := c.Recent()
		if len(got) < 3 || (got[0]-20*time.Millisecond).Abs() > 100*time.Microsecond || got[1] >= 0 {
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

// A probe never overlaps itself, however many are in a hurry; but one follows at
// once, since the one under way may have looked already.
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
		synctest.Wait()
		starts := w.starts(s)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.most != 1 || len(starts) != 2 {
			t.Errorf("%d probes at once, at %v", s.most, starts)
		}
	})
}

// Of several claims on a new check, the first that knows something says where it
// starts; a check that has begun knows better.
func TestStartOfASharedCheck(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		known := spec(serverOf(down()))
		asOf := time.Now().Add(-time.Minute)
		known.Start = Start{verdict.Unhealthy, asOf.Add(-time.Hour), asOf}
		w.Claim(1, "nothing", "key", spec(serverOf(step{finds: early{}}, up())))
		c := w.Claim(1, "something", "key", known)
		w.Claim(1, "else", "key", Spec[owner]{Start: Start{Verdict: verdict.Healthy}})
		if s := c.Status(); s.Verdict != verdict.Unhealthy || !s.Since.Equal(asOf.Add(-time.Hour)) || !s.AsOf.Equal(asOf) {
			t.Errorf("it starts as %+v", s)
		}
		w.Start()
		pass(t.Context(), time.Second)
		if s := c.Status(); !s.AsOf.Equal(asOf) {
			t.Errorf("a probe that says nothing confirms the verdict: %+v", s)
		}
		pass(t.Context(), time.Minute)
		if s := c.Status(); s.Verdict != verdict.Healthy || !s.AsOf.After(asOf.Add(time.Minute)) {
			t.Errorf("it has become %+v", s)
		}
		w.Claim(2, "late", "key", known)
		if c.Verdict() != verdict.Healthy {
			t.Error("a claim changes a check that has begun")
		}
	})
}
