package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
	"github.com/coredns-failover/failover/plugin/verdict"
)

func TestClaimedWhileOthersRun(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.Claim(1, "www", "a", spec(serverOf(up())))
		w.Start()
		virtual.Sleep(3 * time.Second)
		later := serverOf(up())
		w.Claim(1, "api", "b", spec(later))
		w.Start()
		virtual.Sleep(10 * time.Second)
		w.expectStarts(t, later, s(3, 13)...) // at once
		w.reported()
	})
}

func TestReleaseTakesOneClaimBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(up(), down(), down(), down(), up())
		for _, owner := range []string{"www", "api", "ftp", "www"} {
			w.Claim(1, owner, "a", spec(target))
		}
		w.Start()
		virtual.Sleep(time.Second)
		w.Release(1, "api", "a")
		w.Release(2, "ftp", "a") // of another configuration
		w.Release(1, "nobody", "a")
		w.Release(1, "www", "none")
		virtual.Sleep(14 * time.Second)
		w.Release(1, "www", "a") // the first of two
		virtual.Sleep(7 * time.Second)
		w.Release(1, "ftp", "a")
		w.Release(1, "www", "a")
		w.Release(1, "www", "a")
		virtual.Sleep(time.Minute)
		w.expectStarts(t, target, s(0, 10, 12, 14, 19, 21)...)
		w.expect(t,
			"0s [www api ftp www] unknown->healthy (<nil>) held 0s",
			"14s [www ftp www] healthy->unhealthy (connection refused) held 14s",
			"21s [ftp www] unhealthy->healthy (<nil>) held 7s")
		if n := w.Stats().Checks; n != 0 {
			t.Errorf("%d checks are left", n)
		}
	})
}

func TestReleaseDuringAProbe(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(step{hanging: true}, up())
		w.Claim(1, "www", "a", spec(target))
		w.Start()
		virtual.Sleep(time.Second)
		w.Release(1, "www", "a")
		w.Wait()
		if gone := time.Since(w.began); gone != time.Second {
			t.Errorf("the probe in flight ended after %v, want at once", gone-time.Second)
		}
		c := w.Claim(1, "www", "a", spec(target)) // what comes back is new
		w.Start()
		synctest.Wait()
		if c.Verdict() != verdict.Healthy {
			t.Errorf("verdict %v", c.Verdict())
		}
		w.expect(t, "1s [www] unknown->healthy (<nil>) held 0s")
	})
}

func TestReleaseBeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(up())
		w.Claim(1, "www", "a", spec(target))
		w.Release(1, "www", "a")
		w.Start()
		virtual.Sleep(time.Minute)
		w.expectStarts(t, target)
	})
}

func TestClaimsComeAndGoConcurrently(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var wg sync.WaitGroup
		for i := range 20 {
			owner := fmt.Sprint(i)
			wg.Go(func() {
				for j := range 100 {
					key := fmt.Sprint(j % 7)
					c := w.Claim(1, owner, key, spec(serverOf(up(), down(), takes(1))))
					w.Start()
					virtual.Sleep(time.Duration(i+1) * 100 * time.Millisecond)
					_, _, _ = c.Verdict(), c.Horizon(), c.Connect()
					w.Release(1, owner, key)
				}
			})
		}
		wg.Wait()
		if n := w.Stats().Checks; n != 0 {
			t.Errorf("%d checks are left", n)
		}
		w.reported()
	})
}

func TestConnectIsSmoothedOverSuccesses(t *testing.T) {
	const ms = time.Millisecond
	bubble(t, func(t *testing.T, w *world) {
		target := serverOf(
			up(), step{connect: 8 * ms}, step{connect: 16 * ms}, step{connect: 99 * ms, finds: errDown},
			step{connect: 98 * ms, finds: broken{errDown}}, up(), step{connect: 2 * ms})
		c := w.Claim(1, "www", "a", spec(target))
		w.Start()
		for i, want := range []time.Duration{0, 8 * ms, 10 * ms, 10 * ms, 10 * ms, 10 * ms, 8 * ms} {
			for end := time.Now().Add(time.Minute); len(w.starts(target)) == i; virtual.Sleep(time.Second) {
				if time.Now().After(end) {
					t.Fatalf("there are but %d probes", i)
				}
			}
			synctest.Wait()
			if got := c.Connect(); got != want {
				t.Errorf("after %d probes it takes %v to connect, want %v", i+1, got, want)
			}
		}
		w.reported()
	})
}
