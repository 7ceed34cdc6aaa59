package failover

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// Explain implements admin.Source: it decides and chooses as for a query, with the
// health that the question supposes, and changes nothing.
func (source) Explain(id string, q status.Question) (status.Explanation, error) {
	r, err := healthcheck.newest().index().find(id)
	if err != nil {
		return status.Explanation{}, err
	}
	qtype, family, err := r.asked(q.Type)
	if err != nil {
		return status.Explanation{}, err
	}
	l, err := r.suppose(q.Down)
	if err != nil {
		return status.Explanation{}, err
	}
	view := r.view(family, l)
	view.Start = r.startOf(view, family)
	c, reasons := view.Explain(family, r.supposed(q.Client, qtype))
	e := status.Explanation{
		Record: r.id(), Type: dns.Type(qtype).String(), Down: append([]string{}, q.Down...),
		Kind: kinds[c.Kind], State: c.State.String(), Tier: c.Tier, Answers: answersOf(c.Picks),
		TTL: r.ttl(family, c.Tier).Seconds(), Steps: r.evidence(l),
	}
	if q.Client.IsValid() {
		e.Client = q.Client.String()
	}
	for _, reason := range reasons {
		e.Steps = append(e.Steps, status.Step{Tier: reason.Tier, Text: reason.Text})
	}
	return e, nil
}

// asked returns the type that a word stands for, and its family; the first of the
// record's types where there is none.
func (r *record) asked(word string) (uint16, policy.Family, error) {
	qtype := r.Types[0]
	if word != "" {
		qtype = dns.StringToType[strings.ToUpper(word)]
	}
	family, ok := r.answering(qtype)
	if !ok {
		return 0, 0, status.Problemf(status.Invalid, "record %s does not answer the type %q", display(r.Name), word)
	}
	return qtype, family, nil
}

// suppose returns the lens of somebody who takes targets, or addresses of theirs,
// for unhealthy.
func (r *record) suppose(down []string) (lens, error) {
	l := r.lens()
	l.down = make(map[string]bool)
	for _, word := range down {
		_, err := r.target(word)
		is := func(t *target) bool {
			return slices.ContainsFunc(t.list(), func(a *address) bool { return a.Addr.String() == word })
		}
		if err != nil && !slices.ContainsFunc(r.targets(), is) {
			return l, status.Problemf(status.NotFound, "record %s has no target %q, nor one with that address",
				display(r.Name), word)
		}
		l.down[word] = true
	}
	return l, nil
}

// startOf returns the tier at which the search starts with the health of view.
func (r *record) startOf(view *policy.Record, f policy.Family) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	hold, _ := r.nextHold(time.Now(), view, f)
	return hold.Start()
}

// supposed returns a client that is not there, but would ask for that type.
func (r *record) supposed(addr netip.Addr, qtype uint16) policy.Client {
	m := new(dns.Msg)
	m.SetQuestion(strings.Replace(r.Name, "*", "any", 1), qtype)
	w := supposed{addr: addr}
	ctx := metadata.ContextWithMetadata(context.Background())
	if r.handler.config != nil {
		if provider, ok := r.handler.config.Handler("metadata").(*metadata.Metadata); ok {
			ctx = provider.Collect(ctx, request.Request{W: w, Req: m})
		}
	}
	return &client{ctx, w, m}
}

// supposed is the writer of a client that is not there.
type supposed struct {
	nobody
	addr netip.Addr
}

// RemoteAddr implements dns.ResponseWriter.
func (s supposed) RemoteAddr() net.Addr {
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.addr, 0))
}

// evidence says what speaks against the record's targets.
func (r *record) evidence(l lens) []status.Step {
	steps := []status.Step{}
	if r.Observe {
		steps = append(steps, status.Step{Text: "observe: it is answered as if everything were healthy"})
	}
	for _, t := range r.targets() {
		text := t.reason()
		if l.down[t.Text] {
			text = "taken for unhealthy, as asked"
		}
		if f := t.force.Load(); f != nil && f.State == status.ForcedHealthy && !r.Observe {
			text = "forced healthy by " + f.By + ": " + f.Reason
		}
		if text != "" {
			steps = append(steps, status.Step{Tier: t.tier, Text: t.Text + ": " + text})
		}
	}
	return steps
}
