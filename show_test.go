package failover

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

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

// A page goes on behind a record that has gone meanwhile.
func TestPagesGoOnBehindWhatIsGone(t *testing.T) {
	operated(t, "failover a.example.org b.example.org c.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n}")
	first := source{}.Records(status.Query{Limit: 1})
	gone := strings.Replace(first.Next, "a.example.org", "aa.example.org", 1)
	if page := (source{}).Records(status.Query{After: gone, Limit: 10}); len(page.Records) != 2 {
		t.Errorf("behind %s there are %d of %d records", gone, len(page.Records), page.Total)
	}
}

// Eligible is what may be answered: a record that answers an error is not.
func TestEligibleOfARecordAsTarget(t *testing.T) {
	f := operated(t, `failover www.example.org {
		primary a.example.org
		secondary 192.0.2.9
		check tcp 9 {
			interval 24h
			fast_interval 24h
		}
	}
	failover a.example.org {
		primary 192.0.2.1
		fail closed
		check tcp 10 {
			interval 24h
			fast_interval 24h
		}
	}`)
	f.set(verdict.Healthy, "192.0.2.9", "a.example.org")
	f.set(verdict.Unhealthy, "192.0.2.1")
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 192.0.2.9")
	if shown := f.records[0].show().Tiers[0].Targets[0]; shown.Eligible {
		t.Errorf("tier 2 answers, and the target of tier 1 is shown as %+v", shown)
	}
}

// A target for types other than those of addresses has none, but checks of its own.
func TestTargetsWithoutAddresses(t *testing.T) {
	f := operated(t, "failover _sip._tcp.example.org {\n primary _sip._tcp.example.net\n types SRV\n check tcp 9 {\n address 192.0.2.1\n interval 24h\n fast_interval 24h\n }\n}")
	for _, a := range f.records[0].show().Tiers[0].Targets[0].Addresses {
		if a.Address != "_sip._tcp.example.net" || len(a.Checks) != 1 {
			t.Errorf("it is shown as %+v", a)
		}
	}
	for _, line := range f.records[0].report(time.Now()) {
		if strings.Contains(line, "0.0.0.0") {
			t.Errorf("it says %q", line)
		}
	}
}
