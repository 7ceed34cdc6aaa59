package failover

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

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

// explained is what would be answered, in the form of replied.
func explained(t *testing.T, id string, q status.Question) string {
	t.Helper()
	e, err := source{}.Explain(id, q)
	if err != nil {
		t.Fatal(err)
	}
	s := slices.Clone(e.Answers)
	slices.Sort(s)
	return fmt.Sprint(e.Kind, " ", s)
}

// replied is what is answered to a client.
func replied(f *Failover, qname string, qtype uint16, client string) string {
	w := dnstest.NewRecorder(&test.ResponseWriter{RemoteIP: client})
	rcode, _ := f.ServeDNS(context.Background(), w, new(dns.Msg).SetQuestion(qname, qtype))
	answers := []string{}
	if w.Msg != nil {
		rcode = w.Msg.Rcode
		for _, rr := range w.Msg.Answer {
			answers = append(answers, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	slices.Sort(answers)
	kind := "answer"
	switch {
	case rcode == dns.RcodeRefused:
		kind = "closed"
	case rcode == dns.RcodeNotImplemented:
		kind = "next"
	case len(answers) == 0:
		kind = "no_data"
	}
	return fmt.Sprint(kind, " ", answers)
}

// notImplemented is a next plugin that can be told from everything else.
var notImplemented = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := new(dns.Msg).SetRcode(r, dns.RcodeNotImplemented)
	return dns.RcodeNotImplemented, w.WriteMsg(m)
})

// Explain says what is answered, and with targets that are down what would be
// once they are.
func TestWhatIsExplainedIsAnswered(t *testing.T) {
	pool := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "2001:db8::1", "2001:db8::2", "2001:db8::3"}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		words := slices.Clone(pool)
		rnd.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		how := []string{"all", "sticky", "clients", "nearest"}[rnd.IntN(4)]
		take := func() (w string) { w, words = words[0], words[1:]; return w }
		body := func(nested bool) (text string, targets []string) {
			for tier := 1; tier <= 1+rnd.IntN(3) && len(words) > 0; tier++ {
				for range 1 + rnd.IntN(2) {
					if len(words) == 0 {
						break
					}
					word := take()
					options := ""
					if nested && tier == 1 && rnd.IntN(2) == 0 && !slices.Contains(targets, "sub.example.org") {
						word = "sub.example.org"
						if rnd.IntN(2) == 0 {
							options += " evaluate_target_health\n"
						}
					}
					targets = append(targets, word)
					if rnd.IntN(6) == 0 {
						options += " drain\n"
					}
					if how == "nearest" && nested {
						options += fmt.Sprintf(" location %d %d\n", rnd.IntN(80), rnd.IntN(80))
					}
					if how == "clients" && nested {
						options += " clients " + []string{"*", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24 *"}[rnd.IntN(4)] + "\n"
					}
					text += fmt.Sprintf(" tier %d %s", tier, word)
					if options != "" {
						text += " {\n" + options + " }"
					}
					text += "\n"
				}
			}
			text = strings.ReplaceAll(strings.ReplaceAll(text, " tier 1 ", " primary "), " tier 2 ", " secondary ")
			if rnd.IntN(3) == 0 {
				text += " min_healthy 50%\n"
			}
			text += []string{"", " fail closed REFUSED\n", " fail closed NODATA\n", " fail next\n"}[rnd.IntN(4)]
			text += []string{"", " failback manual\n", " failback after 10m\n"}[rnd.IntN(3)]
			return text + " check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n", targets
		}
		sub, subTargets := body(false)
		text, targets := body(true)
		text += " policy " + how + "\n"
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := operated(t, "failover www.example.org {\n"+text+" }\nfailover sub.example.org {\n"+sub+" }\n")
			f.Next = notImplemented
			all := append(slices.Clone(targets), subTargets...)
			for range 3 {
				for _, w := range all {
					f.set([]verdict.Verdict{verdict.Healthy, verdict.Unhealthy, verdict.Unknown}[rnd.IntN(3)], w)
				}
				if rnd.IntN(2) == 0 {
					w := targets[rnd.IntN(len(targets))]
					verb := []string{status.Drain, status.Force}[rnd.IntN(2)]
					a := status.Action{Target: w, Reason: "x", Override: true}
					if verb == status.Force {
						a.State = []string{"healthy", "unhealthy"}[rnd.IntN(2)]
					}
					if _, err := (source{}).Act("www.example.org", verb, "me", a); err != nil {
						t.Fatal(err)
					}
				}
				compare := func(how string, down []string) {
					for _, client := range []string{"10.1.2.3", "10.9.9.9", "198.51.100.7"} {
						for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
							addr := netip.MustParseAddr(client)
							e := explained(t, "www.example.org", status.Question{Client: addr, Type: dns.TypeToString[qtype], Down: down})
							if down == nil {
								if got := replied(f, "www.example.org.", qtype, client); got != e {
									t.Errorf("%s, %s %s: answered %s, explained %s\n%s\n%s", how, client, dns.TypeToString[qtype], got, e, text, sub)
								}
							}
						}
					}
				}
				compare("now", nil)
				down := targets[rnd.IntN(len(targets))]
				if f.records[0].targetNamed(down).forced() == status.ForcedDrained {
					continue // to force it unhealthy would put it back
				}
				before := map[string]string{}
				for _, client := range []string{"10.1.2.3", "198.51.100.7"} {
					for _, qtype := range []string{"A", "AAAA"} {
						before[client+" "+qtype] = explained(t, "www.example.org", status.Question{Client: netip.MustParseAddr(client), Type: qtype, Down: []string{down}})
					}
				}
				if _, err := (source{}).Act("www.example.org", status.Force, "me", status.Action{Target: down, State: "unhealthy", Reason: "x", Override: true}); err != nil {
					t.Fatal(err)
				}
				for key, want := range before {
					client, qtype, _ := strings.Cut(key, " ")
					if got := replied(f, "www.example.org.", dns.StringToType[qtype], client); got != want && !f.records[0].targetNamed(down).Drain {
						t.Errorf("%s down, %s: answered %s, explained %s\n%s\n%s", down, key, got, want, text, sub)
					}
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

func (r *record) targetNamed(word string) *target {
	t, _ := r.target(word)
	return t
}

// A record that observes does not heed a hold: neither does its explanation.
func TestExplainOfObserveHeedsNoHold(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n failback manual\n observe\n}")
	f.set(verdict.Unhealthy, "192.0.2.1")
	f.set(verdict.Healthy, "192.0.2.2")
	if got, want := explained(t, "www.example.org", status.Question{Type: "A"}), replied(f, "www.example.org.", dns.TypeA, "10.0.0.1"); got != want {
		t.Errorf("explained %s, answered %s", got, want)
	}
}

// What would be answered by a record that observes, were its primary down: the
// primary.
func TestExplainOfObserveWithTargetsDown(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n observe\n}")
	e := explained(t, "www.example.org", status.Question{Type: "A", Down: []string{"192.0.2.1"}})
	f.set(verdict.Unhealthy, "192.0.2.1")
	if got := replied(f, "www.example.org.", dns.TypeA, "10.0.0.1"); got != e {
		t.Errorf("explained %s, answered %s", e, got)
	}
}

// A record with a CNAME has one choice for all types, but an answer has the
// addresses of one.
func TestExplainBesideCNAMEIsOfOneType(t *testing.T) {
	f := operated(t, "failover www.example.org {\n primary 192.0.2.1 2001:db8::1\n secondary lb.example.net {\n cname\n }\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n}")
	f.Next = newZone(t)
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		e := explained(t, "www.example.org", status.Question{Type: dns.TypeToString[qtype]})
		if got := replied(f, "www.example.org.", qtype, "10.0.0.1"); got != e {
			t.Errorf("%s: explained %s, answered %s", dns.TypeToString[qtype], e, got)
		}
	}
}

// Only types that there are can be asked for.
func TestExplainOfAnUnknownType(t *testing.T) {
	operated(t, "failover www.example.org {\n primary lb.example.net {\n cname\n }\n secondary 192.0.2.2\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n}")
	e, err := source{}.Explain("www.example.org", status.Question{Type: "FOO"})
	if err == nil {
		t.Errorf("type FOO is explained as %s: %v", e.Type, e.Answers)
	}
}

// Who asks why asks for a type that the record has, or says which.
func TestExplainWithoutAType(t *testing.T) {
	s := steered{run(t, "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n primary ::1\n secondary ::2\n types AAAA\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n }\n failover {\n admin 127.0.0.1:0\n }\n}\n")}
	reply, err := http.Get("http://" + healthcheck.serving().operation.admin.Addr().String() + "/v1/records/www.example.org/explain")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(reply.Body)
		t.Errorf("%s: %s", reply.Status, body)
	}
	_ = s
	http.DefaultClient.CloseIdleConnections()
}

// An answer that is next's is explained as it is.
func TestWhatIsExplainedOfNextIsAnswered(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		how := []string{"", " min_healthy 2\n", " min_healthy 50%\n", " fail closed REFUSED\n", " fail closed NODATA\n"}[rnd.IntN(5)]
		lines := [][2]string{{"next 192.0.2.8", "192.0.2.9"}, {"next", "192.0.2.9 192.0.2.8"}, {"192.0.2.8", "next"}, {"192.0.2.8 192.0.2.9", "next"}}[rnd.IntN(4)]
		if strings.Contains(how, "min_healthy 2") {
			lines = [2]string{"next 192.0.2.8", "192.0.2.9 192.0.2.7"}
		}
		text := "failover www.example.org {\n primary " + lines[0] + "\n secondary " + lines[1] + "\n" + how + " check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n probe 192.0.2.0/24\n}"
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := operated(t, text)
			f.Next = newZone(t, "www.example.org. 9 IN A 192.0.2.1", "www.example.org. 9 IN A 192.0.2.2")
			stand(f, "next", "192.0.2.1", "192.0.2.2")
			for range 4 {
				for target := range f.records[0].targets.each() {
					for _, a := range target.list() {
						for i := range a.checks {
							a.checks[i] = fixed([]verdict.Verdict{verdict.Healthy, verdict.Unhealthy}[rnd.IntN(2)])
						}
					}
				}
				update(f.records...)
				if rnd.IntN(3) == 0 {
					target := &f.records[0].targets[rnd.IntN(2)]
					state := []string{status.ForcedDrained, status.ForcedHealthy, status.ForcedUnhealthy}[rnd.IntN(3)]
					verb, a := status.Force, status.Action{Target: target.Text, Reason: "x", State: state, Override: true}
					if state == status.ForcedDrained {
						verb = status.Drain
					}
					if _, err := (source{}).Act("www.example.org", verb, "me", a); err != nil {
						t.Fatal(err)
					}
				}
				e := explained(t, "www.example.org", status.Question{Type: "A"})
				if f.records[0].next.forced() == status.ForcedDrained && f.records[0].state() == policy.FailOpen {
					continue // of a drained next the healthy addresses are answered, see below
				}
				if got := replied(f, "www.example.org.", dns.TypeA, "10.0.0.1"); got != e {
					t.Errorf("answered %s, explained %s\n%s", got, e, text)
					for target := range f.records[0].targets.each() {
						t.Logf("%s %s %q", target.Text, target.verdict(), target.forced())
					}
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

// Types other than those of addresses are explained as they are answered.
func TestExplainOfOtherTypes(t *testing.T) {
	f := operated(t, `failover www.example.org {
		primary 192.0.2.1
		secondary alt.example.net
		types A HTTPS
		check tcp 9 {
			interval 24h
			fast_interval 24h
		}
	}
	failover c.example.org {
		primary 192.0.2.1
		secondary lb.example.net {
			cname
		}
		check tcp 9 {
			interval 24h
			fast_interval 24h
		}
	}`)
	f.Next = newZone(t)
	e := explained(t, "www.example.org", status.Question{Type: "HTTPS"})
	if got := replied(f, "www.example.org.", dns.TypeHTTPS, "10.0.0.1"); got != e {
		t.Errorf("HTTPS is answered %s, explained %s", got, e)
	}
	e = explained(t, "c.example.org", status.Question{Type: "MX"})
	if got := replied(f, "c.example.org.", dns.TypeMX, "10.0.0.1"); got != e && !strings.HasPrefix(e, "next") {
		t.Errorf("MX is answered %s by the next plugins, explained %s", got, e)
	}
}
