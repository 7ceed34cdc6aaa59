package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/internal/leak"
	. "github.com/coredns-failover/failover/plugin/resolve"
)

func TestMain(m *testing.M) { os.Exit(leak.Main(m)) }

// askFunc is an Asker.
type askFunc func(ctx context.Context, q *dns.Msg) (*dns.Msg, error)

func (f askFunc) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) { return f(ctx, q) }

// zone is an Asker with a text per "name. TYPE": an rcode other than NOERROR,
// the flags aa and tc, and records, those after "--" in the authority section,
// all parted by commas. What it does not have it refuses.
type zone map[string]string

func (z zone) Ask(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
	text, ok := z[q.Question[0].Name+" "+dns.TypeToString[q.Question[0].Qtype]]
	if !ok {
		text = "REFUSED"
	}
	return says(q, text), nil
}

// says is the reply to q that a text stands for.
func says(q *dns.Msg, text string) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	section := &m.Answer
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		code, isCode := dns.StringToRcode[word]
		switch {
		case word == "":
		case word == "aa":
			m.Authoritative = true
		case word == "tc":
			m.Truncated = true
		case word == "--":
			section = &m.Ns
		case isCode:
			m.Rcode = code
		default:
			rr, err := dns.NewRR(word)
			if err != nil {
				panic(err)
			}
			*section = append(*section, rr)
		}
	}
	return m
}

// show is an answer in one line.
func show(a Answer) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s %v", a.Name, dns.RcodeToString[a.Rcode], a.TTL)
	for _, rr := range append(a.CNAMEs, a.RRs...) {
		fmt.Fprintf(&s, " | %s", strings.Join(strings.Fields(rr.String())[3:], " "))
	}
	return s.String()
}

const (
	soa   = "example. 300 SOA ns. me. 1 2 3 4 60"
	soaLo = "example. 20 SOA ns. me. 1 2 3 4 60"
)

var lookups = []struct {
	name  string
	chain zone
	want  string // the answer, or the error
}{
	{
		"data",
		zone{"a.example. A": "a.example. 60 A 192.0.2.1, a.example. 30 A 192.0.2.2"},
		"a.example. NOERROR 30s | A 192.0.2.1 | A 192.0.2.2",
	},
	{
		"names compare without case",
		zone{"a.example. A": "A.Example. 60 CNAME B.example., b.eXample. 60 A 192.0.2.1"},
		"b.example. NOERROR 1m0s | CNAME B.example. | A 192.0.2.1",
	},
	{
		"garbage of others is passed over",
		zone{"a.example. A": "b.example. 1 A 192.0.2.9, a.example. 60 A 192.0.2.1, a.example. 1 TXT x, a.example. 1 CH A 192.0.2.8"},
		"a.example. NOERROR 1m0s | A 192.0.2.1",
	},
	{
		"only garbage",
		zone{"a.example. A": "b.example. 1 A 192.0.2.9"},
		"a.example. A: the reply does not fit the question",
	},
	{
		"garbage with an SOA",
		zone{"a.example. A": "b.example. 1 A 192.0.2.9, --, " + soa},
		"a.example. NOERROR 1m0s",
	},
	{
		"a chain in one reply, in any order",
		zone{"a.example. A": "c.example. 60 A 192.0.2.1, b.example. 7 CNAME c.example., a.example. 60 CNAME b.example."},
		"c.example. NOERROR 7s | CNAME b.example. | CNAME c.example. | A 192.0.2.1",
	},
	{
		"a chain in several replies",
		zone{
			"a.example. A": "a.example. 60 CNAME b.example., b.example. 50 CNAME C.Example.",
			"c.example. A": "c.example. 40 A 192.0.2.1",
		},
		"c.example. NOERROR 40s | CNAME b.example. | CNAME C.Example. | A 192.0.2.1",
	},
	{
		"an SOA of another zone does not end a chain",
		zone{
			"a.example. A": "a.example. 60 CNAME b.test., --, " + soa,
			"b.test. A":    "b.test. 40 A 192.0.2.1",
		},
		"b.test. NOERROR 40s | CNAME b.test. | A 192.0.2.1",
	},
	{
		"data is before a CNAME",
		zone{"a.example. A": "a.example. 60 CNAME b.example., a.example. 60 A 192.0.2.1"},
		"a.example. NOERROR 1m0s | A 192.0.2.1",
	},
	{
		"of several CNAMEs the first",
		zone{"a.example. A": "a.example. 60 CNAME b.example., a.example. 60 CNAME c.example., b.example. 60 A 192.0.2.1"},
		"b.example. NOERROR 1m0s | CNAME b.example. | A 192.0.2.1",
	},
	{
		"a loop in one reply",
		zone{"a.example. A": "a.example. 60 CNAME b.example., b.example. 60 CNAME A.example."},
		"a.example. A: CNAME loop at a.example.",
	},
	{
		"a CNAME to itself",
		zone{"a.example. A": "a.example. 60 CNAME a.example."},
		"a.example. A: CNAME loop at a.example.",
	},
	{
		"a loop over replies",
		zone{"a.example. A": "a.example. 60 CNAME b.example.", "b.example. A": "b.example. 60 CNAME a.example."},
		"b.example. A: CNAME loop at a.example.",
	},
	{
		"ten CNAMEs", row(10),
		"c10. NOERROR 1s | " + strings.Join(targets(10), " | ") + " | A 192.0.2.1",
	},
	{"eleven CNAMEs", row(11), "c10. A: more than 10 CNAMEs in a row, at c10."},
	{"NXDOMAIN", zone{"a.example. A": "NXDOMAIN, --, " + soa}, "a.example. NXDOMAIN 1m0s"},
	{"NXDOMAIN, SOA with a small TTL", zone{"a.example. A": "NXDOMAIN, --, " + soaLo}, "a.example. NXDOMAIN 20s"},
	{"NXDOMAIN without SOA", zone{"a.example. A": "NXDOMAIN"}, "a.example. NXDOMAIN 5s"},
	{"NXDOMAIN with data", zone{"a.example. A": "NXDOMAIN, a.example. 60 A 192.0.2.1"}, "a.example. A: the reply is NXDOMAIN, but has data"},
	{
		"NXDOMAIN speaks of the end",
		zone{"a.example. A": "NXDOMAIN, a.example. 40 CNAME b.example., --, " + soa},
		"b.example. NXDOMAIN 40s | CNAME b.example.",
	},
	{"NODATA", zone{"a.example. A": "--, " + soa}, "a.example. NOERROR 1m0s"},
	{"NODATA of a chain", zone{"a.example. A": "a.example. 90 CNAME b.example., --, " + soa}, "b.example. NOERROR 1m0s | CNAME b.example."},
	{"NODATA without SOA", zone{"a.example. A": ""}, "a.example. NOERROR 5s"},
	{"NODATA with NS and SOA", zone{"a.example. A": "--, example. 1 NS ns., " + soa}, "a.example. NOERROR 1m0s"},
	{"NODATA, authoritative", zone{"a.example. A": "aa, --, example. 1 NS ns."}, "a.example. NOERROR 5s"},
	{"a referral", zone{"a.example. A": "--, example. 1 NS ns."}, "a.example. A: the reply is a referral"},
	{
		"a referral for the end",
		zone{"a.example. A": "a.example. 9 CNAME b.example.", "b.example. A": "--, b.example. 1 NS ns."},
		"b.example. A: the reply is a referral",
	},
	{"a TTL with the highest bit", zone{"a.example. A": "a.example. 2147483648 A 192.0.2.1"}, "a.example. NOERROR 0s | A 192.0.2.1"},
	{"SERVFAIL", zone{"a.example. A": "SERVFAIL"}, "a.example. A: SERVFAIL"},
	{
		"SERVFAIL speaks of the end",
		zone{
			"a.example. A": "SERVFAIL, a.example. 9 CNAME b.test., b.test. 9 A 192.0.2.9",
			"b.test. A":    "b.test. 40 A 192.0.2.1",
		},
		"b.test. NOERROR 9s | CNAME b.test. | A 192.0.2.1",
	},
	{
		"SERVFAIL of the end",
		zone{"a.example. A": "SERVFAIL, a.example. 9 CNAME b.test.", "b.test. A": "SERVFAIL"},
		"b.test. A: SERVFAIL",
	},
	{"REFUSED", zone{}, "a.example. A: REFUSED"},
	{"truncated", zone{"a.example. A": "tc, a.example. 1 A 192.0.2.1"}, "a.example. A: the reply is truncated"},
}

// row is a chain of n CNAMEs, one per reply.
func row(n int) zone {
	z := zone{"a.example. A": "a.example. 60 CNAME c1."}
	for i := 1; i < n; i++ {
		z[fmt.Sprintf("c%d. A", i)] = fmt.Sprintf("c%d. 60 CNAME c%d.", i, i+1)
	}
	z[fmt.Sprintf("c%d. A", n)] = fmt.Sprintf("c%d. 1 A 192.0.2.1", n)
	return z
}

func targets(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("CNAME c%d.", i+1))
	}
	return all
}

func TestLookup(t *testing.T) {
	for _, test := range lookups {
		t.Run(test.name, func(t *testing.T) { expectLookup(t, test.chain, nil, test.want) })
	}
}

// What an Asker of last resort answers is the answer, whatever came before it.
func TestLookupAsksFallbackForTheSame(t *testing.T) {
	for _, test := range lookups {
		if !strings.HasPrefix(test.want, "a.example. A: ") {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			fallback := zone{"a.example. A": "a.example. 5 A 192.0.2.5"}
			expectLookup(t, test.chain, fallback, "a.example. NOERROR 5s | A 192.0.2.5")
		})
	}
}

func TestLookupFallback(t *testing.T) {
	for _, test := range []struct {
		name            string
		chain, fallback zone
		want            string
	}{
		{
			"is not asked about an answer",
			zone{"a.example. A": "NXDOMAIN"},
			zone{"a.example. A": "a.example. 5 A 192.0.2.5"},
			"a.example. NXDOMAIN 5s",
		},
		{
			"is asked for the end of the chain",
			zone{"a.example. A": "a.example. 60 CNAME b.test."},
			zone{"b.test. A": "b.test. 5 A 192.0.2.5"},
			"b.test. NOERROR 5s | CNAME b.test. | A 192.0.2.5",
		},
		{
			"may lead back to the chain",
			zone{"b.test. A": "b.test. 5 A 192.0.2.5"},
			zone{"a.example. A": "a.example. 60 CNAME b.test."},
			"b.test. NOERROR 5s | CNAME b.test. | A 192.0.2.5",
		},
		{"has no answer either", zone{}, zone{"a.example. A": "SERVFAIL"}, "a.example. A: REFUSED; resolver: SERVFAIL"},
	} {
		t.Run(test.name, func(t *testing.T) { expectLookup(t, test.chain, test.fallback, test.want) })
	}
}

func expectLookup(t *testing.T, chain, fallback Asker, want string) {
	t.Helper()
	a, err := Lookup(t.Context(), chain, fallback, "A.Example", dns.TypeA)
	got := show(a)
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLookupOfCNAME(t *testing.T) {
	chain := zone{"a.example. CNAME": "a.example. 60 CNAME b.example., b.example. 60 CNAME c.example."}
	a, err := Lookup(t.Context(), chain, nil, "a.example.", dns.TypeCNAME)
	if got, want := show(a), "a.example. NOERROR 1m0s | CNAME b.example."; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestLookupRefusesWhatDoesNotFit(t *testing.T) {
	good := "a.example. 60 A 192.0.2.1"
	for name, spoil := range map[string]func(*dns.Msg){
		"no reply bit":        func(m *dns.Msg) { m.Response = false },
		"no question":         func(m *dns.Msg) { m.Question = nil },
		"two questions":       func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"another name":        func(m *dns.Msg) { m.Question[0].Name = "b.example." },
		"another type":        func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		"another class":       func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"nothing fits":        func(m *dns.Msg) { m.Answer[0].Header().Name = "b.example." },
		"an rcode of no name": func(m *dns.Msg) { m.Rcode = 4000 },
		"a nil record":        func(m *dns.Msg) { m.Answer[0] = nil },
	} {
		chain := askFunc(func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			m := says(q, good)
			spoil(m)
			return m, nil
		})
		if a, err := Lookup(t.Context(), chain, nil, "a.example.", dns.TypeA); err == nil {
			t.Errorf("%s: got %s", name, show(a))
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

func TestLookupErrors(t *testing.T) {
	for want, ask := range map[string]askFunc{
		"a.example. A: no reply":     func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, nil },
		"a.example. A: broken":       func(context.Context, *dns.Msg) (*dns.Msg, error) { return nil, errors.New("broken") },
		"a.example. A: panic: a bug": func(context.Context, *dns.Msg) (*dns.Msg, error) { panic("a bug") },
		"a.example. A: RCODE4000": func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
			m := says(q, "")
			m.Rcode = 4000
			return m, nil
		},
	} {
		if _, err := Lookup(t.Context(), ask, nil, "a.example.", dns.TypeA); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestLookupQuestion(t *testing.T) {
	ask := askFunc(func(_ context.Context, q *dns.Msg) (*dns.Msg, error) {
		opt := q.IsEdns0()
		if !q.RecursionDesired || q.CheckingDisabled || opt == nil || opt.UDPSize() != 1232 || opt.Do() {
			t.Errorf("asked %v", q)
		}
		if q.Question[0] != (dns.Question{Name: "a.example.", Qtype: dns.TypeA, Qclass: dns.ClassINET}) {
			t.Errorf("asked for %v", q.Question)
		}
		q.Question[0].Name = "changed." // the question is the Asker's
		return nil, errors.New("no")
	})
	_, err := Lookup(t.Context(), ask, ask, "A.EXAMPLE", dns.TypeA)
	if err == nil {
		t.Error("no error")
	}
}

// Half of the time is the fallback's, or a silent chain would leave it none.
func TestLookupSharesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		silent := askFunc(func(ctx context.Context, _ *dns.Msg) (*dns.Msg, error) {
			<-ctx.Done()
			at = append(at, time.Since(began))
			return nil, ctx.Err()
		})
		_, err := Lookup(t.Context(), silent, silent, "a.example.", dns.TypeA)
		expectEqual(t, err.Error(), "a.example. A: no reply; resolver: no reply")
		expectEqual(t, at, []time.Duration{time.Second, 3 * time.Second}) // no deadline: 2 s for an Asker

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = Lookup(ctx, silent, silent, "a.example.", dns.TypeA)
		expectEqual(t, at[2:], []time.Duration{8 * time.Second, 13 * time.Second})
		expectEqual(t, err.Error(), "a.example. A: no reply; resolver: no reply")
	})
}

func expectEqual[T any](t *testing.T, got, want T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}
