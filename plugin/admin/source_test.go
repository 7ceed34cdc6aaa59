package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

var someTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// source is one record, with every field of it set, under several names. It
// keeps what it was asked for.
type source struct {
	mu       sync.Mutex
	acts     []string
	beats    []string
	queries  []status.Query
	asked    []status.Question
	overview func() status.Overview // where it is set
	sound    bool                   // no record of it is broken
}

const recordID = "www.example.org@dns://:53@example.org."

func (s *source) Overview() status.Overview {
	if s.overview != nil {
		return s.overview()
	}
	return status.Overview{
		Server: "ns1", Version: "1.15.0", Configuration: "9f2c41d07ab3e58c", Started: someTime, Now: someTime,
		Records: map[string]int{"normal": 1}, Checks: 2, Unknown: 1, Guard: "passing", Forced: []status.Forced{forced()},
	}
}

func (s *source) Records(q status.Query) status.Page {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, q)
	return status.Page{Records: []status.Summary{record().Summary}, Total: 2, Next: recordID}
}

func (s *source) Record(id string) (status.Record, error) {
	if s.sound && id != recordID {
		id = strings.TrimLeft(id, "bi")
	}
	switch id {
	case "www.example.org", recordID, "*.a/b.example.org":
		return record(), nil
	case "twice.example.org":
		p := status.Problemf(status.Ambiguous, "there are two of %s", id)
		p.Candidates = []string{"twice.example.org@dns://:53@.", "twice.example.org@dns://:54@."}
		return status.Record{}, p
	case "lines.example.org":
		return status.Record{}, status.Problemf(status.Refused, "two\nlines")
	case "broken.example.org":
		return status.Record{}, fmt.Errorf("database of %s on fire", id)
	case "infinite.example.org":
		r := record()
		r.TTL /= 0 * r.TTL
		return r, nil
	}
	return status.Record{}, status.Problemf(status.NotFound, "there is no record %q", id)
}

func (s *source) Explain(id string, q status.Question) (status.Explanation, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	r, err := s.Record(id)
	if err != nil {
		return status.Explanation{}, err
	}
	e := status.Explanation{
		Record: r.ID, Type: q.Type, Down: q.Down, Kind: "answer", State: "normal", Tier: 1,
		Answers: []string{"192.0.2.1"}, TTL: 30, Steps: []status.Step{{Text: "hm"}, {Tier: 1, Text: "yes"}},
	}
	if q.Client.IsValid() {
		e.Client = q.Client.String()
	}
	return e, nil
}

func (s *source) Act(id, verb, by string, a status.Action) (status.Record, error) {
	s.mu.Lock()
	s.acts = append(s.acts, fmt.Sprintf("%s %s by %s: %+v", verb, id, by, a))
	s.mu.Unlock()
	if a.Target == "last" && !a.Override {
		return status.Record{}, status.Problemf(status.Refused, "nothing would be left to answer")
	}
	return s.Record(id)
}

func (s *source) Beat(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != "backup/1" && id != "backup" {
		return status.Problemf(status.NotFound, "there is no check heartbeat %q", id)
	}
	s.beats = append(s.beats, id)
	return nil
}

// done counts what has changed anything.
func (s *source) done() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acts) + len(s.beats)
}

func (s *source) lastAct() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.acts) == 0 {
		return ""
	}
	return s.acts[len(s.acts)-1]
}

func forced() status.Forced {
	return status.Forced{
		Record: recordID, Target: "192.0.2.1", State: status.ForcedDrained, Reason: "new disks", By: "jane",
		Since: someTime, Until: someTime.Add(time.Hour),
	}
}

func transition(n int) status.Transition {
	return status.Transition{
		At: someTime, Kind: status.TargetChanged, Record: recordID, Name: "www.example.org", Tier: 1,
		Target: "192.0.2.1", From: "healthy", To: "unhealthy", Reason: fmt.Sprintf("probe %d\nfailed", n),
	}
}

func record() status.Record {
	f := forced()
	check := status.Check{
		Check: "http :80/", Verdict: "healthy", Probed: true, Since: someTime, LastProbe: someTime, Took: 0.1,
		LastError: "no route", Recent: []float64{0.1, -4},
	}
	target := status.Target{
		Target: "192.0.2.1", Verdict: "healthy", Eligible: true, Force: &f, Weight: 1,
		Addresses: []status.Address{{Address: "192.0.2.1", Verdict: "healthy", Checks: []status.Check{check}}},
	}
	return status.Record{
		Summary: status.Summary{
			ID: recordID, Name: "www.example.org", State: "normal", Targets: 1, Healthy: 1, Forced: 1,
			Families: []status.Family{{
				Family: "IPv4", Kind: "answer", State: "normal", Tier: 1, Since: someTime, Answers: []string{"192.0.2.1"},
			}},
		},
		Server: "dns://:53", Zone: "example.org.", Types: []string{"A", "AAAA"}, TTL: 30, Policy: "all", Fail: "open",
		Failback: "auto", Force: &f, History: slices.Repeat([]status.Transition{transition(1)}, 3),
		Tiers: []status.Tier{{Tier: 1, Active: []string{"IPv4"}, Targets: []status.Target{target}}},
	}
}
