package engine_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// guardSpec is out of step with the checks, so that no two things happen at one
// instant by chance.
func guardSpec(p Prober) *Spec[owner] {
	return &Spec[owner]{Prober: p, Settings: &Settings{Schedule: Schedule{
		Interval: 7 * time.Second, FastInterval: 1500 * time.Millisecond, Timeout: 3 * time.Second,
	}}}
}

// falling is the spec of a check that falls and rises after n results.
func falling(p Prober, n int) Spec[owner] {
	s := settings()
	s.Threshold = verdict.Threshold{Fall: n, Rise: n}
	return Spec[owner]{Prober: p, Settings: s}
}

func takes(seconds float64) step { return step{takes: s(seconds)[0]} }

// guard sets the guard and lets it begin.
func (w *world) guard(key string, p Prober) {
	w.Engine.Guard(key, guardSpec(p))
	synctest.Wait()
}

func (w *world) expectGuard(t *testing.T, want GuardState) {
	t.Helper()
	synctest.Wait()
	if got := w.Stats().Guard; got != want {
		t.Errorf("the guard is %v, want %v", got, want)
	}
}

func TestGuardThatPassesConfirmsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.expectGuard(t, NoGuard)
		uplink, target := serverOf(up()), serverOf(up(), down())
		w.guard("g", uplink)
		w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(30 * time.Second)
		w.expectGuard(t, GuardPassing)
		// At 10s a run begins, at 14s it is complete. The next probe was due by then.
		w.expectStarts(t, uplink, s(0, 7, 10, 14, 21, 28)...)
		w.expectStarts(t, target, s(0, 10, 12, 14, 16, 21, 26)...)
		w.expect(t, "0s guard passing (<nil>)",
			"0s [www] unknown->healthy (<nil>) held 0s",
			"14s [www] healthy->unhealthy (connection refused) held 14s")
	})
}

func TestGuardHoldsAVerdictBackWithoutDelayingProbes(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink, target := serverOf(takes(2.5)), serverOf(up(), down())
		w.guard("g", uplink)
		c := w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(16200 * time.Millisecond)
		if c.Verdict() != verdict.Healthy || time.Until(c.Horizon()) > 0 {
			t.Errorf("waiting: %v, horizon in %v", c.Verdict(), time.Until(c.Horizon()))
		}
		virtual.Sleep(4 * time.Second)
		w.expectStarts(t, uplink, s(0, 7, 10, 14)...)
		w.expectStarts(t, target, s(0, 10, 12, 14, 16, 18)...)
		w.expect(t, "0s [www] unknown->healthy (<nil>) held 0s",
			"2.5s guard passing (<nil>)",
			"16.5s [www] healthy->unhealthy (connection refused) held 16.5s")
	})
}

func TestOnlyALaterProbeConfirms(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink, target := serverOf(takes(0.5), takes(0.5), takes(2)), serverOf(up(), step{takes: 5 * time.Second / 2, finds: errDown})
		w.guard("g", uplink)
		w.Claim(1, "www", "a", falling(target, 1))
		w.Start()
		// The failure comes at 12.5s. Let the guard be at it from 11.6s.
		w.Claim(1, "api", "b", falling(serverOf(takes(1.6), step{takes: 1600 * time.Millisecond, finds: errDown}), 10))
		w.Start()
		virtual.Sleep(20 * time.Second)
		w.expectStarts(t, uplink, s(0, 7, 11.6, 13.6)...)
		w.expect(t,
			"0s [www] unknown->healthy (<nil>) held 0s",
			"500ms guard passing (<nil>)",
			"1.6s [api] unknown->healthy (<nil>) held 1.6s",
			"15.6s [www] healthy->unhealthy (connection refused) held 15.6s",
		)
	})
}

func TestGuardBeforeItsFirstResult(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(down())
		w.guard("g", serverOf(takes(2)))
		w.Claim(1, "www", "a", falling(target, 1))
		w.Start()
		w.expectGuard(t, GuardUnknown)
		virtual.Sleep(5 * time.Second) // the probe in flight at 0s may have started before the failure
		w.Claim(1, "api", "b", falling(serverOf(up()), 1))
		w.Start()
		w.expect(t, "2s guard passing (<nil>)",
			"4s [www] unknown->unhealthy (connection refused) held 4s",
			"5s [api] unknown->healthy (<nil>) held 0s")
	})
}

func TestFailingGuardLooksAtItsFastInterval(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		fails := step{finds: errors.New("no route to host")}
		uplink := serverOf(up(), fails, fails, fails, up())
		w.guard("g", uplink)
		c := w.Claim(1, "www", "a", spec(serverOf(up())))
		virtual.Sleep(8 * time.Second)
		w.Start()
		virtual.Sleep(time.Second)
		w.expectGuard(t, GuardFailing)
		if got := c.Status(); got.Verdict != verdict.Unknown || got.Probed.IsZero() {
			t.Errorf("a result was not dropped: %+v", got)
		}
		virtual.Sleep(10 * time.Second)
		w.expectStarts(t, uplink, s(0, 7, 8.5, 10, 11.5, 18.5)...)
		w.expect(t, "0s guard passing (<nil>)", "7s guard failing (no route to host)",
			"11.5s guard passing (<nil>)", "18s [www] unknown->healthy (<nil>) held 18s")
	})
}

// A failure and a success while the guard fails change nothing, and what came
// before counts no more when it is back.
func TestRunsStartAnewWhenTheGuardIsBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink := &switchable{}
		w.guard("g", uplink)
		// Probed at 0, 10, 12 (two failures), 14 (dropped), 24 (dropped), 34, 36, 38.
		falls := serverOf(up(), down())
		c := w.Claim(1, "falls", "a", spec(falls))
		w.Start()
		virtual.Sleep(13 * time.Second)
		uplink.lost.Store(true)
		virtual.Sleep(500 * time.Millisecond)
		w.Engine.Guard("h", guardSpec(uplink)) // looks at once
		w.expectGuard(t, GuardFailing)
		virtual.Sleep(11500 * time.Millisecond) // 25s
		if c.Verdict() != verdict.Healthy {
			t.Error("it fell while the guard failed")
		}
		uplink.lost.Store(false)
		virtual.Sleep(15 * time.Second)
		w.expectStarts(t, falls, s(0, 10, 12, 14, 24, 34, 36, 38, 40)...)
		w.expect(t, "0s guard passing (<nil>)",
			"0s [falls] unknown->healthy (<nil>) held 0s",
			"13.5s guard failing (no route to host)",
			"25.5s guard passing (<nil>)",
			"38s [falls] healthy->unhealthy (connection refused) held 38s")
	})
}

func TestRecoveryIsNotBelievedWhileTheGuardFails(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink := &switchable{}
		// Falls at 0s; probed at 5s (success), 7s (dropped), 12s, 14s.
		target := serverOf(down(), up())
		s1 := settings()
		s1.Threshold = verdict.Threshold{Fall: 1, Rise: 2}
		w.Claim(1, "www", "a", Spec[owner]{Prober: target, Settings: s1})
		w.Start()
		virtual.Sleep(6 * time.Second)
		uplink.lost.Store(true)
		w.guard("g", uplink)
		virtual.Sleep(2500 * time.Millisecond)
		uplink.lost.Store(false)
		virtual.Sleep(10500 * time.Millisecond)
		w.expectStarts(t, target, s(0, 5, 7, 12, 14)...)
		w.expect(t, "0s [www] unknown->unhealthy (connection refused) held 0s",
			"6s guard failing (no route to host)",
			"9s guard passing (<nil>)",
			"14s [www] unhealthy->healthy (<nil>) held 14s")
	})
}

// The check is probed from 10s to 12.5s.
func TestProbesThatOverlapAFailingGuardAreDropped(t *testing.T) {
	tests := []struct {
		name       string
		lost, back float64
		dropped    bool
	}{
		{"ends in it", 11, 15, true},
		{"starts in it", 8, 11, true},
		{"spans it", 10.5, 11.5, true},
		{"before it", 13, 15, false},
		{"after it", 8, 9.4, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				uplink := &switchable{}
				quick := guardSpec(uplink)
				quick.Settings.Schedule.Interval = 125 * time.Millisecond
				quick.Settings.Schedule.FastInterval = 125 * time.Millisecond
				w.Engine.Guard("g", quick)
				target := serverOf(up(), step{takes: 2500 * time.Millisecond, finds: errDown}, step{hanging: true})
				w.Claim(1, "www", "a", falling(target, 1))
				w.Start()
				time.AfterFunc(s(tt.lost)[0], func() { uplink.lost.Store(true) })
				time.AfterFunc(s(tt.back)[0], func() { uplink.lost.Store(false) })
				virtual.Sleep(13 * time.Second)
				synctest.Wait()
				lines := w.reported()
				if fell := strings.Contains(fmt.Sprint(lines), "->unhealthy"); fell == tt.dropped {
					t.Errorf("reported %q", lines)
				}
			})
		})
	}
}

// switchable is a server or an uplink that can be lost: its probes then hang
// until the deadline where slow, and fail at once where not.
type switchable struct {
	lost atomic.Bool
	slow bool
	via  *switchable // the uplink it is reached by
}

func (n *switchable) Probe(ctx context.Context) (time.Duration, error) {
	if !n.lost.Load() && (n.via == nil || !n.via.lost.Load()) {
		return time.Millisecond, nil
	}
	if n.slow {
		<-ctx.Done()
	}
	return 0, errors.New("no route to host")
}

func TestLossOfTheUplinkFlipsNothing(t *testing.T) {
	for _, slow := range []bool{false, true} {
		for _, fall := range []int{1, 3} {
			t.Run(fmt.Sprintf("slow %v, fall %d", slow, fall), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) { loss(t, w, slow, fall) })
			})
		}
	}
}

func loss(t *testing.T, w *world, slow bool, fall int) {
	uplink := &switchable{slow: slow}
	w.guard("g", uplink)
	var targets [1000]*switchable
	for i := range targets {
		targets[i] = &switchable{slow: slow, via: uplink}
		check := falling(targets[i], fall)
		check.Settings.Schedule.Jitter = 10
		w.Claim(1, fmt.Sprint(i), fmt.Sprint(i), check)
	}
	w.Start()
	for outage, lasts := range s(1, 8, 31) {
		virtual.Sleep(20*time.Second + lasts/3)
		synctest.Wait()
		if n := w.Stats().Unknown; n != 0 {
			t.Errorf("%d checks have no verdict", n)
		}
		w.reported()
		uplink.lost.Store(true)
		virtual.Sleep(lasts)
		targets[outage].lost.Store(true) // dies meanwhile
		virtual.Sleep(lasts)
		uplink.lost.Store(false)
		synctest.Wait()
		for _, line := range w.reported() {
			if strings.Contains(line, "->") {
				t.Fatalf("outage %d flipped %q", outage, line)
			}
		}
		virtual.Sleep(25 * time.Second)
		synctest.Wait()
		if got := fmt.Sprint(w.reported()); strings.Count(got, "->") != 1 ||
			!strings.Contains(got, fmt.Sprintf("[%d] healthy->unhealthy", outage)) {
			t.Errorf("after outage %d: %s", outage, got)
		}
	}
}

// A failure of no account, found while the uplink still worked, must not be the
// first of a run that the loss completes.
func TestConfirmationIsNotOlderThanTheLastFailure(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink := &switchable{slow: true}
		w.guard("g", uplink)
		target := serverOf(up(), down())
		c := w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(10500 * time.Millisecond) // the run began at 10s, and the guard passed then
		uplink.lost.Store(true)
		virtual.Sleep(10 * time.Second)
		if c.Verdict() != verdict.Healthy {
			t.Error("it fell for a confirmation from before the loss")
		}
		w.expectGuard(t, GuardFailing)
		w.reported()
	})
}

func TestBrokenGuardCountsForNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		cannot := step{takes: time.Second, finds: broken{errors.New("not permitted")}}
		uplink := serverOf(up(), up(), up(), cannot, cannot, up())
		first, second := serverOf(up(), down()), serverOf(up(), up(), down())
		w.guard("g", uplink)
		w.Claim(1, "first", "a", spec(first))
		w.Start()
		synctest.Wait()
		w.Claim(1, "second", "b", falling(second, 1))
		w.Start()
		virtual.Sleep(21 * time.Second)
		w.expectGuard(t, GuardBroken)
		// What waits since 14s falls when the guard turns out to be broken; what
		// fails later falls at once.
		w.expect(t, "0s guard passing (<nil>)",
			"0s [first] unknown->healthy (<nil>) held 0s",
			"0s [second] unknown->healthy (<nil>) held 0s",
			"15s guard broken (not permitted)",
			"15s [first] healthy->unhealthy (connection refused) held 15s",
			"20s [second] healthy->unhealthy (connection refused) held 20s")
		virtual.Sleep(10 * time.Second)
		w.expect(t, "28s guard passing (<nil>)")
		w.expectStarts(t, uplink, s(0, 7, 10, 14, 21, 28)...)
	})
}

func TestGuardGoesFromFailingToBroken(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink := serverOf(step{finds: errDown}, step{finds: broken{errDown}})
		w.guard("g", uplink)
		virtual.Sleep(time.Second)
		w.Claim(1, "www", "a", falling(serverOf(down()), 1))
		w.Start()
		virtual.Sleep(15 * time.Second) // the result at 1s is dropped, the one at 11s counts
		w.expect(t, "0s guard failing (connection refused)",
			"1.5s guard broken (connection refused)",
			"11s [www] unknown->unhealthy (connection refused) held 10s")
	})
}

func TestPanickingGuardIsBroken(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guard("g", serverOf(step{panics: true}))
		w.expect(t, "0s guard broken (the probe panicked: a bug)")
	})
}

func TestLateGuardSaysNothingAndLooksAgainSoon(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		late := step{held: true, takes: 5 * time.Second}
		uplink := serverOf(up(), up(), up(), late, late, up())
		target := serverOf(up(), down())
		w.guard("g", uplink)
		w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(25 * time.Second)
		w.expectStarts(t, uplink, s(0, 7, 10, 14, 19, 24)...)
		w.expect(t, "0s guard passing (<nil>)",
			"0s [www] unknown->healthy (<nil>) held 0s",
			"24s [www] healthy->unhealthy (connection refused) held 24s")
	})
}

func TestLateGuardThatNobodyWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		// Held up by a suspension of 5s, so that it is due again at once.
		uplink := serverOf(step{held: true, takes: 5 * time.Second, finds: errDown}, up())
		w.guard("g", uplink)
		virtual.Sleep(13 * time.Second)
		w.expectStarts(t, uplink, s(0, 5, 12)...)
		w.expect(t, "5s guard passing (<nil>)")
	})
}

func TestSuccessEndsTheWait(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink := serverOf(takes(0), takes(0), takes(2.5))
		// Waits from 10s, is well at 12s, and waits again from 22s.
		target := serverOf(up(), down(), up(), down(), up())
		w.guard("g", uplink)
		w.Claim(1, "www", "a", falling(target, 1))
		w.Start()
		virtual.Sleep(40 * time.Second)
		w.expectStarts(t, uplink, s(0, 7, 10, 17, 22, 29, 36)...)
		w.expectStarts(t, target, s(0, 10, 12, 22, 24, 34)...)
		w.expect(t, "0s guard passing (<nil>)", "0s [www] unknown->healthy (<nil>) held 0s")
	})
}

// The entry of a wait that has ended must not confirm the next one, for which
// the guard's probe comes too early.
func TestAWaitThatEndedConfirmsNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		flapping := falling(serverOf(up(), down(), up(), down()), 1)
		flapping.Settings.Schedule = Schedule{Interval: time.Second, FastInterval: time.Second / 2, DownInterval: 9 * time.Second, Timeout: time.Second}
		w.guard("g", serverOf(takes(2.75)))
		w.Claim(1, "www", "a", flapping)
		w.Start()
		virtual.Sleep(9 * time.Second)
		// Failures at 1s and 2.5s, the first too early for the guard's probe at
		// 2.75s. That one ends at 5.5s.
		w.expect(t, "0s [www] unknown->healthy (<nil>) held 0s",
			"2.75s guard passing (<nil>)",
			"5.5s [www] healthy->unhealthy (connection refused) held 5.5s")
	})
}

func TestGuardThatStaysTheSameGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink, other := serverOf(up()), serverOf(down())
		w.guard("g", uplink)
		virtual.Sleep(10 * time.Second)
		w.guard("g", other)
		virtual.Sleep(10 * time.Second)
		w.expectStarts(t, uplink, s(0, 7, 14)...)
		w.expectStarts(t, other)
		w.expect(t, "0s guard passing (<nil>)")
	})
}

func TestReplacedGuardHandsOverWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		old, renewed := serverOf(up(), step{hanging: true}), serverOf(takes(1))
		w.guard("g", old)
		w.Claim(1, "www", "a", falling(serverOf(up(), down()), 1))
		w.Start()
		virtual.Sleep(8 * time.Second)
		w.guard("h", renewed) // a probe of the old one is in flight
		virtual.Sleep(2500 * time.Millisecond)
		w.guard("i", renewed) // a check waits for the one before
		virtual.Sleep(time.Second)
		w.expectStarts(t, old, s(0, 7)...)
		w.expectStarts(t, renewed, s(8, 10, 10.5)...)
		w.expect(t, "0s guard passing (<nil>)",
			"0s [www] unknown->healthy (<nil>) held 0s",
			"11.5s [www] healthy->unhealthy (connection refused) held 11.5s")
	})
}

func TestReplacedGuardGoesOnFailing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guard("g", serverOf(down()))
		c := w.Claim(1, "www", "a", falling(serverOf(down()), 1))
		w.Start()
		virtual.Sleep(time.Second)
		w.reported()
		w.guard("h", serverOf(takes(2)))
		w.expectGuard(t, GuardFailing)
		virtual.Sleep(time.Second)
		if c.Verdict() != verdict.Unknown {
			t.Error("it fell while the guard failed")
		}
		virtual.Sleep(2 * time.Second)
		w.expect(t, "3s guard passing (<nil>)")
	})
}

func TestReplacedBrokenGuardStartsAnew(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guard("g", serverOf(step{panics: true}))
		virtual.Sleep(time.Second)
		w.guard("h", serverOf(takes(1)))
		w.expectGuard(t, GuardUnknown)
		w.reported()
	})
}

func TestRemovedGuardLetsGo(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		uplink := serverOf(up(), step{hanging: true})
		w.guard("g", uplink)
		virtual.Sleep(500 * time.Millisecond)
		w.Claim(1, "www", "a", falling(serverOf(up(), down()), 1))
		w.Start()
		virtual.Sleep(11 * time.Second)
		w.expect(t, "0s guard passing (<nil>)", "500ms [www] unknown->healthy (<nil>) held 0s",
			"10s guard failing (context deadline exceeded)")
		virtual.Sleep(11 * time.Second) // dropped at 10.5s and 20.5s
		w.Engine.Guard("g", nil)
		w.Engine.Guard("g", nil)
		w.expectGuard(t, NoGuard)
		virtual.Sleep(9 * time.Second)
		w.expect(t, "30.5s [www] healthy->unhealthy (connection refused) held 30s")
		w.guard("g", uplink) // the same again, but not the same guard
		w.expectGuard(t, GuardUnknown)
	})
}

func TestRemovedGuardConfirmsWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guard("g", serverOf(up(), takes(0), step{hanging: true}))
		w.Claim(1, "www", "a", falling(serverOf(up(), down()), 1))
		w.Start()
		virtual.Sleep(11 * time.Second)
		w.Engine.Guard("", nil)
		w.expect(t, "0s guard passing (<nil>)", "0s [www] unknown->healthy (<nil>) held 0s",
			"11s [www] healthy->unhealthy (connection refused) held 11s")
		virtual.Sleep(time.Minute)
		w.expect(t)
	})
}

func TestReleasedWhileItWaits(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.guard("g", serverOf(takes(2)))
		w.Claim(1, "www", "a", falling(serverOf(up(), down()), 1))
		w.Start()
		virtual.Sleep(11 * time.Second)
		w.Release(1, "www", "a")
		virtual.Sleep(time.Minute)
		w.expect(t, "0s [www] unknown->healthy (<nil>) held 0s", "2s guard passing (<nil>)")
		if n := w.Stats().Checks; n != 0 {
			t.Errorf("%d checks are left", n)
		}
	})
}

func TestManyChecksMayWait(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const n = 10000
		uplink := &switchable{}
		w.guard("g", serverOf(takes(1)))
		shared := falling(&switchable{via: uplink}, 3).Settings
		for i := range n {
			w.Claim(1, "www", fmt.Sprint(i), Spec[owner]{Prober: &switchable{via: uplink}, Settings: shared})
		}
		w.Start()
		virtual.Sleep(29 * time.Second)
		w.reported()
		uplink.lost.Store(true) // for all of them, but not for the guard
		before := runtime.NumGoroutine()
		virtual.Sleep(18 * time.Second)
		synctest.Wait()
		if more := runtime.NumGoroutine() - before; more > 10 {
			t.Errorf("%d goroutines for checks that wait", more)
		}
		if fell := len(w.reported()); fell != n {
			t.Errorf("%d of %d checks fell", fell, n)
		}
	})
}

// However many runs begin, and checks wait, the guard's endpoint is not flooded.
func TestGuardIsNotHurriedTooMuch(t *testing.T) {
	tests := []struct {
		fall int
		most int // probes in 10s
	}{{10, 8}, {1, 201}}
	for _, tt := range tests {
		bubble(t, func(t *testing.T, w *world) {
			uplink := serverOf(up())
			w.guard("g", uplink)
			for i := range 10000 {
				w.Claim(1, "www", fmt.Sprint(i), falling(serverOf(down()), tt.fall))
			}
			w.Start()
			virtual.Sleep(10 * time.Second)
			synctest.Wait()
			at := w.starts(uplink)
			if n := len(at); n > tt.most || n < tt.most-2 {
				t.Errorf("fall %d: %d probes of the guard, want %d", tt.fall, n, tt.most)
			}
			w.reported()
		})
	}
}

func TestGuardIsNotSubjectToTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.Claim(1, "www", "a", spec(serverOf(step{hanging: true})))
		w.Start()
		virtual.Sleep(time.Second)
		w.guard("g", serverOf(up()))
		w.expect(t, "1s guard passing (<nil>)")
		w.end()
	})
}

func TestGuardIsObserved(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var seen []string
		g := guardSpec(serverOf(up(), takes(1), step{hanging: true}))
		g.Settings.Observe = func(p Probed) { seen = append(seen, fmt.Sprint(p.Outcome, " ", p.Took)) }
		w.Engine.Guard("g", g)
		virtual.Sleep(18 * time.Second)
		synctest.Wait()
		if fmt.Sprint(seen) != "[success 0s success 1s failure 3s]" {
			t.Errorf("observed %v", seen)
		}
		w.reported()
	})
}

// slowReporter lets others run while it reports, so that they could overtake it.
type slowReporter struct{ *world }

func (s slowReporter) Transition(owners []owner, t Transition) {
	for range 100 {
		runtime.Gosched()
	}
	s.world.Transition(owners, t)
}

// While the guard's goroutine reports that a check fell, the check's own probe
// may find it well again.
func TestReportsOfACheckComeInOrder(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(10)
			w.Engine = New[string](10, Reporter[owner](slowReporter{w}))
			w.guard("g", serverOf(takes(2)))
			// It waits from 10s; the guard's probe and its own both end at 12s.
			c := w.Claim(1, "www", "a", falling(serverOf(up(), down(), up()), 1))
			w.Start()
			virtual.Sleep(15 * time.Second)
			synctest.Wait()
			lines := slices.DeleteFunc(w.reported(), func(l string) bool { return strings.Contains(l, "guard") })
			for i, line := range lines {
				from := [...]string{"unknown", "healthy", "unhealthy"}[min(i, 1+(i+1)%2)]
				if !strings.Contains(line, "] "+from+"->") {
					t.Errorf("out of order: %q", lines)
				}
			}
			if c.Verdict() != verdict.Healthy {
				t.Errorf("verdict %v", c.Verdict())
			}
			w.end()
		})
	}
}

func TestConcurrentUseWithAGuard(t *testing.T) {
	bubble(t, func(_ *testing.T, w *world) {
		uplink := &switchable{slow: true}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 200 {
				virtual.Sleep(137 * time.Millisecond)
				uplink.lost.Store(i%7 > 4)
				switch i % 5 {
				case 0:
					w.Engine.Guard("", nil)
				case 1, 3:
					w.guard(fmt.Sprint(i), uplink)
				}
			}
		}()
		for i := range 500 {
			w.Claim(1, "www", fmt.Sprint(i), falling(&switchable{via: uplink, slow: i%2 == 0}, 1+i%3))
			w.Start()
			virtual.Sleep(50 * time.Millisecond)
			_ = w.Stats()
			if i%3 == 0 {
				w.Release(1, "www", fmt.Sprint(i/2))
			}
		}
		<-done
	})
}

func TestNamesOfGuardStates(t *testing.T) {
	for s, want := range map[GuardState]string{
		NoGuard: "none", GuardUnknown: "unknown", GuardPassing: "passing", GuardFailing: "failing", GuardBroken: "broken",
	} {
		if s.String() != want {
			t.Errorf("%d is %q, want %q", s, s, want)
		}
	}
}
