package failover

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// A record's status can be asked for by DNS: as TXT of class CHAOS, as servers
// have told of themselves since BIND (RFC 4892), and in an Extended DNS Error
// beside an answer (RFC 8914). Only status_to may.

// Without this the server refuses questions of class CHAOS before any plugin.
func init() { dnsserver.EnableChaos[name] = struct{}{} }

// serveChaos answers a question of another class than IN.
func (f *Failover) serveChaos(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := r.Question[0]
	if rec, _ := f.names.find(q.Name); rec != nil && q.Qclass == dns.ClassCHAOS && q.Qtype == dns.TypeTXT && f.mayKnow(w) {
		m := newReply(r)
		m.Answer = txt(q, rec.report(time.Now()))
		return dns.RcodeSuccess, w.WriteMsg(m)
	}
	// Other plugins of the block must not see more than they would without us.
	for other := range dnsserver.EnableChaos {
		if other != name && f.config != nil && f.config.Handler(other) != nil {
			return plugin.NextOrFailure(f.Name(), f.Next, ctx, w, r)
		}
	}
	return dns.RcodeRefused, nil
}

// mayKnow reports whether who asks may know the status of records.
func (f *Failover) mayKnow(w dns.ResponseWriter) bool {
	return f.claims != nil && f.claims.configuration.operation.tells(askerOf(w))
}

// askerOf returns the address that a question came from.
func askerOf(w dns.ResponseWriter) netip.Addr {
	var from netip.AddrPort
	switch addr := w.RemoteAddr().(type) {
	case *net.UDPAddr:
		from = addr.AddrPort()
	case *net.TCPAddr:
		from = addr.AddrPort()
	}
	return from.Addr().WithZone("").Unmap()
}

// report is the record's status, a line for what each family is answered with
// and a line for each address, or target without one.
func (r *record) report(now time.Time) []string {
	var lines []string
	for _, f := range r.families {
		a := r.answers[f].Load()
		lines = append(lines, fmt.Sprintf("%v: %s: %s", f, r.told(a.actual), strings.Join(answersOf(a.Candidates()), " ")))
	}
	for _, t := range r.targets() {
		prefix := fmt.Sprintf("tier %d, target %s", t.tier, t.Text)
		if forced := t.force.Load(); forced != nil {
			lines = append(lines, fmt.Sprintf("%s: forced %s by %s: %s", prefix, forced.State, forced.By, forced.Reason))
		}
		if len(t.list()) == 0 {
			lines = append(lines, fmt.Sprintf("%s: %v", prefix, t.verdict()))
		}
		for i, a := range t.list() {
			if i == mostListed {
				lines = append(lines, fmt.Sprintf("%s: and %d more addresses", prefix, len(t.list())-i))
				break
			}
			lines = append(lines, a.report(now))
		}
	}
	return lines
}

func (a *address) report(now time.Time) string {
	line := fmt.Sprintf("tier %d, target %s", a.target.tier, a.target.Text)
	if a.target.Text != a.Addr.String() {
		line += " (" + a.Addr.String() + ")"
	}
	line += ": " + a.verdict().String()
	if since := a.since(); !since.IsZero() {
		line += fmt.Sprintf(" for %v", rounded(now.Sub(since)))
	}
	if reason := a.reason(); reason != "" {
		line += ": " + reason
	}
	return line
}

// since is when the newest verdict of the address's checks began that is as that
// of the address; zero where none is probed.
func (a *address) since() time.Time {
	var since time.Time
	for _, c := range a.checks {
		if s := c.Status(); s.Verdict == a.verdict() && s.Verdict != verdict.Unknown && s.Since.After(since) {
			since = s.Since
		}
	}
	return since
}

// mostText is how long a character string of a TXT record can be (RFC 1035, 3.3).
const mostText = 255

// txt returns a TXT record for each line. They are of the moment: TTL 0.
func txt(q dns.Question, lines []string) []dns.RR {
	rrs := make([]dns.RR, len(lines))
	for i, line := range lines {
		t := &dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: q.Qclass}}
		line = strings.ReplaceAll(line, `\`, `\\`)
		for len(line) > mostText {
			t.Txt, line = append(t.Txt, line[:mostText]), line[mostText:]
		}
		t.Txt = append(t.Txt, line)
		rrs[i] = t
	}
	return rrs
}

// explained returns w, or a writer that says in an Extended DNS Error why the
// primary does not answer: where it does not, and who asks understands that and
// may know.
func (a *answer) explained(w dns.ResponseWriter, r *dns.Msg) dns.ResponseWriter {
	if r.IsEdns0() == nil || !a.record.handler.mayKnow(w) {
		return w
	}
	text := a.record.told(a.Decision)
	if reason := a.record.reason(a); reason != "" {
		text += "; " + reason
	}
	return explaining{w, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: text[:min(len(text), mostText)]}}
}

// explaining is a writer that adds an Extended DNS Error. What it is given is not
// touched: it may be a cache's.
type explaining struct {
	dns.ResponseWriter
	ede *dns.EDNS0_EDE
}

// WriteMsg implements dns.ResponseWriter.
func (e explaining) WriteMsg(m *dns.Msg) error {
	return e.ResponseWriter.WriteMsg(withOption(m, func(dns.EDNS0) bool { return false }, e.ede))
}
