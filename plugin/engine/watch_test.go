package engine_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// watched is a server that is watched.
type watched struct {
	*server
	mu    sync.Mutex
	rouse func()
	ended int // how often Unwatch was called
}

func watchedOf(s ...step) *watched { return &watched{server: serverOf(s...)} }

func (w *watched) Watch(rouse func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse = rouse
}

func (w *watched) Unwatch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rouse, w.ended = nil, w.ended+1
}

func (w *watched) Watching() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rouse != nil
}

// tells lets the watch notice something.
func (w *watched) tells() {
	w.mu.Lock()
	rouse := w.rouse
	w.mu.Unlock()
	rouse()
}

func watchedSpec(w *watched) Spec[owner] { return Spec[owner]{Prober: w, Settings: settings()} }

// The distances of probes of a check that was roused, in seconds.
const (
	step8 = 0.008
	look  = 0.025
)

// A check that is roused is probed at once, and in short steps until its verdict
// has changed.
func TestRousedUntilUnhealthy(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := watchedOf(up(), down())
		w.Claim(1, "www", "a", watchedSpec(target))
		w.Start()
		virtual.Sleep(3 * time.Second)
		target.tells()
		virtual.Sleep(6 * time.Second)
		w.expectStarts(t, target.server, s(0, 3, 3+step8, 3+2*step8, 8+2*step8)...)
		w.expect(t,
			"0s [www] unknown->healthy (<nil>) held 0s",
			"3.016s [www] healthy->unhealthy (connection refused) held 3.016s",
		)
	})
}

// One that is well is looked at once more, and goes on as before.
func TestRousedForNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := watchedOf(up())
		w.Claim(1, "www", "a", watchedSpec(target))
		w.Start()
		virtual.Sleep(3 * time.Second)
		target.tells()
		virtual.Sleep(21 * time.Second)
		w.expectStarts(t, target.server, s(0, 3, 3+look, 13+look, 23+look)...)
	})
}

// A process that dies may take a connection between closing another and closing its
// listener.
func TestRousedBeforeTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := watchedOf(up(), up(), down())
		w.Claim(1, "www", "a", watchedSpec(target))
		w.Start()
		virtual.Sleep(3 * time.Second)
		target.tells()
		virtual.Sleep(time.Second)
		w.expectStarts(t, target.server, s(0, 3, 3+look, 3+look+step8, 3+look+2*step8)...)
	})
}

// A run that a success ends is over; a failure later on is one like any other.
func TestRousedUntilWell(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := watchedOf(up(), down(), up(), down(), up())
		w.Claim(1, "www", "a", watchedSpec(target))
		w.Start()
		virtual.Sleep(3 * time.Second)
		target.tells()
		virtual.Sleep(14 * time.Second)
		w.expectStarts(t, target.server, s(0, 3, 3+step8, 3+look+step8, 3+look+2*step8, 3+2*look+2*step8, 13+2*look+2*step8)...)
	})
}

// A probe that had begun before may have looked before there was anything to see.
func TestRousedWhileProbing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := watchedOf(up(), step{takes: time.Second}, down())
		c := w.Claim(1, "www", "a", watchedSpec(target))
		w.Start()
		virtual.Sleep(10500 * time.Millisecond)
		target.tells()
		virtual.Sleep(time.Second)
		synctest.Wait()
		w.expectStarts(t, target.server, s(0, 10, 11, 11+step8, 11+2*step8)...)
		if c.Verdict() != verdict.Unhealthy {
			t.Errorf("the verdict is %v", c.Verdict())
		}
	})
}

// It works in both directions.
func TestRousedUntilHealthy(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := watchedOf(down(), down(), down(), up())
		w.Claim(1, "www", "a", watchedSpec(target))
		w.Start()
		virtual.Sleep(5 * time.Second)
		target.tells()
		virtual.Sleep(time.Second)
		w.expectStarts(t, target.server, s(0, 2, 4, 5, 5+step8)...)
		w.expect(t,
			"4s [www] unknown->unhealthy (connection refused) held 4s",
			"5.008s [www] unhealthy->healthy (<nil>) held 1.008s",
		)
	})
}

// The guard has the last word all the same. While the check waits for it, there is
// no hurry.
func TestRousedWaitsForTheGuard(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		guard := serverOf(up(), step{takes: time.Second})
		w.Engine.Guard("guard", &Spec[owner]{Prober: guard, Settings: settings()})
		synctest.Wait() // it reports first
		target := watchedOf(up(), down())
		w.Claim(1, "www", "a", watchedSpec(target))
		w.Start()
		virtual.Sleep(3 * time.Second)
		target.tells()
		virtual.Sleep(1900 * time.Millisecond)
		w.expectStarts(t, target.server, s(0, 3, 3+step8, 3+2*step8)...)
		virtual.Sleep(time.Second)
		w.expect(t,
			"0s guard passing (<nil>)",
			"0s [www] unknown->healthy (<nil>) held 0s",
			"5s [www] healthy->unhealthy (connection refused) held 5s",
		)
	})
}

// What is released is watched no longer, whether it had started or not.
func TestReleasedIsNotWatched(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		started, fresh := watchedOf(up()), watchedOf(up())
		c := w.Claim(1, "www", "a", watchedSpec(started))
		w.Start()
		w.Claim(1, "www", "b", watchedSpec(fresh))
		virtual.Sleep(time.Second)
		late := started.rouse
		if is, now := c.Watching(); !is || !now {
			t.Error("a check that has started is not watched")
		}
		w.Release(1, "www", "a")
		w.Release(1, "www", "b")
		late() // it was under way
		virtual.Sleep(time.Minute)
		w.expectStarts(t, started.server, 0)
		if started.ended != 1 || fresh.ended != 1 || fresh.rouse != nil {
			t.Errorf("Unwatch was called %d and %d times", started.ended, fresh.ended)
		}
	})
}
