package failover

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/resolve"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/core/dnsserver"

	"github.com/miekg/dns"
)

// successor is a handler that takes the place of another one, as in a reload.
func successor(t *testing.T, old *Failover, text string) (f *Failover, before, c *configuration) {
	t.Helper()
	f = handlerOf(t, text)
	f.Next, f.config, f.keys = old.Next, old.config, old.keys
	c = &configuration{handlers: []*Failover{f}}
	t.Cleanup(func() {
		c.stop()
		f.resolver.Wait()
		healthcheck.retain(func(*configuration) bool { return true })
		healthcheck.engine.Wait()
	})
	return f, old.claims.configuration, c
}

// resolvedTo starts a handler and waits until www is answered with 127.0.2.1,
// which is what its alias is resolved to.
func resolvedTo(t *testing.T, text string) (*Failover, *zone) {
	t.Helper()
	f, z := handlerOf(t, text), newZone(t, "lb.example.net. 1 IN A 127.0.2.1")
	f.Next = z
	start(t, f)
	awaitSummary(t, f, "www.example.org.", "NOERROR 127.0.2.1")
	return f, z
}

func awaitSummary(t *testing.T, f *Failover, qname, want string) {
	t.Helper()
	eventually.True(t, want, func() bool { return summary(ask(f, qname, dns.TypeA)) == want })
}

const toLB = "failover www.example.org {\n primary lb.example.net\n check tcp 80\n}"

// The old configuration resolves as long as it lives.
func TestAliasThatChangesDuringAReload(t *testing.T) {
	old, z := resolvedTo(t, toLB)
	f, before, c := successor(t, old, toLB)
	if err := c.claim(before); err != nil {
		t.Fatal(err)
	}
	z.set(t, dns.RcodeSuccess, "lb.example.net. 1 IN A 127.0.2.2")
	awaitSummary(t, old, "www.example.org.", "NOERROR 127.0.2.2")
	f.start()
	f.resolver.Start()
	awaitSummary(t, f, "www.example.org.", "NOERROR 127.0.2.2")
}

// What a name is has nothing to do with which targets stand for it.
func TestAliasesKeepWhatTheyAreOverAReload(t *testing.T) {
	for name, text := range map[string]string{
		"another record first": strings.Replace(toLB, "www", "api", 1) + "\n" + toLB,
		"another tier":         "failover www.example.org {\n primary 127.0.2.9\n secondary lb.example.net\n check tcp 80\n}",
		"another check":        strings.Replace(toLB, "80", "81 {\n threshold 5\n }", 1),
	} {
		t.Run(name, func(t *testing.T) {
			old, _ := resolvedTo(t, toLB)
			f, before, c := successor(t, old, text)
			if err := c.claim(before); err != nil {
				t.Fatal(err)
			}
			for _, r := range f.records {
				for target := range r.targets.each() {
					if target.naming != nil && (!target.naming.name.State().Known || len(target.list()) != 1) {
						t.Errorf("%v: the reload has forgotten what it is", target)
					}
				}
			}
		})
	}
}

// An unknown address that a reload adds to the better tier is no reason to fail
// back.
func TestAHoldOutlivesAReload(t *testing.T) {
	const text = "failover www.example.org {\n primary 127.0.2.1%s\n secondary 127.0.2.2\n failback after 1h\n" +
		" check tcp 80 {\n interval 1h\n fast_interval 1h\n }\n}"
	old := handlerOf(t, fmt.Sprintf(text, ""))
	start(t, old)
	old.set(verdict.Healthy, "127.0.2.2")
	old.set(verdict.Unhealthy, "127.0.2.1")
	old.set(verdict.Healthy, "127.0.2.1")
	expectAnswer(t, old, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
	f, before, c := successor(t, old, fmt.Sprintf(text, " 127.0.2.3"))
	if err := c.claim(before); err != nil {
		t.Fatal(err)
	}
	f.start()
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.2")
}

// A verdict may change while a configuration makes its claims: what a record
// decides by then must be in place. It is for the race detector.
func TestVerdictsThatChangeDuringAReload(t *testing.T) {
	var n atomic.Int64
	flapping := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader([]int{http.StatusOK, http.StatusInternalServerError}[n.Add(1)%2])
	}))
	defer flapping.Close()
	port := flapping.URL[strings.LastIndexByte(flapping.URL, ':')+1:]
	corefile := func(edition int) string {
		var b strings.Builder
		b.WriteString("example.org:0 {\n bind 127.0.0.1\n")
		for i := range 100 {
			fmt.Fprintf(&b, ` failover r%d.example.org {
				primary 127.0.0.1 lb%d.example.org
				secondary 127.0.0.2 {
					check none
				}
				probe 127.0.0.0/8
				check http {
					port %s
					host x
					interval 100ms
					jitter 0%%
					threshold 1
				}
				check tcp %s {
					interval %dh
				}
			}
`, i, i, port, port, edition)
		}
		return b.String() + "}\n"
	}
	r := run(t, corefile(1))
	for i := range 5 {
		if err := r.reload(corefile(2 + i)); err != nil {
			t.Fatal(err)
		}
	}
}

// begun has handlers in the place of those of before claim what they need.
func begun(t *testing.T, before *configuration, fs ...*Failover) *configuration {
	t.Helper()
	return claimed(t, before, &configuration{handlers: fs})
}

// remembering is begun for the first configuration of a process that remembers
// another one.
func remembering(t *testing.T, m *memory, fs ...*Failover) *configuration {
	t.Helper()
	return claimed(t, nil, &configuration{handlers: fs, memory: m})
}

func claimed(t *testing.T, before *configuration, c *configuration) *configuration {
	t.Helper()
	fs := c.handlers
	for _, f := range fs {
		f.config = &dnsserver.Config{ListenHosts: []string{"127.0.0.1"}}
		f.keys = []string{"dns://" + f.zones[0] + ":53"}
	}
	t.Cleanup(func() {
		c.stop()
		healthcheck.retain(func(*configuration) bool { return true })
		healthcheck.engine.Wait()
	})
	if err := c.claim(before); err != nil {
		t.Fatal(err)
	}
	return c
}

// is makes the target's name known, for what follows it. No check may have a verdict by
// then, which would have the record look at its targets.
func (t *target) is(addrs ...string) {
	s := resolve.State{Known: true}
	for _, a := range addrs {
		s.Addrs = append(s.Addrs, netip.MustParseAddr(a))
	}
	t.naming = &naming{name: t.record.handler.resolver.Add(resolve.Spec{Name: t.Name, From: s})}
	t.standForName(s)
	update(t.record)
}

// Server blocks of one port have plugins of their own, which may know a name by
// other addresses.
func TestServerBlocksOfOnePortKeepTheirNames(t *testing.T) {
	blocks := func() (a, b *Failover) {
		const text = "failover www.%s {\n primary lb.example.com\n check tcp 80\n}"
		return handlerOf(t, fmt.Sprintf(text, "example.org"), "example.org."),
			handlerOf(t, fmt.Sprintf(text, "example.net"), "example.net.")
	}
	a, b := blocks()
	before := begun(t, nil, a, b)
	a.records[0].targets[0].is("127.0.2.1")
	b.records[0].targets[0].is("127.0.2.2")
	a, b = blocks()
	begun(t, before, a, b)
	update(a.records[0], b.records[0])
	expectAnswer(t, a, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
	expectAnswer(t, b, "www.example.net.", dns.TypeA, "NOERROR 127.0.2.2")
}

// One empty answer is enough for one record, and not for another.
func TestThresholdsKeepTheirNames(t *testing.T) {
	const one = "failover %s.example.org {\n primary lb.example.net\n secondary 127.0.2.9 {\n check none\n }\n check tcp 80 {\n threshold %d\n }\n}\n"
	text := fmt.Sprintf(one, "www", 10) + fmt.Sprintf(one, "api", 1)
	old := handlerOf(t, text)
	before := begun(t, nil, old)
	old.records[0].targets[0].is("127.0.2.1")
	old.records[1].targets[0].is()
	f := handlerOf(t, text)
	begun(t, before, f)
	update(f.records...)
	expectAnswer(t, f, "www.example.org.", dns.TypeA, "NOERROR 127.0.2.1")
	expectAnswer(t, f, "api.example.org.", dns.TypeA, "NOERROR 127.0.2.9")
}

// Addresses that were learned by the name asked for are not found any more once
// a check has a host.
func TestLearnedByAHostThatIsNoMore(t *testing.T) {
	const text = "failover *.example.org {\n primary next\n probe 127.0.0.0/8\n check http {\n port 9\n interval 1h\n%s }\n}"
	old := handlerOf(t, fmt.Sprintf(text, ""))
	start(t, old)
	old.Next = newZone(t, "a.example.org. 9 IN A 127.0.1.1")
	ask(old, "a.example.org.", dns.TypeA)
	f, before, c := successor(t, old, fmt.Sprintf(text, " host x.example\n"))
	if err := c.claim(before); err != nil {
		t.Fatal(err)
	}
	f.start()
	expectAnswer(t, f, "a.example.org.", dns.TypeA, "NOERROR 127.0.1.1")
	if n := len(f.learned.all()); n != 1 {
		t.Errorf("%d addresses are probed for one", n)
	}
}
