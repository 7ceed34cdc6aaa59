package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

// now is the time of all tests that show one.
var now = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// fake is an admin API without a CoreDNS behind it.
type fake struct {
	*httptest.Server

	mu       sync.Mutex
	overview status.Overview
	records  []status.Record // in the order of their names
	refusal  string          // of every action
	acted    []string
	asked    []string // paths and parameters
	did      func(status.Action)
	events   chan status.Transition
}

// newFake serves some records on an address of loopback.
func newFake(t testing.TB, address string, records ...status.Record) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		records: records, events: make(chan status.Transition), did: func(status.Action) {},
		overview: status.Overview{
			Server: "dns-1", Version: "1.15.0", Configuration: "0123456789abcdef", Started: ago(26 * time.Hour),
			Now: now, Records: map[string]int{}, Checks: 2 * len(records), Guard: "passing", Forced: []status.Forced{},
		},
	}
	for i := range records {
		f.overview.Records[records[i].State]++
		if records[i].Force != nil {
			f.overview.Forced = append(f.overview.Forced, *records[i].Force)
		}
	}
	f.Server = httptest.NewUnstartedServer(f)
	f.Listener.Close()
	f.Listener = listener
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// address is what --server takes.
func (f *fake) address() string { return f.Listener.Addr().String() }

func (f *fake) port() string {
	_, port, _ := net.SplitHostPort(f.address())
	return port
}

func (f *fake) actions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.acted)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/events" {
		f.serveEvents(w, r)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.URL.RequestURI())
	switch r.URL.Path {
	case "/v1/status":
		reply(w, f.overview)
	case "/v1/records":
		reply(w, f.page(r.URL.Query()))
	default:
		f.serveRecord(w, r)
	}
}

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		panic(err)
	}
}

// reasons are those of a conflict, which no test has of another kind.
var reasons = map[bool]status.Reason{true: status.Refused, false: status.Ambiguous}

func problem(w http.ResponseWriter, code int, detail string, candidates ...string) {
	text, err := json.Marshal(api.Problem{Title: "A problem", Status: code, Detail: detail, Reason: reasons[candidates == nil], Candidates: candidates})
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(code)
	w.Write(text)
}

// page finds as the API does.
func (f *fake) page(q url.Values) status.Page {
	limit, _ := strconv.Atoi(q.Get("limit"))
	page := status.Page{Records: []status.Summary{}}
	for i := range f.records {
		s := f.records[i].Summary
		state := q.Get("state")
		if state != "" && state != s.State && (state != "forced" || s.Forced == 0) || !strings.Contains(s.Name, q.Get("search")) {
			continue
		}
		page.Total++
		switch {
		case s.ID <= q.Get("after"):
		case len(page.Records) < limit:
			page.Records = append(page.Records, s)
		default:
			page.Next = page.Records[limit-1].ID
		}
	}
	return page
}

func (f *fake) serveRecord(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/records/"), "/")
	id, _ := url.PathUnescape(parts[0])
	var record *status.Record
	var candidates []string
	for i := range f.records {
		if f.records[i].ID == id || f.records[i].Name == id {
			record = &f.records[i]
			candidates = append(candidates, record.ID)
		}
	}
	switch {
	case record == nil:
		problem(w, http.StatusNotFound, fmt.Sprintf("there is no record %q", id))
	case len(candidates) > 1:
		problem(w, http.StatusConflict, fmt.Sprintf("there are several records %q", id), candidates...)
	case len(parts) == 1:
		reply(w, record)
	case parts[1] == "explain":
		reply(w, explained(record, r.URL.Query()))
	case f.refusal != "":
		problem(w, http.StatusConflict, f.refusal)
	default:
		f.act(w, r, record, parts[1])
	}
}

func explained(r *status.Record, q url.Values) status.Explanation {
	e := status.Explanation{
		Record: r.Name, Client: q.Get("client"), Type: q.Get("type"), Down: q["down"],
		Kind: "answer", State: "failed_over", Tier: 2, Answers: []string{r.Tiers[1].Targets[0].Target}, TTL: 30,
		Steps: []status.Step{{Text: "asked for IPv4"}, {Tier: 1, Text: "no target is eligible"}, {Tier: 2, Text: "answers"}},
	}
	if !r.Tiers[1].Targets[0].Eligible {
		e.State, e.Tier = "fail_open", 0
	}
	return e
}

// act does as the API does with a record of two targets.
func (f *fake) act(w http.ResponseWriter, r *http.Request, record *status.Record, verb string) {
	var a status.Action
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	f.acted = append(f.acted, fmt.Sprintf("%s %+v", verb, a))
	f.did(a)
	tier, state := 2, "failed_over"
	if verb == status.Clear || verb == status.Failback {
		tier, state = 1, normal
	}
	record.State = state
	record.Families = []status.Family{{
		Family: "IPv4", Kind: "answer", State: state, Tier: tier, Since: now,
		Answers: []string{record.Tiers[tier-1].Targets[0].Target},
	}}
	reply(w, record)
}

func (f *fake) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, ": hello\n\n")
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case transition := <-f.events:
			data, err := json.Marshal(transition)
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(w, "id: 1\nevent: transition\ndata: %s\n\n", data)
			w.(http.Flusher).Flush()
		}
	}
}

// sample is a normal record of two targets.
func sampleRecord(name string) status.Record {
	target := func(address string) status.Target {
		return status.Target{
			Target: address, Verdict: "healthy", Eligible: true, Weight: 1,
			Addresses: []status.Address{{Address: address, Verdict: "healthy", Checks: []status.Check{{
				Check: "http :80/", Verdict: "healthy", Probed: true, Since: ago(time.Hour), LastProbe: ago(3 * time.Second), Took: 0.0042,
			}}}},
		}
	}
	return status.Record{
		Summary: status.Summary{
			ID: name + "@dns://:53@example.org.", Name: name, State: normal, Targets: 2, Healthy: 2,
			Families: []status.Family{
				{Family: "IPv4", Kind: "answer", State: normal, Tier: 1, Since: ago(2 * time.Hour), Answers: []string{"192.0.2.10"}},
				{Family: "IPv6", Kind: "no_data", State: normal, Answers: []string{}},
			},
		},
		Server: "dns://:53", Zone: "example.org.", Types: []string{"A", "AAAA"}, TTL: 30,
		Policy: "all", Fail: "open", Failback: "auto",
		Tiers: []status.Tier{
			{Tier: 1, Active: []string{"IPv4"}, Targets: []status.Target{target("192.0.2.10")}},
			{Tier: 2, Targets: []status.Target{target("192.0.2.20")}},
		},
	}
}

// failedOver is a record whose primary is down.
func failedOver(name string) status.Record {
	r := sampleRecord(name)
	r.State, r.Healthy = "failed_over", 1
	r.Families[0] = status.Family{
		Family: "IPv4", Kind: "answer", State: "failed_over", Tier: 2,
		Since: ago(192 * time.Second), Answers: []string{"192.0.2.20", "192.0.2.21", "192.0.2.22"},
	}
	r.Tiers[0].Active, r.Tiers[1].Active = nil, []string{"IPv4"}
	primary := &r.Tiers[0].Targets[0]
	primary.Verdict, primary.Eligible, primary.Addresses[0].Verdict = "unhealthy", false, "unhealthy"
	check := &primary.Addresses[0].Checks[0]
	check.Verdict, check.Since, check.LastError = "unhealthy", ago(192*time.Second), "status 500, want 200-399"
	return r
}

// drained is a record that an operator has drained.
func drained(name string) status.Record {
	r := failedOver(name)
	force := &status.Forced{
		Record: r.ID, Target: "192.0.2.10", State: status.ForcedDrained, Reason: "maintenance", By: "alice",
		Since: ago(time.Minute), Until: now.Add(time.Hour),
	}
	r.Forced, r.Force = 1, force
	r.Tiers[0].Targets[0].Force = force
	return r
}
