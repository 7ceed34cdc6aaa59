package failover

import (
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// The reason of a switch is about what is answered.
func TestReasonOfFailOpen(t *testing.T) {
	s := steer(t, "primary 127.0.0.1\n check tcp "+deadPort(t)+" {\n interval 1s\n fast_interval 100ms\n threshold 2\n }\n")
	s.await("the failure", func() bool { return s.shown().State == "fail_open" && len(s.shown().History) > 1 })
	for _, h := range s.shown().History {
		if h.Kind == status.RecordChanged && h.Reason == "" {
			t.Errorf("nothing says why: %+v", h)
		}
	}
	if got := ede(t, s.addr(), true); got == nil || !strings.Contains(got.ExtraText, "refused") {
		t.Errorf("the answer says %v", got)
	}
}

func TestReasonOfAFamily(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1 2001:db8::1\n secondary 192.0.2.2 2001:db8::2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n}")
	f.set(verdict.Healthy, "192.0.2.2", "2001:db8::2")
	f.set(verdict.Unhealthy, "192.0.2.1", "2001:db8::1")
	r := f.records[0]
	for _, fam := range r.families() {
		want := map[string]string{"IPv4": "target 192.0.2.1:", "IPv6": "target 2001:db8::1:"}[fam.String()]
		if got := r.reason(r.answers[fam].Load()); !strings.HasPrefix(got, want) {
			t.Errorf("%v: the reason is %q, want that of %q", fam, got, want)
		}
	}
}

func TestReasonOfAHold(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n failback manual\n}")
	f.set(verdict.Healthy, "192.0.2.2")
	f.set(verdict.Unhealthy, "192.0.2.1")
	f.set(verdict.Healthy, "192.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.2")
	r := f.records[0]
	if got := r.reason(r.answers[r.families()[0]].Load()); !strings.Contains(got, "failback") && !strings.Contains(got, "held") {
		t.Errorf("tier 2 answers, and the reason is %q", got)
	}
}

func TestReasonOfARecordAsTarget(t *testing.T) {
	f := operated(t, `failover www.example.org {
		primary a.example.org {
			evaluate_target_health
			check none
		}
		secondary 192.0.2.9
		check tcp 9 {
			interval 24h
			fast_interval 24h
		}
	}
	failover a.example.org {
		primary 192.0.2.1
		check tcp 10 {
			interval 24h
			fast_interval 24h
		}
	}`)
	f.set(verdict.Healthy, "192.0.2.9")
	f.set(verdict.Unhealthy, "192.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.9")
	r := f.records[0]
	if got := r.reason(r.answers[r.families()[0]].Load()); !strings.Contains(got, "a.example.org") {
		t.Errorf("tier 2 answers, and the reason is %q", got)
	}
}
