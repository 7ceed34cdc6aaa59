package engine_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/verdict"
)

func TestHorizon(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		// Probed at 3, 13, 15, 17 (falls), 22, 24 (rises), 34 (hangs until 38).
		target := serverOf(up(), down(), down(), down(), up(), up(), step{hanging: true}, up())
		virtual.Sleep(time.Second)
		c := w.Claim(1, "www", "a", spec(target))
		expect := func(now, want float64) {
			t.Helper()
			virtual.Sleep(s(now)[0] - time.Since(w.began))
			synctest.Wait()
			if got := c.Horizon().Sub(w.began); got != s(want)[0] {
				t.Errorf("at %vs the horizon is at %v, want %vs", now, got, want)
			}
		}
		expect(2, 1) // before it is started: when it was claimed
		virtual.Sleep(time.Second)
		w.Start()
		expect(4, 17)  // at 13, 15 and 17
		expect(14, 17) // one failure
		expect(16, 17) // two
		expect(18, 24) // unhealthy: two successes at 22 and 24
		expect(23, 24)
		expect(25, 38) // at 34, 36 and 38
		expect(36, 38) // in flight since 34
		expect(39, 52) // well again at 38: at 48, 50 and 52
	})
}

func TestHorizonAllowsForJitter(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		jittery := settings()
		jittery.Schedule.Jitter = 10
		target := serverOf(up())
		c := w.Claim(1, "www", "a", Spec[owner]{Prober: target, Settings: jittery})
		w.Start()
		virtual.Sleep(time.Second)
		told := c.Horizon().Sub(w.began)
		virtual.Sleep(12 * time.Second)
		if want := w.starts(target)[1] + 2*1800*time.Millisecond; told != want {
			t.Errorf("the horizon was at %v, want %v", told, want)
		}
	})
}

func TestHorizonOfAnInheritedVerdict(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		c := w.Claim(1, "www", "a", Spec[owner]{Prober: serverOf(step{hanging: true}), Settings: settings(), Start: Start{Verdict: verdict.Healthy}})
		w.Start()
		virtual.Sleep(time.Second)
		if got := c.Horizon().Sub(w.began); got != 4*time.Second { // at 0, 2 and 4
			t.Errorf("the horizon is at %v", got)
		}
	})
}

// chance finds anything, after any time.
type chance struct {
	mu   sync.Mutex
	rand *rand.Rand
	good float64
}

func (c *chance) Probe(ctx context.Context) (time.Duration, error) {
	c.mu.Lock()
	takes := time.Duration(c.rand.ExpFloat64() * float64(300*time.Millisecond))
	luck, held := c.rand.Float64(), c.rand.IntN(20) == 0
	if c.rand.IntN(30) == 0 {
		c.good = c.rand.Float64()
	}
	good := luck < c.good
	c.mu.Unlock()
	if held {
		virtual.Sleep(8 * time.Second)
	} else {
		pass(ctx, takes)
	}
	switch {
	case good:
		return takes, nil
	case luck > 0.97:
		return 0, broken{errDown}
	default:
		return 0, errDown
	}
}

// prophet remembers the furthest horizon that was told, and complains about
// verdicts that change before.
type prophet struct {
	*world
	t       *testing.T
	mu      sync.Mutex
	told    time.Time
	changes int
}

func (p *prophet) Transition([]owner, Transition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	if early := time.Until(p.told); early > 0 {
		p.t.Errorf("the verdict changed %v before its horizon", early)
	}
}

func (p *prophet) hear(c *Check[owner]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := c.Horizon(); h.After(p.told) {
		p.told = h
	}
}

func TestVerdictsNeverChangeBeforeTheHorizon(t *testing.T) {
	changes := 0
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			p := &prophet{world: newWorld(1), t: t}
			p.Engine = New[string](2, Reporter[owner](p))
			random := rand.New(rand.NewPCG(seed, 1))
			if seed%2 == 1 {
				p.guard("g", &chance{rand: rand.New(rand.NewPCG(seed, 2)), good: 0.9})
			}
			check := settings()
			check.Schedule.Jitter = random.IntN(50)
			check.Schedule.DownInterval = time.Duration(1+random.IntN(20)) * time.Second
			check.Threshold = verdict.Threshold{Fall: 1 + random.IntN(4), Rise: 1 + random.IntN(4)}
			c := p.Claim(1, "www", "a", Spec[owner]{Prober: &chance{rand: random, good: 0.7}, Settings: check})
			p.hear(c)
			virtual.Sleep(time.Second)
			p.Start()
			for began := time.Now(); time.Since(began) < 1000*time.Second; {
				p.hear(c)
				virtual.Sleep(97 * time.Millisecond)
			}
			synctest.Wait()
			changes += p.changes
			p.end()
		})
	}
	if changes < 200 {
		t.Errorf("only %d changes", changes)
	}
}
