package failover

import (
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// A wildcard in front of the next plugins stands for what they answer, and can be
// forced like any other target.
func TestForcedNext(t *testing.T) {
	f := handlerOf(t, "failover *.example.org {\n primary next\n secondary 192.0.2.2 {\n check none\n }\n check tcp 9\n probe 192.0.2.0/24\n}")
	f.Next = nextSays(dns.RcodeSuccess, "a.example.org. 60 IN A 192.0.2.1")
	expectAnswer(t, f, "a.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	for _, state := range []string{status.ForcedDrained, status.ForcedUnhealthy} {
		f.records[0].next.force.Store(&status.Forced{State: state})
		update(f.records...)
		expectAnswer(t, f, "a.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
	}
	f.records[0].next.force.Store(nil)
	update(f.records...)
	expectAnswer(t, f, "a.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
}

// What is forced on a target that is another record counts for what that answers as
// it is, and the last target of a parent is not taken either.
func TestForcedRecordsAsTargets(t *testing.T) {
	f := handlerOf(t, `failover www.example.org {
		primary a.example.org {
			evaluate_target_health
		}
		secondary 192.0.2.9 {
			check none
		}
		check tcp 9
	}
	failover a.example.org {
		primary 192.0.2.1
		secondary 192.0.2.2
		check tcp 9
	}`)
	www, a := f.records[0], f.records[1]
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	www.tier(1)[0].force.Store(&status.Forced{State: status.ForcedUnhealthy})
	update(www)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.9")
	www.tier(1)[0].force.Store(&status.Forced{State: status.ForcedHealthy})
	f.set(verdict.Unhealthy, "192.0.2.1", "192.0.2.2", "a.example.org")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	www.tier(1)[0].force.Store(nil)
	f.set(verdict.Healthy, "192.0.2.1", "192.0.2.2", "a.example.org")
	www.tier(2)[0].force.Store(&status.Forced{State: status.ForcedDrained})
	update(www)
	if left := (order{record: a}).leavesNothing(status.ForcedDrained); left == nil || left.record != a {
		t.Errorf("draining all of a leaves %v", left)
	}
	if left := (order{record: www, target: &www.tier(1)[0]}).leavesNothing(status.ForcedDrained); left == nil || left.record != www {
		t.Errorf("draining a as a target leaves %v", left)
	}
}

// Forced healthy is a target, not what another record knows of its own: that goes
// on answering from its secondary while its primary is dead.
func TestForcedHealthyIsATargetAndNotWhatIsBehindIt(t *testing.T) {
	f := operated(t, `failover www.example.org {
		primary a.example.org {
			evaluate_target_health
		}
		secondary 192.0.2.9
		check tcp 9 {
			interval 24h
			fast_interval 24h
		}
	}
	failover a.example.org {
		primary 192.0.2.1
		secondary 192.0.2.2
		check tcp 10 {
			interval 24h
			fast_interval 24h
		}
	}`)
	f.set(verdict.Healthy, "192.0.2.2", "192.0.2.9", "a.example.org")
	f.set(verdict.Unhealthy, "192.0.2.1")
	expectAnswer(t, f, "a.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
	if _, err := (source{}).Act("www.example.org", status.Force, "me", status.Action{Target: "a.example.org", State: "healthy", Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	expectAnswer(t, f, "a.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
}

// What is drained is not to be reached by a hint or an additional record either.
func TestHintsOfANextThatIsForced(t *testing.T) {
	for _, state := range []string{status.ForcedUnhealthy, status.ForcedDrained} {
		for _, name := range []string{"www.example.org", "*.example.org"} {
			f := operated(t, "failover "+name+" {\n primary next\n secondary 127.0.2.2 {\n check none\n }\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n probe 127.0.0.0/8\n}")
			f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1", "www.example.org. 9 IN HTTPS 1 . alpn=h2 ipv4hint=127.0.1.1")
			if name == "www.example.org" {
				stand(f, "next", "127.0.1.1")
			}
			a := status.Action{Reason: "x", Target: "next", Override: true}
			verb := status.Drain
			if state == status.ForcedUnhealthy {
				verb, a.State = status.Force, "unhealthy"
			}
			if _, err := (source{}).Act(name, verb, "me", a); err != nil {
				t.Fatal(err)
			}
			expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
			if got := summary(ask(f, "www.example.org.", dns.TypeHTTPS)); strings.Contains(got, "127.0.1.1") {
				t.Errorf("%s, next is %s: %s", name, state, got)
			}
		}
	}
}

// The Corefile's drain says the same.
func TestHintsOfANextThatTheCorefileDrains(t *testing.T) {
	f := handlerOf(t, "failover www.example.org {\n primary next {\n drain\n }\n secondary 127.0.2.2 {\n check none\n }\n check tcp 9\n probe 127.0.0.0/8\n}")
	f.Next = newZone(t, "www.example.org. 9 IN A 127.0.1.1", "www.example.org. 9 IN HTTPS 1 . alpn=h2 ipv4hint=127.0.1.1")
	stand(f, "next", "127.0.1.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
	if got := summary(ask(f, "www.example.org.", dns.TypeHTTPS)); strings.Contains(got, "127.0.1.1") {
		t.Errorf("%s", got)
	}
}

// Fail open answers everything, drained or not, healthy or not: as explained.
func TestFailOpenWithADrainedNext(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary next\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n probe 192.0.2.0/24\n}")
	f.Next = newZone(t, "www.example.org. 9 IN A 192.0.2.1", "www.example.org. 9 IN A 192.0.2.2")
	stand(f, "next", "192.0.2.1", "192.0.2.2")
	for i, a := range f.records[0].next.list() {
		a.checks[0] = fixed([]verdict.Verdict{verdict.Unhealthy, verdict.Healthy}[i])
	}
	if _, err := (source{}).Act("www.example.org", status.Drain, "me", status.Action{Reason: "x", Override: true}); err != nil {
		t.Fatal(err)
	}
	if got, want := replied(f, "www.example.org.", dns.TypeA, "10.0.0.1"), explained(t, "www.example.org", status.Question{Type: "A"}); got != want {
		t.Errorf("answered %s, explained %s", got, want)
	}
}
