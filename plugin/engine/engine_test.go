package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/leak"
	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/verdict"
)

func TestMain(m *testing.M) { os.Exit(leak.Main(m)) }

var errDown = errors.New("connection refused")

// broken is the error of a probe that cannot run here.
type broken struct{ error }

func (broken) Broken() bool { return true }

// server is a target whose probes follow a script: the n-th probe takes and
// finds what the n-th step says; the last step repeats.
type server struct {
	mu     sync.Mutex
	script []step
	starts []time.Time
	active int
	most   int // probes at once
}

type step struct {
	takes   time.Duration
	finds   error
	connect time.Duration
	held    bool // the process is held up: the deadline is not kept
	panics  bool
	hanging bool // until the deadline or cancellation
}

func up() step                   { return step{} }
func down() step                 { return step{finds: errDown} }
func serverOf(s ...step) *server { return &server{script: s} }

func (s *server) Probe(ctx context.Context) (time.Duration, error) {
	s.mu.Lock()
	now := s.script[min(len(s.starts), len(s.script)-1)]
	s.starts = append(s.starts, time.Now())
	s.active++
	s.most = max(s.most, s.active)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	switch {
	case now.panics:
		panic("a bug")
	case now.held:
		virtual.Sleep(now.takes)
		return now.connect, now.finds
	case now.hanging:
		<-ctx.Done()
		return now.connect, ctx.Err()
	}
	pass(ctx, now.takes)
	if ctx.Err() != nil {
		return now.connect, ctx.Err()
	}
	return now.connect, now.finds
}

// pass waits for a while, or until ctx ends. It does without a channel timer:
// thousands of them in bubbles crash Go 1.26's race detector.
func pass(ctx context.Context, takes time.Duration) {
	if takes > 0 {
		ctx, cancel := context.WithTimeout(ctx, takes)
		defer cancel()
		<-ctx.Done()
	}
}

// world is an engine with a log of what it reported, each line with the time
// since the world began.
type world struct {
	*Engine[string, owner]
	began time.Time
	mu    sync.Mutex
	lines []string
}

// owner is a record of a configuration, with the key of what it checks.
type owner struct {
	configuration int
	record, key   string
}

func (o owner) Key() string    { return o.key }
func (o owner) String() string { return o.record }

func newWorld(limit int) *world {
	w := &world{began: time.Now()}
	w.Engine = New[string](limit, Reporter[owner](w))
	return w
}

func (w *world) Claim(configuration int, record, key string, s Spec[owner]) *Check[owner] {
	return w.Engine.Claim(owner{configuration, record, key}, s)
}

func (w *world) Release(configuration int, record, key string) {
	w.Engine.Release(owner{configuration, record, key})
}

func (w *world) log(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf("%v ", time.Since(w.began))+fmt.Sprintf(format, args...))
}

func (w *world) Transition(owners []owner, t Transition) {
	w.log("%v %v->%v (%v) held %v", owners, t.From, t.To, t.Reason, t.Held)
}

func (w *world) Broken(owners []owner, err error) { w.log("%v broken (%v)", owners, err) }

func (w *world) Guard(s GuardState, err error) { w.log("guard %v (%v)", s, err) }

// reported returns what was reported since the last call.
func (w *world) reported() []string {
	synctest.Wait()
	return w.take()
}

func (w *world) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

// expect compares what was reported since the last call.
func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := w.reported(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("reported\n%q\nwant\n%q", got, want)
	}
}

// starts returns when a server was probed, since the world began.
func (w *world) starts(s *server) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var at []time.Duration
	for _, t := range s.starts {
		at = append(at, t.Sub(w.began))
	}
	return at
}

func (w *world) expectStarts(t *testing.T, s *server, want ...time.Duration) {
	t.Helper()
	synctest.Wait()
	if got := w.starts(s); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("probed at %v, want %v", got, want)
	}
}

// end releases everything, as a test must before its bubble ends.
func (w *world) end() {
	w.Retain(func(owner) bool { return false })
	w.Engine.Guard("", nil)
	w.Wait()
}

func only(configuration int) func(owner) bool {
	return func(o owner) bool { return o.configuration == configuration }
}

// settings without jitter, so that instants are exact.
func settings() *Settings {
	return &Settings{
		Schedule: Schedule{
			Interval: 10 * time.Second, FastInterval: 2 * time.Second,
			DownInterval: 5 * time.Second, Timeout: 4 * time.Second,
		},
		Threshold: verdict.Threshold{Fall: 3, Rise: 2},
	}
}

func spec(s *server) Spec[owner] { return Spec[owner]{Prober: s, Settings: settings()} }

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1000)
		test(t, w)
		w.end()
	})
}

func s(seconds ...float64) []time.Duration {
	var ds []time.Duration
	for _, x := range seconds {
		ds = append(ds, time.Duration(x*float64(time.Second)))
	}
	return ds
}

func TestLifeOfACheck(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(up(), up(), down(), down(), down(), down(), up(), down(), up(), up(), up())
		c := w.Claim(1, "www", "a", spec(target))
		if c.Verdict() != verdict.Unknown || !c.Status().Probed.IsZero() {
			t.Errorf("before its first probe: %+v", c.Status())
		}
		w.Start()
		virtual.Sleep(70 * time.Second)
		// Steady at 10s, three failures at 2s, down at 5s, and back at 2s.
		w.expectStarts(t, target, s(0, 10, 20, 22, 24, 29, 34, 36, 41, 43, 53, 63)...)
		w.expect(t,
			"0s [www] unknown->healthy (<nil>) held 0s",
			"24s [www] healthy->unhealthy (connection refused) held 24s",
			"43s [www] unhealthy->healthy (<nil>) held 19s",
		)
		if got := c.Status(); got.Verdict != verdict.Healthy || got.Since.Sub(w.began) != 43*time.Second || got.Err != nil {
			t.Errorf("status %+v", got)
		}
	})
}

func TestFirstFailuresCountAtFastInterval(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(down())
		w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(10 * time.Second)
		w.expectStarts(t, target, s(0, 2, 4, 9)...)
		w.expect(t, "4s [www] unknown->unhealthy (connection refused) held 4s")
	})
}

func TestSlowProbesCountFromTheirStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(step{takes: 3 * time.Second, finds: errDown})
		w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(13 * time.Second)
		// Due 2s after the start, but the probe takes 3s: the next one starts
		// when it ends. Then the down interval of 5s is counted from the start.
		w.expectStarts(t, target, s(0, 3, 6, 11)...)
		w.expect(t, "9s [www] unknown->unhealthy (connection refused) held 9s")
		if target.most != 1 {
			t.Errorf("%d probes at once", target.most)
		}
	})
}

func TestTimeoutIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(step{hanging: true})
		w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(12500 * time.Millisecond)
		w.expectStarts(t, target, s(0, 4, 8)...)
		w.expect(t, "12s [www] unknown->unhealthy (context deadline exceeded) held 12s")
	})
}

func TestFirstProbesAreSpread(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var targets [1000]*server
		for i := range targets {
			targets[i] = serverOf(up())
			w.Claim(1, "www", fmt.Sprint(i), spec(targets[i]))
		}
		virtual.Sleep(time.Second) // nothing is probed before Start
		w.Start()
		virtual.Sleep(time.Second)
		for i, target := range targets {
			w.expectStarts(t, target, time.Second+time.Duration(i/50)*50*time.Millisecond)
		}
	})
}

func TestJitterStaysInBounds(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(up())
		jittery := settings()
		jittery.Schedule.Jitter = 10
		w.Claim(1, "www", "a", Spec[owner]{Prober: target, Settings: jittery})
		w.Start()
		virtual.Sleep(1000 * time.Second)
		synctest.Wait()
		at := w.starts(target)
		shortest, longest := at[1]-at[0], at[1]-at[0]
		for i := 1; i < len(at); i++ {
			shortest, longest = min(shortest, at[i]-at[i-1]), max(longest, at[i]-at[i-1])
		}
		if shortest < 9*time.Second || longest > 11*time.Second || longest-shortest < time.Second {
			t.Errorf("intervals of %v to %v, want them spread over 9s to 11s", shortest, longest)
		}
	})
}

func TestEqualChecksAreProbedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(up())
		a := w.Claim(1, "www", "a", spec(target))
		b := w.Claim(1, "api", "a", spec(serverOf(down())))
		w.Start()
		virtual.Sleep(5 * time.Second)
		if a != b || w.Stats().Checks != 1 {
			t.Errorf("two claims of one key are %d checks", w.Stats().Checks)
		}
		w.expectStarts(t, target, 0)
		w.expect(t, "0s [www api] unknown->healthy (<nil>) held 0s")
	})
}

// A pool keyed by address alone let two checks of one address spoil each
// other: one's failures counted against the other.
func TestDifferentChecksOfOneTargetDoNotMix(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		good := w.Claim(1, "www", "tcp 192.0.2.1", spec(serverOf(up())))
		bad := w.Claim(1, "www", "http 192.0.2.1", spec(serverOf(down())))
		w.Start()
		virtual.Sleep(time.Minute)
		if good.Verdict() != verdict.Healthy || bad.Verdict() != verdict.Unhealthy {
			t.Errorf("verdicts %v and %v", good.Verdict(), bad.Verdict())
		}
	})
}

func TestReloadKeepsCountersVerdictAndSchedule(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(up(), down())
		old := w.Claim(1, "old", "a", spec(target))
		w.Start()
		virtual.Sleep(13 * time.Second) // two failures, at 10s and 12s
		w.expect(t, "0s [old] unknown->healthy (<nil>) held 0s")
		renewed := w.Claim(2, "new", "a", spec(target))
		w.Start()
		w.Retain(only(2))
		if renewed != old || renewed.Verdict() != verdict.Healthy {
			t.Error("the reload made another check")
		}
		virtual.Sleep(2 * time.Second)
		w.expectStarts(t, target, s(0, 10, 12, 14)...)
		w.expect(t, "14s [new] healthy->unhealthy (connection refused) held 14s")
	})
}

func TestFailedReloadLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		kept, added := serverOf(up()), serverOf(step{hanging: true})
		w.Claim(1, "old", "a", spec(kept))
		w.Start()
		virtual.Sleep(time.Second)
		w.Claim(2, "new", "a", spec(kept))
		w.Claim(2, "new", "b", spec(added))
		w.Start()
		virtual.Sleep(time.Second)
		w.Retain(only(1))
		w.expect(t, "0s [old] unknown->healthy (<nil>) held 0s")
		virtual.Sleep(time.Minute)
		if n := w.Stats().Checks; n != 1 {
			t.Errorf("%d checks are left, want 1", n)
		}
		w.expectStarts(t, added, s(1)...)
		w.expect(t)
	})
}

func TestReleasedCheckStopsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		idle, busy := serverOf(up()), serverOf(step{hanging: true})
		w.Claim(1, "www", "idle", spec(idle))
		w.Claim(1, "www", "busy", spec(busy))
		w.Start()
		virtual.Sleep(time.Second)
		w.end()
		if gone := time.Since(w.began); gone != time.Second {
			t.Errorf("the probe in flight ended after %v, want at once", gone-time.Second)
		}
		virtual.Sleep(time.Minute)
		w.expectStarts(t, idle, 0)
		w.expectStarts(t, busy, 0)
		w.expect(t, "0s [www] unknown->healthy (<nil>) held 0s")
	})
}

func TestReleasedBeforeItStarted(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		never, late := serverOf(up()), serverOf(up())
		w.Claim(1, "www", "never", spec(never))
		w.Retain(only(2))
		w.Claim(2, "www", "first", spec(serverOf(up())))
		w.Claim(3, "www", "late", spec(late))
		w.Start()
		w.Retain(only(2))
		virtual.Sleep(time.Minute)
		w.expectStarts(t, never)
		w.expectStarts(t, late)
	})
}

func TestEditedCheckStartsWithTheOldVerdict(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		old := w.Claim(1, "old", "a", spec(serverOf(down())))
		w.Start()
		virtual.Sleep(5 * time.Second)
		w.expect(t, "4s [old] unknown->unhealthy (connection refused) held 4s")
		target := serverOf(up())
		before := old.Status()
		edited := w.Claim(2, "new", "b",
			Spec[owner]{Prober: target, Settings: settings(), Start: Start{before.Verdict, before.Since, before.AsOf}})
		if edited.Verdict() != verdict.Unhealthy {
			t.Errorf("starts as %v", edited.Verdict())
		}
		w.Start()
		w.Retain(only(2))
		virtual.Sleep(5 * time.Second)
		w.expectStarts(t, target, s(5, 7)...)
		w.expect(t, "7s [new] unhealthy->healthy (<nil>) held 3s")
	})
}

func TestProbesHeldUpSayNothing(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		failed := step{held: true, takes: time.Minute, finds: errDown}
		inverted := step{held: true, takes: time.Minute} // a failure made a success
		target := serverOf(up(), failed, inverted, failed, up())
		c := w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(200 * time.Second)
		w.expectStarts(t, target, s(0, 10, 70, 130, 190, 200)...)
		w.expect(t, "0s [www] unknown->healthy (<nil>) held 0s")
		if c.Verdict() != verdict.Healthy {
			t.Errorf("verdict %v", c.Verdict())
		}
	})
}

func TestBrokenCheckKeepsItsVerdictAndIsReportedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		cannot := step{finds: fmt.Errorf("check: %w", broken{errors.New("no such file")})}
		target := serverOf(cannot, cannot, cannot, cannot, down(), down(), down())
		c := w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(35 * time.Second)
		if got := w.Stats(); got != (Stats{Checks: 1, Unknown: 1, Broken: 1}) || c.Verdict() != verdict.Unknown {
			t.Errorf("stats %+v, verdict %v", got, c.Verdict())
		}
		virtual.Sleep(20 * time.Second)
		w.expectStarts(t, target, s(0, 10, 20, 30, 40, 42, 44, 49, 54)...)
		w.expect(t,
			"0s [www] broken (check: no such file)",
			"40s [www] broken (<nil>)",
			"44s [www] unknown->unhealthy (connection refused) held 44s",
		)
		if got := w.Stats(); got != (Stats{Checks: 1}) {
			t.Errorf("stats %+v", got)
		}
	})
}

func TestPanickingProbeIsBroken(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.Claim(1, "www", "a", spec(serverOf(step{panics: true}, up())))
		w.Start()
		virtual.Sleep(11 * time.Second)
		w.expect(t,
			"0s [www] broken (the probe panicked: a bug)",
			"10s [www] broken (<nil>)",
			"10s [www] unknown->healthy (<nil>) held 10s",
		)
	})
}

func TestBudgetPutsProbesOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		var targets [6]*server
		for i := range targets {
			targets[i] = serverOf(step{hanging: true})
			w.Claim(1, "www", fmt.Sprint(i), spec(targets[i]))
		}
		w.Start()
		virtual.Sleep(9 * time.Second)
		// Two at a time, each with its whole timeout of 4s. Which of those goes first that
		// are due at one instant is not said.
		var first []time.Duration
		for _, target := range targets {
			first = append(first, w.starts(target)[0])
		}
		slices.Sort(first)
		if want := s(0, 0, 4, 4, 8, 8); !slices.Equal(first, want) {
			t.Errorf("they are first probed at %v, want %v", first, want)
		}
		w.end()
		virtual.Sleep(time.Minute)
		w.expect(t)
	})
}

func TestOutcomesAreObserved(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var seen []string
		observed := settings()
		observed.Observe = func(p Probed) { seen = append(seen, fmt.Sprint(p.Outcome, " ", p.Took)) }
		target := serverOf(
			up(), down(), step{held: true, takes: 30 * time.Second}, step{finds: broken{errDown}},
			step{takes: time.Second}, step{hanging: true},
		)
		w.Claim(1, "www", "a", Spec[owner]{Prober: target, Settings: observed})
		w.Start()
		virtual.Sleep(60 * time.Second)
		synctest.Wait()
		want := "[success 0s failure 0s late 30s broken 0s success 1s failure 4s]"
		if fmt.Sprint(seen) != want {
			t.Errorf("observed %v, want %v", seen, want)
		}
	})
}

func TestIdleChecksHaveNoGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		before := runtime.NumGoroutine()
		for i := range 10000 {
			w.Claim(1, "www", fmt.Sprint(i), spec(serverOf(up())))
		}
		w.Start()
		virtual.Sleep(9999 * time.Millisecond) // all have been probed, and none is due
		synctest.Wait()
		if n := w.Stats().Unknown; n != 0 {
			t.Errorf("%d checks have not been probed", n)
		}
		if n := runtime.NumGoroutine() - before; n > 10 {
			t.Errorf("%d goroutines for idle checks", n)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		for gen := range 8 {
			wg.Go(func() {
				for i := range 50 {
					c := w.Claim(gen, "www", fmt.Sprint(i), spec(serverOf(up(), down())))
					w.Start()
					virtual.Sleep(time.Second)
					_, _ = c.Verdict(), c.Status()
				}
				w.Retain(func(o owner) bool { return o.configuration != gen })
			})
		}
		wg.Wait()
		if n := w.Stats().Checks; n != 0 {
			t.Errorf("%d checks are left", n)
		}
	})
}
