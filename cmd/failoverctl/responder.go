package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// responder is a DNS server that is asked during a drill.
type responder struct {
	name string
	ask  func(context.Context) answer
	// addresses are those of what is forced, and first is the answer before. Both
	// are read-only once it is watched.
	addresses []string
	first     string

	mu      sync.Mutex
	samples []sample
}

// answer is what a DNS server said: addresses and aliases, or why there are
// none.
type answer struct {
	words   []string
	problem string
}

// String implements fmt.Stringer.
func (a answer) String() string {
	if a.problem != "" {
		return a.problem
	}
	return "it answers " + strings.Join(a.words, " ")
}

// has reports whether any of the words is in the answer.
func (a answer) has(words []string) bool {
	return slices.ContainsFunc(a.words, func(word string) bool { return slices.Contains(words, word) })
}

// sample is an answer at the time when it came.
type sample struct {
	at     time.Time
	answer answer
	// before is set where it shows what is, or is to be, forced.
	before bool
}

// given reports whether it is an answer at all.
func (s sample) given() bool { return s.answer.problem == "" }

// How often a DNS server is asked.
const (
	often = 50 * time.Millisecond
	// seldom is when it has answered as it should for a while: what is still to be
	// seen is only whether it goes on.
	seldom  = 500 * time.Millisecond
	settled = 2 * time.Second
)

// watch asks until ctx ends, and tells when the answer changes.
func (r *responder) watch(ctx context.Context, d *drill) {
	last, since := r.first, time.Now()
	over := d.over
	for {
		a := r.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		s := sample{time.Now(), a, a.has(r.addresses)}
		r.add(s)
		if now := a.String(); now != last {
			d.tell("%8s  %s: %s", d.elapsed(), r.name, now)
			last, since = now, s.at
		}
		forced, restored := d.marks()
		wait := often
		if mark := latest(forced, restored, since); s.before != restored.IsZero() && time.Since(mark) > settled {
			wait = seldom
		}
		select {
		case <-over:
			over = nil // now it is to come back
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

func (r *responder) add(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, s)
}

// between returns the samples of a time, the end not included; a zero end is
// never.
func (r *responder) between(begin, end time.Time) []sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []sample
	for _, s := range r.samples {
		if !s.at.Before(begin) && (end.IsZero() || s.at.Before(end)) {
			some = append(some, s)
		}
	}
	return some
}

// returned reports whether it answers as before since then.
func (r *responder) returned(since time.Time) bool {
	some := r.between(since, time.Time{})
	return len(some) > 0 && some[len(some)-1].before
}

// asking is how long a DNS server may take to reply.
const asking = time.Second

// askAt returns what asks the DNS server at an address.
func askAt(address string, question *dns.Msg) func(context.Context) answer {
	client := dns.Client{Timeout: asking}
	return func(ctx context.Context) answer {
		m := question.Copy()
		m.Id = dns.Id()
		m.SetEdns0(dns.DefaultMsgSize, false)
		reply, _, err := client.ExchangeContext(ctx, m, address)
		if err != nil {
			return answer{problem: noReply(err)}
		}
		return answerOf(reply)
	}
}

// noReply says why there was none, without what differs each time: the port that
// was asked from.
func noReply(err error) string {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fmt.Sprintf("no reply in %v", asking)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	return "no reply: " + err.Error()
}

// answerOf returns what a reply says.
func answerOf(reply *dns.Msg) answer {
	if reply.Rcode != dns.RcodeSuccess {
		return answer{problem: "it replies " + dns.RcodeToString[reply.Rcode]}
	}
	var a answer
	for _, rr := range reply.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			a.words = append(a.words, addressText(rr.A))
		case *dns.AAAA:
			a.words = append(a.words, addressText(rr.AAAA))
		case *dns.CNAME:
			a.words = append(a.words, strings.ToLower(strings.TrimSuffix(rr.Target, ".")))
		}
	}
	if len(a.words) == 0 {
		a.problem = "it has no data"
	}
	slices.Sort(a.words) // servers turn answers around
	return a
}

// addressText is an address in the form that the API has.
func addressText(ip []byte) string {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return fmt.Sprintf("%x", ip)
	}
	return addr.Unmap().String()
}
