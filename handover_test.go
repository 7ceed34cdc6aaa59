package failover

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// successor is a handler that takes the place of another one, as in a reload.
func successor(t *testing.T, old *Failover, text string) (f *Failover, before, c *configuration) {
	t.Helper()
	f = handlerOf(t, text)
	f.Next, f.config, f.keys = old.Next, old.config, old.keys
	c = &configuration{generation: healthcheck.generation(), handlers: []*Failover{f}}
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
	await(t, want, func() bool { return summary(ask(f, qname, dns.TypeA)) == want })
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
				for _, target := range r.targets() {
					if target.name != nil && (!target.name.State().Known || len(target.list()) != 1) {
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
