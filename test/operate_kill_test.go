package test_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// kills is how often TestOperateKilledAtAnyMoment kills: FAILOVER_KILLS, or else
// a few times. Each takes a second or two.
func kills(t testing.TB) int {
	t.Helper()
	text := os.Getenv("FAILOVER_KILLS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("FAILOVER_KILLS is %q, want a number", text)
	}
	return n
}

// lost is how old what a killed process loses may be: a second, and what a busy
// machine takes to write.
const lost = 3 * time.Second

// flapping is a record whose primary changes its verdict all the time.
const flapping = `
    failover www.example.org {
        primary {$T1}
        secondary {$T2}
        check http /healthz {
            port {$TARGET_PORT}
            interval 100ms
            threshold 1
        }
    }
`

// A process is killed at any moment, while a target flaps and an operator forces
// one state after the other: the next one finds a whole file, starts with exactly
// what that holds, and lacks nothing that is older than a second.
func TestOperateKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const lanes = 4
	n := kills(t)
	for lane := range lanes {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			sites := startTargets(t, 2, ok)
			sites[0].behave(inTurn(ok, failing, failing, ok, ok, failing))
			s := start(t, operated(keeping, flapping), sites.vars(), operateTokens(t), stateVars(t))
			done := 0
			for life := lane; life < n; life += lanes {
				done = s.killed(t, done)
				again := s.relaunch(t, operated(keeping, flapping))
				again.awaitStart(t)
				if got := number(again.operator(t).record(t, "www.example.org").Tiers[1].Targets[0].Force); got != done {
					t.Errorf("the process starts with %d, but the file holds %d", got, done)
				}
				again.log.mustLog(t, 0, "[WARNING] plugin/failover: state_file")
				again.log.mustLog(t, 0, "[ERROR]")
				s = again
			}
		})
	}
}

// killed lets an operator count on from n in the state of the secondary, kills
// the process meanwhile, and returns the number that the file holds.
func (s *server) killed(t testing.TB, n int) (kept int) {
	t.Helper()
	when := time.Now().Add(rand.N(1500 * time.Millisecond))
	var killing sync.WaitGroup
	var killed time.Time
	killing.Go(func() {
		<-time.After(time.Until(when))
		killed = time.Now()
		_ = s.command.Process.Kill()
	})
	done := map[int]time.Time{n: {}} // when each number was confirmed
	last := n
	o, target := s.operator(t), s.env["T2"]
	for time.Now().Before(when.Add(patience)) {
		got, err := o.attempt(http.MethodPost, "/v1/records/www.example.org/force",
			status.Action{Target: target, State: status.ForcedHealthy, Reason: strconv.Itoa(last + 1)})
		if err != nil {
			break // it is killed
		}
		if got.code != http.StatusOK {
			t.Fatalf("to force is answered with %d %s", got.code, got.body)
		}
		last++
		done[last] = time.Now()
	}
	killing.Wait()
	s.awaitEnd(t)

	for _, f := range s.kept(t).Forced {
		kept, _ = strconv.Atoi(f.Reason)
	}
	if kept < n || kept > last+1 { // of the last one there was perhaps no answer
		t.Errorf("the file holds %d, want one of %d..%d", kept, n, last+1)
	}
	if next, confirmed := done[kept+1]; confirmed && killed.Sub(next) > lost {
		t.Errorf("what the operator did in the last %v is lost", killed.Sub(next))
	}
	return kept
}

// number is the one that an operator has counted to.
func number(f *status.Forced) int {
	if f == nil {
		return 0
	}
	n, _ := strconv.Atoi(f.Reason)
	return n
}
