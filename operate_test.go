package failover

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/caddy"

	"github.com/miekg/dns"
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
	var kinds []string
	for _, h := range s.shown().History {
		kinds = append(kinds, fmt.Sprintf("%s %s: %s -> %s", h.Kind, h.Family, h.From, h.To))
	}
	want := []string{
		"record IPv4: failed_over, tier 2 answers -> normal, tier 1 answers", "forced : drained -> ",
		"record IPv4: normal, tier 1 answers -> failed_over, tier 2 answers", "forced :  -> drained",
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the history is\n%s", strings.Join(kinds, "\n"))
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

func TestLastEligibleTargetIsNotTaken(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1"})
	problem(t, s.act(status.Drain, status.Action{Target: "127.0.0.2"}), status.Refused, "no eligible target left for IPv4")
	problem(t, s.act(status.Force, status.Action{Target: "127.0.0.2", State: "unhealthy"}), status.Refused, "no eligible target")
	s.answers("127.0.0.2")
	s.must(status.Clear, status.Action{Target: "127.0.0.1"})
	problem(t, s.act(status.Drain, status.Action{}), status.Refused, "no eligible target")
	s.must(status.Drain, status.Action{Override: true})
	s.answers("127.0.0.1") // fail open
	if got := s.shown().State; got != "fail_open" {
		t.Errorf("the record is %s", got)
	}
	s.must(status.Clear, status.Action{})
}

func TestForcedStatesExpire(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	s.must(status.Drain, status.Action{Target: "127.0.0.1", ExpiresIn: "300ms"})
	s.answers("127.0.0.2")
	s.await("the end", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.1" })
	if h := s.shown().History[1]; h.Kind != status.Steered || h.From != "drained" || h.Reason != "expired" {
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

// An empty list is a list: programs that read the API need not know null.
func TestNothingIsNull(t *testing.T) {
	f := func(v any, err error) {
		t.Helper()
		text, errJSON := json.Marshal(v)
		if err != nil || errJSON != nil || strings.Contains(string(text), "null") {
			t.Errorf("%s, %v, %v", text, err, errJSON)
		}
	}
	run(t, "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n primary next\n secondary alias.example.net\n"+
		" check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n }\n}\n")
	f(source{}.Overview(), nil)
	f(source{}.Records(status.Query{Limit: 10}), nil)
	f(source{}.Records(status.Query{Search: "nothing", Limit: 10}), nil)
	f(source{}.Record("www.example.org"))
	f(source{}.Explain("www.example.org", status.Question{}))
}

func TestUnknownRecordsAndTargets(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	_, err := source{}.Record("mail.example.org")
	problem(t, err, status.NotFound, `no record "mail.example.org"`)
	problem(t, s.act(status.Drain, status.Action{Target: "192.0.2.1"}), status.NotFound, `no target "192.0.2.1"`)
	problem(t, s.act("eat", status.Action{}), status.Invalid, `"eat"`)
	_, err = source{}.Explain("www.example.org", status.Question{Type: "MX"})
	problem(t, err, status.Invalid, `"MX"`)
	_, err = source{}.Explain("www.example.org", status.Question{Down: []string{"192.0.2.1"}})
	problem(t, err, status.NotFound, `"192.0.2.1"`)
	if got := s.shown(); got.Name != "www.example.org" || !strings.HasPrefix(got.ID, "www.example.org@127.0.0.1:") {
		t.Errorf("it is named %q, %q", got.Name, got.ID)
	}
	if r, err := (source{}).Record(s.shown().ID); err != nil || r.Name != "www.example.org" {
		t.Errorf("by its ID it is %+v, %v", r, err)
	}
}

func TestNamesOfSeveralRecordsAreAmbiguous(t *testing.T) {
	run(t, two())
	_, err := source{}.Record("www.example.org")
	problem(t, err, status.Ambiguous, "2 records")
	var ambiguous *status.Problem
	if !errors.As(err, &ambiguous) || len(ambiguous.Candidates) != 2 {
		t.Fatalf("the candidates are missing in %v", err)
	}
	for _, id := range ambiguous.Candidates {
		if _, err := (source{}).Record(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// two are two server blocks with a record of the same name.
func two() string {
	const one = "example.org:0 {\n bind 127.0.0.%d\n failover www.example.org {\n primary 127.0.0.1\n secondary 127.0.0.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n }\n}\n"
	return fmt.Sprintf(one, 1) + fmt.Sprintf(one, 2)
}

func TestPagesOfRecords(t *testing.T) {
	corefile := "example.org:0 {\n bind 127.0.0.1\n"
	for i := range 25 {
		corefile += fmt.Sprintf(" failover r%02d.example.org {\n primary 127.0.0.1\n secondary 127.0.1.%d {\n check none\n }\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n }\n", i, i)
	}
	run(t, corefile+"}\n")
	var names []string
	q := status.Query{Limit: 10}
	for {
		page := source{}.Records(q)
		if page.Total != 25 {
			t.Fatalf("there are %d in all", page.Total)
		}
		for _, r := range page.Records {
			names = append(names, r.Name)
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	if len(names) != 25 || !slices.IsSorted(names) {
		t.Errorf("the pages have %v", names)
	}
	for _, tt := range []struct {
		query status.Query
		want  int
	}{
		{status.Query{Search: "R1"}, 10},
		{status.Query{Search: "127.0.1.7"}, 1},
		{status.Query{State: "normal"}, 25},
		{status.Query{State: "failed_over"}, 0},
		{status.Query{State: "forced"}, 0},
		{status.Query{Search: "nothing"}, 0},
	} {
		tt.query.Limit = 100
		if page := (source{}).Records(tt.query); page.Total != tt.want || len(page.Records) != tt.want {
			t.Errorf("%+v finds %d", tt.query, page.Total)
		}
	}
	if _, err := (source{}).Act("r03.example.org", status.Drain, "tester", status.Action{Target: "127.0.0.1", Reason: "x"}); err != nil {
		t.Fatal(err)
	}
	if page := (source{}).Records(status.Query{State: "forced", Limit: 5}); page.Total != 1 {
		t.Errorf("%d are forced", page.Total)
	}
	o := source{}.Overview()
	if o.Records["normal"] != 24 || o.Records["failed_over"] != 1 || len(o.Forced) != 1 || o.Guard != "none" || len(o.Configuration) != 12 {
		t.Errorf("the overview is %+v", o)
	}
}

func TestExplain(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	e, err := source{}.Explain("www.example.org", status.Question{Client: netip.MustParseAddr("192.0.2.7"), Down: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if e.State != "failed_over" || e.Tier != 2 || !slices.Equal(e.Answers, []string{"127.0.0.2"}) || e.Client != "192.0.2.7" || e.Type != "A" || e.TTL != 30 {
		t.Errorf("explained as %+v", e)
	}
	if len(e.Steps) < 2 || !strings.Contains(e.Steps[0].Text, "127.0.0.1: taken for unhealthy") {
		t.Errorf("the steps are %+v", e.Steps)
	}
	s.answers("127.0.0.1") // nothing has changed
	e, err = source{}.Explain("www.example.org", status.Question{Down: []string{"127.0.0.1", "127.0.0.2"}})
	if err != nil || e.State != "fail_open" || e.Tier != 1 {
		t.Errorf("explained as %+v, %v", e, err)
	}
}

// chaos asks for the status of a record.
func chaos(t *testing.T, addr, name string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, dns.TypeTXT)
	m.Question[0].Qclass = dns.ClassCHAOS
	reply, err := dns.Exchange(m, addr)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestStatusByDNS(t *testing.T) {
	s := steer(t, twoTiers(deadPort(t)))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	text := summary(chaos(t, s.addr(), "WWW.example.org."), 0, nil)
	for _, words := range []string{
		`"IPv4: failed_over, tier 2 answers: 127.0.0.2"`, `"tier 1, target 127.0.0.1: unhealthy for `, "connection refused", `"tier 2, target 127.0.0.2: healthy"`,
	} {
		if !strings.Contains(text, words) {
			t.Errorf("the status lacks %s:\n%s", words, text)
		}
	}
	if got := chaos(t, s.addr(), "version.bind.").Rcode; got != dns.RcodeRefused {
		t.Errorf("version.bind gets %s", dns.RcodeToString[got])
	}
	if got := chaos(t, s.addr(), "mail.example.org.").Rcode; got != dns.RcodeRefused {
		t.Errorf("another name gets %s", dns.RcodeToString[got])
	}
}

// ede returns the Extended DNS Error of an answer, or nil.
func ede(t *testing.T, addr string, edns bool) *dns.EDNS0_EDE {
	t.Helper()
	m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
	if edns {
		m.SetEdns0(1232, false)
	}
	reply, err := dns.Exchange(m, addr)
	if err != nil {
		t.Fatal(err)
	}
	if opt := reply.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				return e
			}
		}
	}
	return nil
}

func TestExtendedErrorWhileFailedOver(t *testing.T) {
	s := steer(t, twoTiers(listener(t)))
	s.awaitVerdict()
	if got := ede(t, s.addr(), true); got != nil {
		t.Errorf("while all is well it says %v", got)
	}
	s.must(status.Drain, status.Action{Target: "127.0.0.1", Reason: "new kernel"})
	got := ede(t, s.addr(), true)
	if got == nil || got.InfoCode != dns.ExtendedErrorCodeOther || got.ExtraText != "failed_over, tier 2 answers; target 127.0.0.1: drained by tester: new kernel" {
		t.Errorf("it says %v", got)
	}
	if got := ede(t, s.addr(), false); got != nil {
		t.Errorf("without EDNS it says %v", got)
	}
}

func TestStatusIsForThoseWhoMayKnow(t *testing.T) {
	s := steered{run(t, "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n"+twoTiers(listener(t))+"\n }\n failover {\n status_to 192.0.2.0/24\n }\n}\n")}
	s.must(status.Drain, status.Action{Target: "127.0.0.1"})
	if got := ede(t, s.addr(), true); got != nil {
		t.Errorf("somebody else is told %v", got)
	}
	if got := chaos(t, s.addr(), "www.example.org.").Rcode; got != dns.RcodeRefused {
		t.Errorf("somebody else gets %s", dns.RcodeToString[got])
	}
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

// What is forced on a target that is another record counts for that one as a
// whole, and the last target of a parent is not taken either.
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
	www.tiers[0][0].force.Store(&status.Forced{State: status.ForcedUnhealthy})
	update(www)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.9")
	www.tiers[0][0].force.Store(&status.Forced{State: status.ForcedHealthy})
	f.set(verdict.Unhealthy, "192.0.2.1", "192.0.2.2", "a.example.org")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.1")
	www.tiers[0][0].force.Store(nil)
	f.set(verdict.Healthy, "192.0.2.1", "192.0.2.2", "a.example.org")
	www.tiers[1][0].force.Store(&status.Forced{State: status.ForcedDrained})
	update(www)
	if left := (order{record: a}).leavesNothing(status.ForcedDrained); left == nil || left.record != a {
		t.Errorf("draining all of a leaves %v", left)
	}
	if left := (order{record: www, target: www.tiers[0][0]}).leavesNothing(status.ForcedDrained); left == nil || left.record != www {
		t.Errorf("draining a as a target leaves %v", left)
	}
}
