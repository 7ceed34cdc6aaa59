package failover

import (
	"testing"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// A tier is held once those before it have had a verdict, by a first one too that
// changes nothing of who may be answered.
func TestAFirstVerdictMakesAHold(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary 192.0.2.1 192.0.2.2\n secondary 192.0.2.3 192.0.2.4\n"+
		" min_healthy 2\n failback manual\n check http\n}\n")
	f.serve(t)
	r := f.records[0]
	var health [2]flipping
	for i := range health {
		r.targets[i].list()[0].checks[0] = &health[i]
	}
	update(r)
	for _, step := range []struct {
		target int
		verdict.Verdict
		tier int32
	}{
		{0, verdict.Unhealthy, 2}, {1, verdict.Healthy, 2}, {0, verdict.Healthy, 2},
	} {
		h := &health[step.target]
		change := engine.Transition{From: h.Verdict(), To: step.Verdict}
		h.verdict.Store(uint32(step.Verdict))
		healthcheck.Transition([]owner{{r.targets[step.target].list()[0], 0}}, change)
		if got := r.answers[policy.IPv4].Load().Tier; got != step.tier {
			t.Errorf("target %d %v: tier %d answers, want %d", step.target, step.Verdict, got, step.tier)
		}
	}
}
