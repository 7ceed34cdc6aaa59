package failover

import (
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/coredns/coredns/coremain"

	"github.com/miekg/dns"
)

// source shows and steers the configuration that runs now. It implements
// admin.Source.
type source struct{}

// Overview implements admin.Source.
func (source) Overview() status.Overview {
	stats := healthcheck.engine.Stats()
	serving := healthcheck.serving()
	o := status.Overview{
		Server: hostname(), Version: coremain.CoreVersion, Configuration: serving.hash(),
		Started: healthcheck.beginning().UTC(), Now: time.Now().UTC(),
		Records: make(map[string]int),
		Checks:  stats.Checks, Unknown: stats.Unknown, Broken: stats.Broken,
		Guard: stats.Guard.String(),
	}
	o.Forced = []status.Forced{}
	for _, f := range healthcheck.forces.list() {
		o.Forced = append(o.Forced, f.Forced)
	}
	for _, one := range policy.States {
		o.Records[one.String()] = 0
	}
	for _, r := range serving.index().sorted {
		o.Records[r.state().String()]++
	}
	return o
}

// Records implements admin.Source.
func (source) Records(q status.Query) status.Page {
	page := status.Page{Records: []status.Summary{}}
	q.Search = strings.ToLower(q.Search)
	after := keyOf(q.After)
	for _, r := range healthcheck.serving().index().sorted {
		if !r.found(q) {
			continue
		}
		page.Total++
		switch {
		case q.After != "" && r.key().compare(after) <= 0:
			// It was on a page before this one.
		case len(page.Records) < q.Limit:
			page.Records = append(page.Records, r.summary())
		default:
			page.Next = page.Records[len(page.Records)-1].ID
		}
	}
	return page
}

// found reports whether the query is for the record.
func (r *record) found(q status.Query) bool {
	switch q.State {
	case "", r.state().String():
	case "forced":
		if healthcheck.forces.count(r.key()) == 0 {
			return false
		}
	default:
		return false
	}
	return q.Search == "" || strings.Contains(r.Name, q.Search) || r.targets.any(func(t *target) bool {
		return strings.Contains(strings.ToLower(t.Text), q.Search) || slices.ContainsFunc(t.list(), func(a *address) bool {
			return a.Addr.String() == q.Search
		})
	})
}

// Record implements admin.Source.
func (source) Record(id string) (status.Record, error) {
	r, err := healthcheck.serving().index().find(id)
	if err != nil {
		return status.Record{}, err
	}
	return r.show(), nil
}

// Act implements admin.Source.
func (source) Act(id, verb, by string, a status.Action) (status.Record, error) {
	r, err := healthcheck.act(id, verb, by, a)
	if err != nil {
		return status.Record{}, err
	}
	return r.show(), nil
}

// Beat implements admin.Source.
func (source) Beat(id string) error {
	if !healthcheck.beats.beat(id) {
		return status.Problemf(status.NotFound, "no check has the heartbeat %q", id)
	}
	for _, t := range healthcheck.serving().index().waiting[id] {
		for _, a := range t.all() {
			a.beaten(id)
		}
	}
	return nil
}

// beaten has the checks looked at that have waited for the heartbeat.
func (a *address) beaten(id string) {
	for i, c := range a.checks {
		if check, probed := c.(*engine.Check[owner]); probed && a.target.Checks[i].Request.Name == id {
			check.Hurry()
		}
	}
}

// canonical returns a name as records have it: lower case and fully qualified.
func canonical(name string) string { return strings.ToLower(dns.Fqdn(name)) }
