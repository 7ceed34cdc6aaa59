package failover

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/coredns/caddy"
)

// steered is a configuration that an operator steers.
type steered struct{ *running }

func steer(t *testing.T, record string) steered {
	t.Helper()
	return steered{run(t, "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n"+record+"\n }\n}\n")}
}

// twoTiers is a record whose primary is checked at a port, and whose secondary
// never fails.
func twoTiers(port string, more ...string) string {
	return "primary 127.0.0.1\n secondary 127.0.0.2 {\n check none\n }\n check tcp " + port +
		" {\n interval 1s\n fast_interval 100ms\n threshold 2\n }\n" + strings.Join(more, "\n")
}

func (s steered) act(verb string, a status.Action) error {
	if a.Reason == "" {
		a.Reason = "a test"
	}
	_, err := source{}.Act("www.example.org", verb, "tester", a)
	return err
}

func (s steered) must(verb string, a status.Action) {
	s.Helper()
	if err := s.act(verb, a); err != nil {
		s.Errorf("%s %+v: %v", verb, a, err)
	}
}

func (s steered) answers(want string) {
	s.Helper()
	if got := s.ask("www.example.org."); got != "NOERROR "+want {
		s.Errorf("answered %s, want %s", got, want)
	}
}

func (s steered) shown() status.Record {
	s.Helper()
	r, err := source{}.Record("www.example.org")
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// problem expects an error for that reason, with these words in it.
func problem(t *testing.T, err error, reason status.Reason, words string) {
	t.Helper()
	var p *status.Problem
	if !errors.As(err, &p) || p.Reason != reason || !strings.Contains(p.Detail, words) {
		t.Errorf("got %v, want %s: %s", err, reason, words)
	}
}

func (s steered) awaitVerdict() {
	s.Helper()
	s.await("a verdict", func() bool { return s.shown().Tiers[0].Targets[0].Verdict == "healthy" })
}

func TestDrainAndClear(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1", Reason: "new kernel"})
	s.answers("127.0.0.2")
	primary := s.shown().Tiers[0].Targets[0]
	if f := primary.Force; primary.Verdict != "healthy" || primary.Eligible || f == nil ||
		f.State != status.ForcedDrained || f.By != "tester" || f.Reason != "new kernel" || f.Target != "127.0.0.1" {
		t.Errorf("the drained target is shown as %+v, %+v", primary, primary.Force)
	}
	if s := s.shown(); s.State != "failed_over" || s.Forced != 1 || s.Healthy != 2 {
		t.Errorf("its record is shown as %+v", s.Summary)
	}
	s.must(status.Clear, status.Action{Target: "127.0.0.1"})
	s.answers("127.0.0.1")
	problem(t, s.act(status.Clear, status.Action{Target: "127.0.0.1"}), status.Invalid, "nothing is forced")
	s.expectKinds(
		"record IPv4: failed_over, tier 2 answers -> normal, tier 1 answers", "forced : drained -> ",
		"record IPv4: normal, tier 1 answers -> failed_over, tier 2 answers", "forced :  -> drained",
	)
}

// kinds are what has been told of the record, the newest first.
func (s steered) kinds() (kinds []string) {
	s.Helper()
	for _, h := range s.shown().History {
		kinds = append(kinds, fmt.Sprintf("%s %s: %s -> %s", h.Kind, h.Family, h.From, h.To))
	}
	return kinds
}

func (s steered) expectKinds(want ...string) {
	s.Helper()
	if kinds := s.kinds(); !slices.Equal(kinds, want) {
		s.Errorf("the history is\n%s", strings.Join(kinds, "\n"))
	}
}

// What an operator forces outlives a reload, and the check goes on beside it.
func TestForcedStatesOutliveReloads(t *testing.T) {
	port := listener(t)
	s := steer(t, twoTiers(port))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1"})
	if err := s.reload("example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n" + twoTiers(port, "ttl 5s") + "\n }\n}\n"); err != nil {
		t.Fatal(err)
	}
	s.answers("127.0.0.2")
	for _, h := range s.shown().History[1:] {
		if h.Kind == status.RecordChanged && strings.Contains(h.To, "tier 1") {
			t.Errorf("the reload flipped the answer: %+v", h)
		}
	}
	s.must(status.Clear, status.Action{Target: "127.0.0.1"})
	s.answers("127.0.0.1")
}

func TestForce(t *testing.T) {
	s := steer(t, twoTiers(deadPort(t)))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	s.must(status.Force, status.Action{Target: "127.0.0.1", State: "healthy"})
	s.answers("127.0.0.1")
	if primary := s.shown().Tiers[0].Targets[0]; primary.Verdict != "unhealthy" || !primary.Eligible {
		t.Errorf("the target that is forced healthy is shown as %+v", primary)
	}
	s.must(status.Force, status.Action{Target: "127.0.0.1", State: "unhealthy"})
	s.answers("127.0.0.2")
	s.must(status.Force, status.Action{State: "healthy"}) // the target has a state of its own
	s.answers("127.0.0.2")
	s.must(status.Clear, status.Action{Target: "127.0.0.1"})
	s.answers("127.0.0.1")
	s.must(status.Clear, status.Action{})
	s.answers("127.0.0.2")
}

func TestForcedStatesExpire(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1", ExpiresIn: "300ms"})
	s.await("the end", func() bool { return len(s.kinds()) == 4 })
	s.answers("127.0.0.1")
	s.expectKinds(
		"record IPv4: failed_over, tier 2 answers -> normal, tier 1 answers", "forced : drained -> ",
		"record IPv4: normal, tier 1 answers -> failed_over, tier 2 answers", "forced :  -> drained",
	)
	if h := s.shown().History[1]; h.Reason != "expired" {
		t.Errorf("the end is told as %+v", h)
	}
	problem(t, s.act(status.Drain, status.Action{ExpiresIn: "soon"}), status.Invalid, "15m")
}

func TestFailbackManual(t *testing.T) {
	port := deadPort(t)
	s := steer(t, twoTiers(port, "failback manual"))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	problem(t, s.act(status.Failback, status.Action{}), status.Invalid, "holds no tier")
	s.must(status.Force, status.Action{Target: "127.0.0.1", State: "healthy"})
	s.answers("127.0.0.2")
	if f := s.shown().Families[0]; !f.Waiting || f.Tier != 2 {
		t.Errorf("it is shown as %+v", f)
	}
	s.must(status.Failback, status.Action{})
	s.answers("127.0.0.1")
	if f := s.shown().Families[0]; f.Waiting || f.Tier != 1 {
		t.Errorf("it is shown as %+v", f)
	}
	s.must(status.Clear, status.Action{Target: "127.0.0.1"})
	s.must(status.Force, status.Action{Target: "127.0.0.1", State: "healthy"})
	s.answers("127.0.0.2")
	s.must(status.Failback, status.Action{Target: "127.0.0.1"})
	s.answers("127.0.0.1")
}

func TestHeartbeat(t *testing.T) {
	const record = " failover www.example.org {\n primary 127.0.0.1\n secondary 127.0.0.2 {\n check none\n }\n" +
		" check heartbeat shop {\n interval 400ms\n threshold 1\n }\n }\n"
	if _, err := caddy.Start(input("example.org:0 {\n bind 127.0.0.1\n" + record + "}\n")); err == nil ||
		!strings.Contains(err.Error(), "nobody could send it") {
		t.Errorf("without admin it starts: %v", err)
	}
	s := steered{run(t, "example.org:0 {\n bind 127.0.0.1\n"+record+" failover {\n admin 127.0.0.1:0\n }\n}\n")}
	s.await("a verdict", func() bool {
		if err := (source{}).Beat("shop"); err != nil {
			t.Fatal(err)
		}
		return s.shown().Tiers[0].Targets[0].Verdict == "healthy"
	})
	s.await("the silence to be noticed", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	if got := s.shown().Tiers[0].Targets[0].Addresses[0].Checks[0]; !strings.HasPrefix(got.LastError, "no heartbeat for ") || got.Check != "heartbeat shop" {
		t.Errorf("it is shown as %+v", got)
	}
	problem(t, source{}.Beat("cart"), status.NotFound, `"cart"`)
}

func TestHeartbeatThatHasNotComeYet(t *testing.T) {
	b := new(beats)
	b.know("shop")
	h := heartbeat{b, "shop", time.Hour}
	if _, err := h.Probe(t.Context()); err == nil || err.Error() != "no heartbeat yet" {
		t.Errorf("got %v", err)
	}
	h.lasts = 0
	if _, err := h.Probe(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "no heartbeat ever, in ") {
		t.Errorf("got %v", err)
	}
	b.retain(func(string) bool { return false })
	if b.beat("shop") {
		t.Error("it takes a heartbeat that no check has any more")
	}
}

// operated is a handler whose configuration runs, without a probe: tests set the
// verdicts, and steer it as an operator does.
func operated(t *testing.T, text string) *Failover {
	t.Helper()
	f := handlerOf(t, text)
	c := begun(t, nil, f)
	c.operation = &operation{settings: model.Process{StatusTo: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}}
	healthcheck.begin(c, nil)
	t.Cleanup(func() { healthcheck.retain(func(other *configuration) bool { return other != c }) })
	update(f.records...)
	return f
}

// A heartbeat is looked at once by all who wait for it: also by what only questions
// have told of.
func TestHeartbeatOfWhatWasLearned(t *testing.T) {
	r := run(t, "example.org:0 {\n bind 127.0.0.1\n template IN A {\n answer \"{{ .Name }} 60 IN A 127.0.0.3\"\n }\n"+
		" failover *.example.org {\n primary next\n secondary 127.0.0.2 {\n check none\n }\n probe 127.0.0.0/8\n"+
		" check heartbeat shop {\n interval 1h\n }\n }\n failover {\n admin 127.0.0.1:0\n }\n}\n")
	learned := func() status.Address {
		r.ask("www.example.org.")
		shown, err := source{}.Record("*.example.org")
		if err != nil || len(shown.Tiers[0].Targets[0].Addresses) != 1 {
			t.Fatalf("shown as %+v, %v", shown, err)
		}
		return shown.Tiers[0].Targets[0].Addresses[0]
	}
	r.await("a first look", func() bool { return !learned().Checks[0].LastProbe.IsZero() })
	sent := time.Now()
	if err := (source{}).Beat("shop"); err != nil {
		t.Fatal(err)
	}
	r.await("the heartbeat to be noticed", func() bool { return learned().Verdict == "healthy" })
	if after := learned().Checks[0].LastProbe.Sub(sent); after > time.Second {
		t.Errorf("it is noticed by the next look, %v after it was sent", after)
	}
}
