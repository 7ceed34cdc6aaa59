package failover

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/policy"

	"github.com/miekg/dns"
)

// answer is what the questions of one family for a record are answered with,
// until the health of a target changes. It is read-only.
type answer struct {
	policy.Decision
	// measured is the decision by the measured health; it differs from Decision
	// only while the record observes.
	measured policy.Decision

	record *record
	served *atomic.Uint64
	ttl    uint32
	addrs  []netip.Addr
	words  []string // the target that each address stands for, as written
}

func newAnswer(r *record, d policy.Decision) *answer {
	a := &answer{
		Decision: d,
		record:   r,
		served:   r.served[d.Tier],
		ttl:      uint32(r.TTL.Max / time.Second),
	}
	for _, t := range d.Targets {
		for _, addr := range t.Addrs {
			a.addrs = append(a.addrs, addr)
			a.words = append(a.words, t.Text)
		}
	}
	return a
}

// pick returns which of the addresses one answer holds.
func (a *answer) pick(picked []int) []int {
	return policy.Sample(picked, len(a.addrs), a.record.Limit)
}

// targets names those that the picked addresses stand for.
func (a *answer) targets(picked []int) string {
	var words []string
	for _, i := range picked {
		if len(words) == 0 || words[len(words)-1] != a.words[i] {
			words = append(words, a.words[i])
		}
	}
	return strings.Join(words, ",")
}

// reply is a message with room for its question, to be allocated at once.
type reply struct {
	dns.Msg
	question [1]dns.Question
}

// newReply returns an authoritative reply to r without data.
func newReply(r *dns.Msg) *dns.Msg {
	m := new(reply)
	m.Id = r.Id
	m.Response = true
	m.Authoritative = true
	m.RecursionDesired = r.RecursionDesired
	m.CheckingDisabled = r.CheckingDisabled
	m.question[0] = r.Question[0]
	m.Question = m.question[:]
	return &m.Msg
}

// message returns the reply to r that holds the picked addresses. Every query
// gets records of its own, since the handlers above change them in place. The
// owner has the case of the question (DNS 0x20).
func (a *answer) message(r *dns.Msg, picked []int) *dns.Msg {
	m := newReply(r)
	q := r.Question[0]
	m.Answer = make([]dns.RR, len(picked))
	hdr := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: q.Qclass, Ttl: a.ttl}
	if q.Qtype == dns.TypeA {
		a.fill4(m.Answer, hdr, picked)
	} else {
		a.fill6(m.Answer, hdr, picked)
	}
	return m
}

func (a *answer) fill4(rrs []dns.RR, hdr dns.RR_Header, picked []int) {
	type rr struct {
		dns.A
		ip [4]byte
	}
	mine := make([]rr, len(picked))
	for n, i := range picked {
		mine[n].Hdr, mine[n].ip = hdr, a.addrs[i].As4()
		mine[n].A.A = mine[n].ip[:]
		rrs[n] = &mine[n].A
	}
}

func (a *answer) fill6(rrs []dns.RR, hdr dns.RR_Header, picked []int) {
	type rr struct {
		dns.AAAA
		ip [16]byte
	}
	mine := make([]rr, len(picked))
	for n, i := range picked {
		mine[n].Hdr, mine[n].ip = hdr, a.addrs[i].As16()
		mine[n].AAAA.AAAA = mine[n].ip[:]
		rrs[n] = &mine[n].AAAA
	}
}
