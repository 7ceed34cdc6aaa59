package failover

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/corefile"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// counting is a writer that keeps what was written.
type counting struct {
	test.ResponseWriter
	written []*dns.Msg
}

func (c *counting) WriteMsg(m *dns.Msg) error {
	c.written = append(c.written, m)
	return nil
}

// FuzzServeDNS asks any question of any configuration, with any verdicts and in
// front of any kind of next plugin: there is one well-formed reply, or an error
// that the server replies with, and never a panic.
func FuzzServeDNS(f *testing.F) {
	seeds := []string{
		pair,
		strings.Replace(pair, "www", "*", 1),
		strings.Replace(pair, "check", "fail closed REFUSED\n\ttypes A\n\tcheck", 1),
		strings.Replace(pair, "check", "fail next\n\tobserve\n\tlimit 1\n\tcheck", 1),
		strings.Replace(pair, "www", strings.Repeat("a.", 118)+"www", 1),
		"failover *.example.org {\n primary next\n secondary 192.0.2.2\n probe 192.0.2.0/24\n check http\n}",
		"failover www.example.org {\n primary next 192.0.2.1\n limit 1\n types A MX\n check http\n}",
		"failover www.example.org {\n primary a.example.net {\n cname\n }\n check http\n}\n" +
			"failover example.org {\n primary www.example.org\n types A TXT\n evaluate_target_health\n}",
		"failover example.org {\n primary ::1 192.0.2.1 {\n drain\n }\n secondary 192.0.2.2\n min_healthy 50%\n check tcp 80\n}",
	}
	for i, text := range seeds {
		for j, qname := range []string{"www.example.org.", "example.org.", "a.b.EXAMPLE.org.", ".", "other."} {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS} {
				m := new(dns.Msg).SetQuestion(qname, qtype)
				if j%2 == 0 {
					m.SetEdns0(1232, true)
				}
				wire, err := m.Pack()
				if err != nil {
					f.Fatal(err)
				}
				f.Add(text, wire, byte(17*i+j))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, wire []byte, dice byte) {
		handler := parsed(text)
		question := new(dns.Msg)
		if handler == nil || question.Unpack(wire) != nil {
			return
		}
		handler.roll(dice)
		handler.Next = nexts[int(dice)%len(nexts)]
		if handler.Next == nil {
			handler.Next = end{handler}
		}
		mustReplyOnce(t, handler, question)
	})
}

// parsed returns the handler that text configures, or nil where it is wrong.
func parsed(text string) *Failover {
	blocks, err := caddyfile.Parse("Corefile", strings.NewReader("example.org {\n"+text+"\n}\n"), nil)
	if err != nil || len(blocks) == 0 {
		return nil
	}
	block, err := corefile.Parse(slices.Values(blocks[0].Tokens[name]), []string{"example.org."})
	if err != nil {
		return nil
	}
	return New(block)
}

// roll gives every check the verdict that the dice show.
func (f *Failover) roll(dice byte) {
	for _, r := range f.records {
		for target := range r.targets.each() {
			for _, a := range target.list() {
				for i := range a.checks {
					a.checks[i] = fixed(verdict.Verdict(dice % 3))
					dice = dice*5 + 1
				}
			}
		}
		update(r)
	}
}

// nexts are the ways in which next plugins answer.
var nexts = []plugin.Handler{
	nil,
	nextSays(dns.RcodeSuccess, `www.example.org. 60 IN HTTPS 1 . ipv4hint="192.0.2.9"`),
	nextSays(dns.RcodeNameError, "example.org. 60 IN SOA ns. admin. 1 2 3 4 5"),
	nextSays(dns.RcodeNameError),
	nextSays(dns.RcodeServerFailure),
	plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
		return dns.RcodeRefused, nil
	}),
}

func mustReplyOnce(t *testing.T, h plugin.Handler, question *dns.Msg) {
	t.Helper()
	w := new(counting)
	rcode, _ := h.ServeDNS(context.Background(), w, question)
	if len(w.written) == 0 && !plugin.ClientWrite(rcode) {
		return // the server replies
	}
	if len(w.written) != 1 {
		t.Fatalf("%d replies, and code %d, to\n%v", len(w.written), rcode, question)
	}
	reply := w.written[0]
	wire, err := reply.Pack()
	if err != nil {
		t.Fatalf("%v in\n%v", err, reply)
	}
	if err := new(dns.Msg).Unpack(wire); err != nil {
		t.Fatalf("%v in\n%v", err, reply)
	}
	if reply.Id != question.Id || !reply.Response {
		t.Fatalf("replied\n%vto\n%v", reply, question)
	}
}
