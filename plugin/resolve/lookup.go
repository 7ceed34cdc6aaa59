// Package resolve turns names into addresses: it asks the plugins of a server
// block or, where they have no answer, a resolver. Lookup does so once; a
// Resolver keeps names resolved in the background.
//
// An answer without data (NXDOMAIN, NODATA) is an answer. SERVFAIL, REFUSED,
// any other error, silence and whatever does not fit the question is none, and
// says nothing about the name.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxHops is how many CNAMEs a look-up follows.
	maxHops = 10
	// udpSize is the reply's largest size over UDP: no fragments on common
	// networks (DNS flag day 2020).
	udpSize = 1232
	// lookupTime is how long one look-up may take, where its context does not
	// say.
	lookupTime = 2 * time.Second
)

// Asker answers one question. No reply is an error. The question is the
// Asker's own, to change as it likes; Ask may be called by several goroutines.
type Asker interface {
	Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error)
}

// Answer is what a name has of one type.
type Answer struct {
	// RRs are of the type asked for, and owned by Name. They are empty where the
	// answer has no data. They may belong to a plugin's data: copy, don't change.
	RRs []dns.RR
	// Name is where the chain of CNAMEs ends, in lower case: the name asked for
	// if there are none.
	Name string
	// CNAMEs lead to Name, in order.
	CNAMEs []dns.RR
	// Rcode is NOERROR or NXDOMAIN; it speaks of Name (RFC 6604).
	Rcode int
	// TTL is the smallest of RRs and CNAMEs. Without RRs it is that of the
	// negative answer (RFC 2308, section 5), or 5 s where that has no SOA, if no
	// CNAME's is smaller.
	TTL time.Duration
}

// Lookup asks for what name has of a type of data, and follows CNAMEs: in the
// reply, and by asking for the end of the chain where the reply stops short of
// it. Each name is asked of chain first and, where that gives no answer, of
// fallback, which may be nil.
//
// It ends when ctx does; where ctx has no deadline, an Asker gets at most 2 s.
// The error says for each Asker why it gave no answer. An Asker that panics
// gave none.
func Lookup(ctx context.Context, chain, fallback Asker, name string, qtype uint16) (Answer, error) {
	a := Answer{Name: dns.CanonicalName(name), TTL: math.MaxInt64}
	for {
		next, end, err := a.ask(ctx, chain, fallback, qtype)
		if err != nil {
			return Answer{}, fmt.Errorf("%s %s: %w", a.Name, dns.Type(qtype), err)
		}
		if end {
			return next, nil
		}
		a = next
	}
}

// ask goes on from a by one question, to chain or fallback; it reports whether
// that is the end.
func (a Answer) ask(ctx context.Context, chain, fallback Asker, qtype uint16) (Answer, bool, error) {
	if fallback == nil {
		return a.try(ctx, chain, qtype, 1)
	}
	next, end, err := a.try(ctx, chain, qtype, 2) // half of the time is fallback's
	if err == nil {
		return next, end, nil
	}
	next, end, ferr := a.try(ctx, fallback, qtype, 1)
	if ferr != nil {
		return a, false, fmt.Errorf("%w; resolver: %w", err, ferr)
	}
	return next, end, nil
}

// try goes on from a with the reply of one Asker, which gets one of parts equal
// parts of the time left. It shields the process from a plugin that panics, or
// replies with what makes us panic: a bug there must not take DNS down.
func (a Answer) try(ctx context.Context, asker Asker, qtype uint16, parts int) (next Answer, end bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			next, end, err = a, false, panicked(r)
		}
	}()
	ctx, cancel := share(ctx, parts)
	defer cancel()
	reply, err := asker.Ask(ctx, question(a.Name, qtype))
	if err != nil {
		return a, false, plain(err)
	}
	return a.after(reply, qtype)
}

// question asks for recursion, since a chain may end in a forwarder. Its id is
// quickly made, and no secret: Servers and *forward* send ids of their own.
func question(name string, qtype uint16) *dns.Msg {
	q := new(dns.Msg)
	q.Id = uint16(rand.Uint32())
	q.RecursionDesired = true
	q.Question = []dns.Question{{Name: name, Qtype: qtype, Qclass: dns.ClassINET}}
	q.SetEdns0(udpSize, false)
	return q
}

// share is ctx with the deadline of the first of several equal parts of its
// time.
func share(ctx context.Context, parts int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	switch {
	case !ok:
		return context.WithTimeout(ctx, lookupTime/time.Duration(parts))
	case parts == 1:
		return ctx, func() {}
	default:
		return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(parts))
	}
}

// errSilence is what an operator calls a missed deadline.
var errSilence = errors.New("no reply")

// plain puts an Asker's error in the operator's words.
func plain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errSilence
	}
	return err
}

func panicked(reason any) error { return fmt.Errorf("panic: %v", reason) }
