package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// fakeSource has the records that a test gives it.
type fakeSource struct {
	mu      sync.Mutex
	started time.Time
	guard   string
	records []status.Record // in the order of their names
	queries []status.Query  // that were asked
}

func newFakeSource(records ...status.Record) *fakeSource {
	s := &fakeSource{started: time.Now().Add(-26 * time.Hour), guard: "passing"}
	s.records = slices.SortedFunc(slices.Values(records), func(a, b status.Record) int {
		return cmp.Compare(a.Name, b.Name)
	})
	return s
}

func (s *fakeSource) Overview() status.Overview {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := status.Overview{
		Server: "ns1.example.net", Version: "1.15.0", Configuration: "9f2c41d07ab3e58c",
		Started: s.started, Now: time.Now(), Guard: s.guard,
		Records: make(map[string]int), Checks: 2 * len(s.records), Unknown: 1, Broken: 1,
	}
	for _, r := range s.records {
		o.Records[r.State]++
		o.Forced = append(o.Forced, forcedIn(r)...)
	}
	return o
}

func forcedIn(r status.Record) (all []status.Forced) {
	if r.Force != nil {
		all = append(all, *r.Force)
	}
	for _, t := range r.Tiers {
		for _, target := range t.Targets {
			if target.Force != nil && target.Force.Target != "" {
				all = append(all, *target.Force)
			}
		}
	}
	return all
}

func (s *fakeSource) Records(q status.Query) (p status.Page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, q)
	for _, r := range s.records {
		inState := q.State == "" || q.State == r.State || q.State == "forced" && r.Forced > 0
		if !inState || !strings.Contains(r.Name, q.Search) {
			continue
		}
		p.Total++
		switch {
		case r.ID <= q.After:
		case len(p.Records) == q.Limit:
			p.Next = p.Records[len(p.Records)-1].ID
		default:
			p.Records = append(p.Records, r.Summary)
		}
	}
	return p
}

func (s *fakeSource) Record(id string) (status.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []status.Record
	for _, r := range s.records {
		if r.ID == id {
			return r, nil
		}
		if r.Name == id {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return status.Record{}, status.Problemf(status.NotFound, "there is no record %s", id)
	case 1:
		return found[0], nil
	}
	p := status.Problemf(status.Ambiguous, "%s is the name of %d records", id, len(found))
	for _, r := range found {
		p.Candidates = append(p.Candidates, r.ID)
	}
	return status.Record{}, p
}

func (*fakeSource) Explain(string, status.Question) (status.Explanation, error) {
	return status.Explanation{}, status.Problemf(status.Invalid, "a fake explains nothing")
}

func (*fakeSource) Act(string, string, string, status.Action) (status.Record, error) {
	return status.Record{}, status.Problemf(status.Invalid, "a fake does nothing")
}

func (*fakeSource) Beat(string) error { return nil }

// aRecord is a record of two tiers with one target each: the primary is healthy
// where the state is "normal".
func aRecord(name, state string, n int) status.Record {
	now := time.Now()
	primary, secondary := fmt.Sprintf("192.0.2.%d", n%250+1), fmt.Sprintf("198.51.100.%d", n%250+1)
	r := status.Record{
		Summary: status.Summary{
			ID: name + "@dns://:53@example.org.", Name: name, State: state,
			Families: []status.Family{{
				Family: "IPv4", Kind: "answer", State: state, Tier: 1,
				Since: now.Add(-71 * time.Minute), Answers: []string{primary},
			}},
			Targets: 2, Healthy: 2,
		},
		Server: "dns://:53", Zone: "example.org.", Types: []string{"A", "AAAA"}, TTL: 30,
		Policy: "all", Fail: "open", Failback: "auto",
	}
	first, second := aTarget(primary, true, n), aTarget(secondary, true, n+7)
	f := &r.Families[0]
	switch state {
	case "failed_over":
		first = aTarget(primary, false, n)
		f.Tier, f.Answers, r.Healthy = 2, []string{secondary}, 1
	case "fail_open", "fail_closed", "fail_next":
		first, second = aTarget(primary, false, n), aTarget(secondary, false, n+7)
		f.Tier, r.Healthy = 0, 0
		f.Kind = map[string]string{"fail_open": "answer", "fail_closed": "closed", "fail_next": "next"}[state]
		if state == "fail_open" {
			f.Tier = 1
		} else {
			f.Answers = nil
		}
	}
	r.Tiers = []status.Tier{{Tier: 1, Targets: []status.Target{first}}, {Tier: 2, Targets: []status.Target{second}}}
	if f.Tier > 0 {
		r.Tiers[f.Tier-1].Active = []string{"IPv4"}
	}
	if state != "normal" {
		r.History = []status.Transition{
			{
				At: now.Add(-71 * time.Minute), Kind: status.RecordChanged, Record: r.ID, Name: name, Family: "IPv4",
				From: "normal, tier 1", To: fmt.Sprintf("%s, tier %d", state, f.Tier),
			},
			{
				At: now.Add(-71*time.Minute - 8*time.Millisecond), Kind: status.TargetChanged, Record: r.ID, Name: name,
				Tier: 1, Target: primary, From: "healthy", To: "unhealthy", Reason: "connection refused",
			},
		}
	}
	return r
}

// aTarget is an address with one check.
func aTarget(word string, healthy bool, n int) status.Target {
	now := time.Now()
	c := status.Check{
		Check: "http :80/healthz", Verdict: "healthy", Probed: true,
		Since: now.Add(-25 * time.Hour), LastProbe: now.Add(-3 * time.Second), Took: 0.0018,
	}
	for i := range 32 {
		c.Recent = append(c.Recent, 0.001+float64((i*(n+3)*7919)%97)/40000)
	}
	if !healthy {
		c.Verdict, c.Since = "unhealthy", now.Add(-71*time.Minute)
		c.LastError = "connection refused"
		for i := 20; i < 32; i++ {
			c.Recent[i] = -c.Recent[i]
		}
	}
	return status.Target{
		Target: word, Verdict: c.Verdict, Eligible: healthy, Weight: 1,
		Addresses: []status.Address{{Address: word, Verdict: c.Verdict, Checks: []status.Check{c}}},
	}
}

// force sets a forced state of a target of tier 1, or of the whole record.
func force(r *status.Record, target bool, state string) {
	now := time.Now()
	f := &status.Forced{
		Record: r.ID, State: state, Reason: "kernel update, CHG-4711", By: "alice",
		Since: now.Add(-12 * time.Minute), Until: now.Add(48 * time.Minute),
	}
	r.Forced++
	if target {
		f.Target = r.Tiers[0].Targets[0].Target
		r.Tiers[0].Targets[0].Force = f
		r.Tiers[0].Targets[0].Eligible = state == status.ForcedHealthy
		return
	}
	r.Force = f
	for i := range r.Tiers {
		for j := range r.Tiers[i].Targets {
			r.Tiers[i].Targets[j].Force = f
		}
	}
}

// everything returns records that show whatever there is to be shown.
func everything() []status.Record {
	all := []status.Record{
		aRecord("api.example.org", "failed_over", 1),
		aRecord("db.example.org", "fail_closed", 2),
		aRecord("legacy.example.org", "fail_next", 3),
		aRecord("mail.example.org", "fail_open", 4),
		aRecord("plain.example.org", "normal", 5),
		aRecord("rehearsal.example.org", "normal", 6),
		aRecord("shop.example.org", "normal", 7),
		aRecord("*.apps.example.org", "normal", 8),
		aRecord("www.example.org", "failed_over", 9),
	}
	by := make(map[string]*status.Record)
	for i := range all {
		by[all[i].Name] = &all[i]
	}
	by["rehearsal.example.org"].Observed = true
	by["rehearsal.example.org"].Tiers[1].Targets[0].Addresses[0].Checks = nil
	force(by["plain.example.org"], false, status.ForcedHealthy)
	shop := by["shop.example.org"]
	force(shop, true, status.ForcedDrained)
	shop.State = "failed_over"
	shop.Families[0].State, shop.Families[0].Tier = "failed_over", 2
	shop.Families[0].Waiting = true

	now := time.Now()
	www := by["www.example.org"]
	www.Types = append(www.Types, "HTTPS")
	www.View = "internal"
	www.Policy, www.Failback = "weighted", "after 5m0s"
	www.Families = append(www.Families, status.Family{
		Family: "IPv6", Kind: "no_data", State: "normal", Since: now.Add(-26 * time.Hour), Answers: []string{},
	})
	www.Tiers[0].Targets = append(www.Tiers[0].Targets, aliasTarget(now))
	unknown := aTarget("192.0.2.77", true, 3)
	unknown.Verdict, unknown.Weight = "unknown", 3
	unknown.Addresses[0].Verdict = "unknown"
	unknown.Addresses[0].Checks = []status.Check{{Check: "icmp", Verdict: "unknown", Probed: true, Broken: true, LastError: "ICMP is not permitted"}}
	www.Tiers[0].Targets = append(www.Tiers[0].Targets, unknown)
	www.Tiers = append(www.Tiers, status.Tier{Tier: 3, Targets: []status.Target{{
		Target: "gone.example.net", Verdict: "unknown", Eligible: false, Weight: 0, Drained: true,
		Unresolved: "no answer from the plugins after this one: SERVFAIL",
	}}})
	www.Targets = 5
	for i := range 12 {
		www.History = append(www.History, status.Transition{
			At: now.Add(-time.Duration(i+2) * 3 * time.Hour), Kind: status.Steered, Record: www.ID, Name: www.Name,
			Tier: 1, Target: "192.0.2.10", To: status.ForcedDrained, Reason: "kernel update, CHG-4711", By: "alice",
		})
	}
	return all
}

// aliasTarget is a target with more addresses than are listed.
func aliasTarget(now time.Time) status.Target {
	t := status.Target{Target: "pool.example.net", Verdict: "healthy", Eligible: true, Weight: 1, More: 20}
	for i := range 10 {
		a := aTarget(fmt.Sprintf("203.0.113.%d", i+1), i != 8, i).Addresses[0]
		a.Host = "a.apps.example.org"
		a.Checks = append(a.Checks, status.Check{Check: "tcp :443", Verdict: "healthy", Since: now})
		t.Addresses = append(t.Addresses, a)
	}
	return t
}
