package resolve_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/resolve"
)

// origin is an Asker for one name whose replies can be changed: a text as in
// zone per family, without owner; or one of the words below.
type origin struct {
	mu     sync.Mutex
	four   string
	six    string
	asked  []time.Duration // for A, since the test began
	began  time.Time
	active int
	most   int
}

const (
	hang   = "hang"  // until ctx ends
	stuck  = "stuck" // for 4.5 s, whatever ctx does
	slow   = "slow"  // for 1.5 s, then an address
	panics = "panics"
)

func newOrigin(four, six string) *origin { return &origin{four: four, six: six, began: time.Now()} }

func (o *origin) set(four, six string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.four, o.six = four, six
}

func (o *origin) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	text := o.enter(q)
	defer o.leave()
	switch text {
	case hang:
		<-ctx.Done()
		return nil, ctx.Err()
	case stuck:
		virtual.Sleep(4500 * time.Millisecond)
		return nil, ctx.Err()
	case slow:
		virtual.Sleep(1500 * time.Millisecond)
		text = map[uint16]string{dns.TypeA: "60 A 192.0.2.1", dns.TypeAAAA: "60 AAAA 2001:db8::1"}[q.Question[0].Qtype]
	case panics:
		panic("a bug")
	}
	return says(q, owner(q.Question[0].Name, text)), nil
}

// owner puts name in front of each record.
func owner(name, text string) string {
	words := strings.Split(text, ", ")
	for i, word := range words {
		if strings.Contains(word, " ") {
			words[i] = name + " " + word
		}
	}
	return strings.Join(words, ",")
}

func (o *origin) enter(q *dns.Msg) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active++
	o.most = max(o.most, o.active)
	if q.Question[0].Qtype == dns.TypeAAAA {
		return o.six
	}
	o.asked = append(o.asked, time.Since(o.began))
	return o.four
}

// times returns when it was asked for A.
func (o *origin) times() []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.asked)
}

// busiest returns the most questions it had at once.
func (o *origin) busiest() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.most
}

func (o *origin) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.active--
}

// expectAsked compares the times of all questions for A since the last call.
func (o *origin) expectAsked(t *testing.T, want ...time.Duration) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	expectEqual(t, o.asked, want)
	o.asked = nil
}

// world is a Resolver with a log of what it reported.
type world struct {
	*Resolver
	began time.Time
	mu    sync.Mutex
	lines []string
}

func newWorld(s Settings) *world { return &world{Resolver: New(s), began: time.Now()} }

// in runs a story in a bubble, with one name that has a threshold of 3 in a
// process that is up for long, stale after 10 minutes.
func in(t *testing.T, o func() *origin, story func(t *testing.T, w *world, n *Name, o *origin)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		from := o()
		w := newWorld(Settings{Stale: 10 * time.Minute, Limit: 4})
		n := w.add(from, State{})
		w.Start()
		synctest.Wait()
		story(t, w, n, from)
		w.end()
	})
}

func (w *world) add(chain Asker, from State) *Name {
	return w.Add(Spec{Name: "a.example", Chain: chain, Threshold: 3, From: from, Changed: w.log})
}

func (w *world) log(c Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf("%v %v %v", time.Since(w.began), c.Kind, c.To.Addrs))
}

// expect compares what was reported since the last call.
func (w *world) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := w.reports(); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("reported\n%q\nwant\n%q", got, want)
	}
}

// reports returns what was reported since the last call.
func (w *world) reports() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.lines
	w.lines = nil
	return lines
}

// pass lets time pass until it is d after the world began.
func (w *world) pass(d time.Duration) {
	virtual.Sleep(d - time.Since(w.began))
	synctest.Wait()
}

func (w *world) end() {
	w.Stop()
	w.Wait()
}

// expectState compares a state but for what is not exported.
func expectState(t *testing.T, s State, want string) {
	t.Helper()
	if got := fmt.Sprintf("%v %v known=%v err=%v", s.Addrs, s.TTL, s.Known, s.Err); got != want {
		t.Errorf("state\n%s\nwant\n%s", got, want)
	}
}

func up() *origin { return newOrigin("60 A 192.0.2.1", "60 AAAA 2001:db8::1") }

func four() *origin { return newOrigin("60 A 192.0.2.1", "") }

func TestResolvedAndAgainAtItsTTL(t *testing.T) {
	in(t, up, func(t *testing.T, w *world, n *Name, o *origin) {
		w.expect(t, "0s resolved [192.0.2.1 2001:db8::1]")
		expectState(t, n.State(), "[192.0.2.1 2001:db8::1] 1m0s known=true err=<nil>")
		o.set("9 A 192.0.2.2, 10 A 192.0.2.1, 9 A 192.0.2.2", "20 AAAA 2001:db8::1")
		w.pass(54*time.Second - 1)
		w.expect(t)
		w.pass(66 * time.Second)
		if lines := w.reports(); len(lines) != 1 {
			t.Errorf("reported %q in a TTL and a tenth", lines)
		}
		expectState(t, n.State(), "[192.0.2.1 192.0.2.2 2001:db8::1] 9s known=true err=<nil>")
	})
}

func TestLookUpsAreBoundedByOneSecondAndFiveMinutes(t *testing.T) {
	for ttl, bounds := range map[string][2]time.Duration{
		"0":      {time.Second, 1100 * time.Millisecond},
		"1":      {time.Second, 1100 * time.Millisecond},
		"10":     {9 * time.Second, 11 * time.Second},
		"86400":  {270 * time.Second, 300 * time.Second},
		"999999": {270 * time.Second, 300 * time.Second},
	} {
		in(t, func() *origin { return newOrigin(ttl+" A 192.0.2.1", "") }, func(t *testing.T, w *world, _ *Name, o *origin) {
			w.pass(20 * time.Minute)
			asked := o.times()
			for i, at := range asked[1:] {
				if d := at - asked[i]; d < bounds[0] || d > bounds[1] {
					t.Fatalf("a TTL of %s s: asked again after %v", ttl, d)
				}
			}
		})
	}
}

func TestEmptyAnswersCountAfterTheThreshold(t *testing.T) {
	in(t, func() *origin { return newOrigin("0 A 192.0.2.1", "") }, func(t *testing.T, w *world, n *Name, o *origin) {
		w.expect(t, "0s resolved [192.0.2.1]")
		o.set("NXDOMAIN", "NXDOMAIN")
		w.pass(1100 * time.Millisecond) // the TTL, with jitter
		began := o.times()[1]
		o.expectAsked(t, 0, began)
		expectState(t, n.State(), "[192.0.2.1] 0s known=true err=<nil>")
		w.pass(began + 2*time.Second - 1)
		w.expect(t)
		w.pass(began + 2*time.Second)
		w.expect(t, fmt.Sprintf("%v emptied []", began+2*time.Second))
		o.expectAsked(t, began+time.Second, began+2*time.Second)
		expectState(t, n.State(), "[] 0s known=true err=<nil>")
		w.pass(began + 6*time.Second)
		o.expectAsked(t) // settled: the negative TTL of 5 s counts, from 4.5 s on
		w.pass(began + 8*time.Second)
		o.set("60 A 192.0.2.9", "")
		w.pass(began + 13*time.Second)
		expectState(t, n.State(), "[192.0.2.9] 1m0s known=true err=<nil>")
	})
}

// An address family that is missing once must not flap, and one that never was
// is nothing to hurry for.
func TestFamiliesCountForThemselves(t *testing.T) {
	in(t, func() *origin { return newOrigin("1 A 192.0.2.1", "1 AAAA 2001:db8::1") }, func(t *testing.T, w *world, n *Name, o *origin) {
		w.expect(t, "0s resolved [192.0.2.1 2001:db8::1]")
		o.set("60 A 192.0.2.1", "")
		w.pass(1100 * time.Millisecond)
		expectState(t, n.State(), "[192.0.2.1 2001:db8::1] 1s known=true err=<nil>")
		o.set("60 A 192.0.2.1", "60 AAAA 2001:db8::1")
		w.pass(2100 * time.Millisecond) // looked up again after 1 s, not 60
		w.expect(t)
		expectState(t, n.State(), "[192.0.2.1 2001:db8::1] 1m0s known=true err=<nil>")
		o.set("60 A 192.0.2.1", "")
		w.pass(72 * time.Second)
		expectState(t, n.State(), "[192.0.2.1] 1m0s known=true err=<nil>")
		if lines := w.reports(); len(lines) != 1 || !strings.HasSuffix(lines[0], "resolved [192.0.2.1]") {
			t.Errorf("reported %q", lines)
		}
	})
	in(t, four, func(t *testing.T, w *world, _ *Name, o *origin) {
		w.pass(54*time.Second - 1)
		o.expectAsked(t, 0)
	})
}

func TestEmptyFromTheStart(t *testing.T) {
	in(t, func() *origin { return newOrigin("NXDOMAIN", "NXDOMAIN") }, func(t *testing.T, w *world, n *Name, o *origin) {
		w.pass(2*time.Second - 1)
		expectState(t, n.State(), "[] 0s known=false err=<nil>")
		w.expect(t)
		w.pass(2 * time.Second)
		expectState(t, n.State(), "[] 0s known=true err=<nil>")
		w.expect(t, "2s emptied []")
		o.expectAsked(t, 0, time.Second, 2*time.Second)
	})
}

// *kubernetes* may not have synced: its NXDOMAIN says nothing in the first 10 s.
func TestEmptyAnswersOfAYoungProcessDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Limit: 1, Began: time.Now()})
		before, fresh := newOrigin("1 A 192.0.2.1", ""), newOrigin("NXDOMAIN", "NXDOMAIN")
		old := w.add(before, State{})
		w.Start()
		synctest.Wait()
		w.expect(t, "0s resolved [192.0.2.1]")
		before.set("NXDOMAIN", "NXDOMAIN")
		young := w.add(fresh, State{})
		w.Start()
		w.pass(11900 * time.Millisecond)
		w.expect(t)
		expectState(t, old.State(), "[192.0.2.1] 1s known=true err=<nil>")
		expectState(t, young.State(), "[] 0s known=false err=<nil>")
		w.pass(13100 * time.Millisecond)
		expectState(t, old.State(), "[] 0s known=true err=<nil>")
		expectState(t, young.State(), "[] 0s known=true err=<nil>")
		fresh.expectAsked(t, each(0, 12, time.Second)...)
		w.end()
	})
}

// each returns the multiples of a step from first to last.
func each(first, last int, step time.Duration) (all []time.Duration) {
	for i := first; i <= last; i++ {
		all = append(all, time.Duration(i)*step)
	}
	return all
}

func TestNoAnswerIsRetriedAndExpires(t *testing.T) {
	in(t, func() *origin { return newOrigin("0 A 192.0.2.1", "") }, func(t *testing.T, w *world, n *Name, o *origin) {
		w.expect(t, "0s resolved [192.0.2.1]")
		o.set("SERVFAIL", "REFUSED")
		w.pass(1100 * time.Millisecond)
		at := o.times()[1]
		w.expect(t, fmt.Sprintf("%v silent [192.0.2.1]", at))
		expectState(t, n.State(), "[192.0.2.1] 0s known=true err=a.example. A: SERVFAIL; a.example. AAAA: REFUSED")
		expectEqual(t, n.State().Silent().Sub(w.began), at)
		w.pass(at + 40*time.Second)
		var want []time.Duration
		for _, s := range []int{1, 3, 7, 15, 25, 35} {
			want = append(want, at+time.Duration(s)*time.Second)
		}
		expectEqual(t, o.times()[2:], want)
		w.pass(at + 10*time.Minute - 1)
		w.expect(t)
		w.pass(at + 10*time.Minute)
		w.expect(t, fmt.Sprintf("%v expired []", at+10*time.Minute))
		expectState(t, n.State(), "[] 0s known=true err=a.example. A: SERVFAIL; a.example. AAAA: REFUSED")
		o.set("60 A 192.0.2.1", "")
		w.pass(at + 11*time.Minute)
		back := at + 605*time.Second // the retries go on
		w.expect(t, fmt.Sprintf("%v answered [192.0.2.1]", back), fmt.Sprintf("%v resolved [192.0.2.1]", back))
		if !n.State().Silent().IsZero() {
			t.Error("silent after an answer")
		}
	})
}

// Addresses expire at their moment, also while a look-up hangs or waits.
func TestExpiryDoesNotWaitForALookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Stale: 9500 * time.Millisecond, Limit: 1})
		o := newOrigin("0 A 192.0.2.1", "0 AAAA 2001:db8::1")
		n := w.add(o, State{})
		w.Start()
		synctest.Wait()
		o.set("SERVFAIL", hang)
		w.pass(1200 * time.Millisecond)
		at := o.times()[1] + 2*time.Second
		w.pass(at)
		// Look-ups end 2 s after they begin: at +0, +3, +7, and the next begins at +11.
		o.set(hang, hang)
		blocker := newOrigin(stuck, stuck)
		w.pass(at + 8*time.Second)
		w.Add(Spec{Name: "blocker", Chain: blocker})
		w.Start()
		w.pass(at + 12*time.Second)
		w.expect(t, "0s resolved [192.0.2.1 2001:db8::1]",
			fmt.Sprintf("%v silent [192.0.2.1 2001:db8::1]", at), fmt.Sprintf("%v expired []", at+9500*time.Millisecond))
		expectState(t, n.State(), "[] 0s known=true err=a.example. A: no reply; a.example. AAAA: no reply")
		w.end()
	})
}

func TestExpiryDuringALookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Stale: 1500 * time.Millisecond, Limit: 1})
		o := newOrigin("0 A 192.0.2.1", "")
		w.add(o, State{})
		w.Start()
		synctest.Wait()
		o.set("SERVFAIL", "")
		w.pass(1100 * time.Millisecond)
		at := o.times()[1]
		o.set(hang, "")
		w.pass(at + 4*time.Second)
		w.expect(t, "0s resolved [192.0.2.1]",
			fmt.Sprintf("%v silent [192.0.2.1]", at), fmt.Sprintf("%v expired []", at+1500*time.Millisecond))
		w.end()
	})
}

func TestOneFamilyWithoutAnswerIsKept(t *testing.T) {
	in(t, func() *origin { return newOrigin("1 A 192.0.2.1", "1 AAAA 2001:db8::1") }, func(t *testing.T, w *world, n *Name, o *origin) {
		w.expect(t, "0s resolved [192.0.2.1 2001:db8::1]")
		o.set("60 A 192.0.2.2", "SERVFAIL")
		w.pass(1100 * time.Millisecond)
		at := o.times()[1]
		w.expect(t, fmt.Sprintf("%v resolved [192.0.2.2 2001:db8::1]", at), fmt.Sprintf("%v silent [192.0.2.2 2001:db8::1]", at))
		expectState(t, n.State(), "[192.0.2.2 2001:db8::1] 1s known=true err=a.example. AAAA: SERVFAIL")
		w.pass(at + 10*time.Minute)
		w.expect(t, fmt.Sprintf("%v expired [192.0.2.2]", at+10*time.Minute))
		expectState(t, n.State(), "[192.0.2.2] 1m0s known=true err=a.example. AAAA: SERVFAIL")
		o.set("SERVFAIL", "60 AAAA 2001:db8::2")
		w.pass(at + 10*time.Minute + 10*time.Second)
		expectState(t, n.State(), "[192.0.2.2 2001:db8::2] 1m0s known=true err=a.example. A: SERVFAIL")
		if !n.State().Silent().After(w.began.Add(at + 10*time.Minute)) {
			t.Error("the other family's silence is taken for this one's")
		}
		o.set("NXDOMAIN", "60 AAAA 2001:db8::2")
		w.pass(at + 11*time.Minute)
		expectState(t, n.State(), "[2001:db8::2] 1m0s known=true err=<nil>")
	})
}

func TestNeverAnswered(t *testing.T) {
	in(t, func() *origin { return newOrigin(panics, hang) }, func(t *testing.T, w *world, n *Name, _ *origin) {
		w.pass(2 * time.Second)
		w.expect(t, "2s silent []")
		w.pass(time.Hour)
		w.expect(t)
		expectState(t, n.State(), "[] 0s known=false err=a.example. A: panic: a bug; a.example. AAAA: no reply")
	})
}

func TestFallbackIsAskedWhileAPluginHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Limit: 1, Fallback: newOrigin("60 A 192.0.2.5", "")})
		o := newOrigin(stuck, stuck)
		n := w.add(o, State{})
		w.Start()
		w.pass(time.Second)
		w.expect(t, "1s resolved [192.0.2.5]")
		expectState(t, n.State(), "[192.0.2.5] 1m0s known=true err=<nil>")
		w.end()
		expectEqual(t, time.Since(w.began), 4500*time.Millisecond) // Wait waits for the plugin
	})
}

// A plugin that does not return is not asked again, or each retry would leave
// a goroutine behind.
func TestAHangingPluginIsAskedOnce(t *testing.T) {
	in(t, func() *origin { return newOrigin(stuck, "SERVFAIL") }, func(t *testing.T, w *world, n *Name, o *origin) {
		w.pass(4 * time.Second)
		o.expectAsked(t, 0)
		expectState(t, n.State(), "[] 0s known=false err=a.example. A: no reply: the question before is still being answered; a.example. AAAA: SERVFAIL")
		w.pass(8 * time.Second)
		o.expectAsked(t, 5*time.Second)
		if most := o.busiest(); most > 2 {
			t.Errorf("%d questions at once", most)
		}
	})
}

func TestSpreadAndLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Limit: 2})
		o := newOrigin(slow, slow)
		for range 6 {
			w.add(o, State{})
		}
		w.Start()
		ms := time.Millisecond
		w.pass(5 * time.Second)
		o.expectAsked(t, 0, ms, 1500*ms, 1501*ms, 3000*ms, 3001*ms)
		if most := o.busiest(); most != 4 { // two names, two families
			t.Errorf("%d questions at once", most)
		}
		w.end()
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{})
		o := up()
		for range 3 {
			w.add(o, State{})
		}
		w.Start()
		w.pass(time.Second)
		o.expectAsked(t, 0, time.Millisecond, 2*time.Millisecond)
		w.end()
	})
}

func TestReloadGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin("100 A 192.0.2.1", "")
		w := newWorld(Settings{Stale: time.Minute, Limit: 1})
		n := w.add(o, State{})
		w.Start()
		w.pass(time.Second)
		reload := func() {
			from := n.State()
			w.Stop()
			w.Wait()
			w.Resolver = New(Settings{Stale: time.Minute, Limit: 1})
			n = w.add(o, from)
			w.Start()
			synctest.Wait()
		}
		reload()
		w.pass(90*time.Second - 1)
		o.expectAsked(t, 0) // the schedule goes on
		o.set("SERVFAIL", "")
		w.pass(110 * time.Second)
		at := o.times()[0]
		w.pass(at + 26*time.Second) // tries at +0, 1, 3, 7, 15, 25
		reload()
		w.pass(at + 40*time.Second)
		o.expectAsked(t, at, at+time.Second, at+3*time.Second, at+7*time.Second, at+15*time.Second, at+25*time.Second, at+35*time.Second)
		w.pass(at + 2*time.Minute)
		w.expect(t, "0s resolved [192.0.2.1]", fmt.Sprintf("%v silent [192.0.2.1]", at), fmt.Sprintf("%v expired []", at+time.Minute))
		w.end()
	})
}

// What was due while nothing ran is done at the start, in its turn.
func TestReloadCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin("SERVFAIL", "SERVFAIL")
		old := newWorld(Settings{Stale: time.Minute})
		o.set("0 A 192.0.2.1", "")
		n := old.add(o, State{})
		old.Start()
		synctest.Wait()
		o.set("SERVFAIL", "SERVFAIL")
		old.pass(1500 * time.Millisecond)
		old.end()
		virtual.Sleep(time.Hour)
		w := newWorld(Settings{Stale: time.Minute})
		w.add(o, n.State())
		w.Start()
		w.expect(t, "0s expired []")
		w.end()
	})
}

func TestNowResolvesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Limit: 1})
		o := newOrigin(slow, "")
		n := w.add(o, State{})
		var waited sync.WaitGroup
		for range 1000 {
			waited.Go(func() { n.Now(t.Context()) })
		}
		waited.Wait()
		expectEqual(t, time.Since(w.began), 1500*time.Millisecond)
		o.expectAsked(t, 0)
		expectState(t, n.State(), "[192.0.2.1] 1m0s known=true err=<nil>")
		n.Now(t.Context())
		w.Start()
		n.Now(t.Context())
		expectEqual(t, time.Since(w.began), 1500*time.Millisecond)
		o.expectAsked(t) // Start finds it resolved
		w.expect(t, "1.5s resolved [192.0.2.1]")
		w.end()
		n.Now(t.Context())
	})
}

func TestNowWaitsForTheLookUpOnTheWay(t *testing.T) {
	in(t, func() *origin { return newOrigin(slow, slow) }, func(t *testing.T, w *world, n *Name, o *origin) {
		w.pass(time.Second)
		n.Now(t.Context())
		expectEqual(t, time.Since(w.began), 1500*time.Millisecond)
		o.expectAsked(t, 0)
	})
}

// What is answered follows from the change, not from the state.
func TestNowWaitsUntilTheChangeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Limit: 1})
		var reported atomic.Bool
		n := w.Add(Spec{Name: "a.example.", Chain: newOrigin(slow, ""), Threshold: 1, Changed: func(Change) {
			virtual.Sleep(300 * time.Millisecond)
			reported.Store(true)
		}})
		go n.Now(t.Context())
		virtual.Sleep(1600 * time.Millisecond)
		if !n.State().Known || reported.Load() {
			t.Fatal("this is not the moment between")
		}
		n.Now(t.Context())
		expectEqual(t, reported.Load(), true)
		w.end()
	})
}

func TestNowWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Limit: 1})
		o := newOrigin(hang, hang)
		n := w.add(o, State{})
		n.Now(t.Context())
		expectEqual(t, time.Since(w.began), 2*time.Second)
		n.Now(t.Context()) // not again within a second
		virtual.Sleep(time.Second - 1)
		n.Now(t.Context())
		expectEqual(t, time.Since(w.began), 3*time.Second-1)
		virtual.Sleep(time.Nanosecond)
		n.Now(t.Context())
		expectEqual(t, time.Since(w.began), 5*time.Second)
		o.expectAsked(t, 0, 3*time.Second)

		virtual.Sleep(time.Second) // before the retry, after 2 s
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		n.Now(ctx)
		expectEqual(t, time.Since(w.began), 6300*time.Millisecond)
		w.end()
		n.Now(t.Context())
		expectEqual(t, time.Since(w.began), 6300*time.Millisecond)
	})
}

// A question waits for 2 s in all, also where its look-up waits for others.
func TestNowIsBoundedInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Settings{Limit: 1})
		o := newOrigin(hang, hang)
		n := w.add(o, State{})
		for range 3 {
			w.add(o, State{})
		}
		w.Start()
		w.pass(time.Second)
		last := w.add(o, State{})
		last.Now(t.Context())
		expectEqual(t, time.Since(w.began), 3*time.Second)
		w.Stop()
		w.Wait()
		expectEqual(t, time.Since(w.began), 3*time.Second)
		expectState(t, n.State(), "[] 0s known=false err=a.example. A: no reply; a.example. AAAA: no reply")
	})
}

// Stop cancels, and what is found by then is dropped.
func TestStop(t *testing.T) {
	in(t, func() *origin { return newOrigin(hang, hang) }, func(t *testing.T, w *world, n *Name, _ *origin) {
		w.pass(time.Second)
		var waited time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			n.Now(t.Context())
			waited = time.Since(w.began)
		}()
		synctest.Wait()
		w.Stop()
		w.Wait()
		<-done
		expectEqual(t, waited, time.Second)
		w.expect(t)
		expectState(t, n.State(), "[] 0s known=false err=<nil>")
		w.Stop()
		virtual.Sleep(time.Hour)
	})
}

func TestStopFromChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Settings{Limit: 1})
		var reports atomic.Int32
		r.Add(Spec{Name: "a.example.", Chain: newOrigin("60 A 192.0.2.1", "SERVFAIL"), Changed: func(Change) {
			reports.Add(1) // resolved, then silent
			r.Stop()
		}})
		r.Start()
		virtual.Sleep(time.Minute)
		r.Wait()
		expectEqual(t, reports.Load(), 1)
	})
}

// Changed may be slow: changes wait for it, in order.
func TestChangesAreReportedOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Settings{Stale: 2 * time.Second, Limit: 1})
		o := newOrigin("0 A 192.0.2.1", "")
		var active atomic.Int32
		var kinds []Kind
		r.Add(Spec{Name: "a.example.", Chain: o, Threshold: 1, Changed: func(c Change) {
			if active.Add(1) != 1 {
				t.Error("two changes at once")
			}
			kinds = append(kinds, c.Kind)
			o.set("SERVFAIL", "")
			virtual.Sleep(3 * time.Second)
			active.Add(-1)
		}})
		r.Start()
		virtual.Sleep(9900 * time.Millisecond)
		r.Stop()
		r.Wait()
		expectEqual(t, kinds, []Kind{Resolved, Silent, Expired})
	})
}

func TestWithoutChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Settings{})
		n := r.Add(Spec{Name: "a.example.", Chain: up()})
		n.Now(t.Context())
		expectState(t, n.State(), "[192.0.2.1 2001:db8::1] 1m0s known=true err=<nil>")
		r.Stop()
		r.Wait()
	})
}

func TestAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chain := askFunc(func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			m := new(dns.Msg).SetReply(q)
			h := dns.RR_Header{Name: "a.example.", Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 60}
			for _, ip := range []string{"192.0.2.1", "::ffff:192.0.2.2", "2001:db8::1", "", "192.0.2.1"} {
				raw := ipOf(ip)
				m.Answer = append(m.Answer, &dns.A{Hdr: h, A: raw}, &dns.AAAA{Hdr: h, AAAA: raw})
			}
			m.Answer = append(m.Answer, &dns.RFC3597{Hdr: h})
			return m, nil
		})
		r := New(Settings{})
		n := r.Add(Spec{Name: "a.example.", Chain: chain})
		n.Now(t.Context())
		expectState(t, n.State(), "[192.0.2.1 192.0.2.2 2001:db8::1] 1m0s known=true err=<nil>")
		r.Stop()
		r.Wait()
	})
}

func TestKinds(t *testing.T) {
	expectEqual(t, []Kind{Resolved, Emptied, Silent, Answered, Expired}, []Kind{0, 1, 2, 3, 4})
	expectEqual(t, Expired.String(), "expired")
}
