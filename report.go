package failover

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// A record's status can be asked for by DNS: as TXT of class CHAOS, as servers
// have told of themselves since BIND (RFC 4892), and in an Extended DNS Error
// beside an answer (RFC 8914). Only status_to may.

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
	if r.Observe {
		lines = append(lines, observes)
	}
	for _, f := range r.families() {
		a := r.answers[f].Load()
		line := fmt.Sprintf("%v: %s", f, r.words(telling(a.actual())))
		if answers := answersOf(a.actual().Candidates()); len(answers) > 0 {
			line += ": " + strings.Join(answers, " ")
		}
		lines = append(lines, line)
	}
	for t := range r.targets.each() {
		prefix := fmt.Sprintf("tier %d, target %s", t.tier, t.Text)
		if forced := t.force.Load(); forced != nil {
			lines = append(lines, fmt.Sprintf("%s: forced %s by %s: %s", prefix, forced.State, forced.By, forced.Reason))
		}
		addresses := t.all()
		if len(addresses) == 0 {
			lines = append(lines, fmt.Sprintf("%s: %v", prefix, t.verdict()))
		}
		for i, a := range addresses {
			if i == mostListed {
				lines = append(lines, fmt.Sprintf("%s: and %d more addresses", prefix, len(addresses)-i))
				break
			}
			lines = append(lines, a.report(now))
		}
	}
	return lines
}

// observes is said of a record that does, beside what it would answer.
const observes = "observe: it is answered as if everything were healthy"

func (a *address) report(now time.Time) string {
	line := fmt.Sprintf("tier %d, target %s", a.target.tier, a.target.Text)
	if text := a.text(); text != a.target.Text {
		line += " (" + text + ")"
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
		// The data is cut, and not its presentation, which is longer.
		for part := range slices.Chunk([]byte(line), mostText) {
			t.Txt = append(t.Txt, strings.ReplaceAll(string(part), `\`, `\\`))
		}
		rrs[i] = t
	}
	return rrs
}

// explain gives q a writer that says in an Extended DNS Error why the primary does
// not answer: where what was chosen is not that, and who asks understands it and
// may know.
func (q *query) explain(c policy.Choice) {
	rec := q.record
	if c.State == policy.Normal || q.r.IsEdns0() == nil || !rec.handler.mayKnow(q.w) {
		return
	}
	text := rec.words(told{true, c.Kind, c.State, int32(c.Tier)})
	reason := q.answer.reason(c.State, c.Tier)
	if found := found(q.learned, policy.Any); reason == "" && found != "" {
		reason = "target " + rec.next.Text + ": " + found
	}
	if reason != "" {
		text += "; " + reason
	}
	// EXTRA-TEXT is UTF-8 (RFC 8914, 2), which is not to be cut within a letter.
	text = strings.ToValidUTF8(text[:min(len(text), mostText)], "")
	q.w = explaining{q.w, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: text}}
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
