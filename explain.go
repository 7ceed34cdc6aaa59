package failover

import (
	"context"
	"fmt"
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
	r, err := healthcheck.serving().index().find(id)
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
	c, steps := r.explain(family, qtype, r.supposed(q.Client, qtype), l)
	e := status.Explanation{
		Record: r.id(), Type: dns.Type(qtype).String(), Down: append([]string{}, q.Down...),
		Kind: kinds[c.Kind], State: c.State.String(), Tier: c.Tier, Answers: r.answersTo(qtype, c),
		TTL: r.ttl(family, c.Tier).Seconds(), Steps: steps,
	}
	if q.Client.IsValid() {
		e.Client = q.Client.String()
	}
	return e, nil
}

// explain returns what a client is answered, and why.
func (r *record) explain(f policy.Family, qtype uint16, who policy.Client, l lens) (policy.Choice, []status.Step) {
	view := r.view(f, l)
	view.Start = r.startOf(view, f)
	chosen, reasons := view.Explain(f, who)
	steps := r.evidence(l)
	for _, reason := range reasons {
		steps = append(steps, status.Step{Tier: reason.Tier, Text: reason.Text})
	}
	c := r.narrow(chosen, who, qtype, l)
	if r.leaves(chosen, qtype) {
		c = policy.Choice{Kind: policy.Next}
	}
	if c.Kind != chosen.Kind {
		steps = append(steps, status.Step{Tier: c.Tier, Text: narrowed(c.Kind, qtype)})
	}
	return c, steps
}

// narrowed says why what was chosen is not what questions of a type get.
func narrowed(to policy.Kind, qtype uint16) string {
	if to == policy.Next {
		return fmt.Sprintf("type %v: the next plugin answers", dns.Type(qtype))
	}
	return fmt.Sprintf("what was chosen has nothing of type %v: NODATA", dns.Type(qtype))
}

// answersTo are the answers to a question of a type: of those that are none of
// addresses only the name is known that has them.
func (r *record) answersTo(qtype uint16, c policy.Choice) []string {
	switch i := slices.IndexFunc(c.Picks, isElsewhere); {
	case c.Kind != policy.Answer:
		return []string{}
	case isAddress(qtype) || i < 0:
		return answersOf(c.Picks)
	default:
		return []string{display(c.Picks[i].Target.Name)}
	}
}

// asked returns the type that a word stands for, and its family; the first of the
// record's types where there is none.
func (r *record) asked(word string) (uint16, policy.Family, error) {
	qtype, known := r.Types[0], true
	if word != "" {
		qtype, known = dns.StringToType[strings.ToUpper(word)]
	}
	if !known {
		return 0, 0, status.Problemf(status.Invalid, "there is no type %q", word)
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
			return slices.ContainsFunc(t.all(), func(a *address) bool { return a.Addr.String() == word })
		}
		if err != nil && !r.targets.any(is) {
			return l, status.Problemf(status.NotFound, "record %s has no target %q, nor one with that address",
				display(r.Name), word)
		}
		l.down[word] = true
	}
	return l, nil
}

// startOf returns the tier at which the search starts with the health of view. Who
// answers as if everything were healthy holds nothing.
func (r *record) startOf(view *policy.Record, f policy.Family) int {
	if r.Observe {
		return 0
	}
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
		steps = append(steps, status.Step{Text: observes})
	}
	for t := range r.targets.each() {
		if text := t.evidence(l); text != "" {
			steps = append(steps, status.Step{Tier: t.tier, Text: t.Text + ": " + text})
		}
	}
	return steps
}

func (t *target) evidence(l lens) string {
	f := t.force.Load()
	switch {
	case f != nil && f.State == status.ForcedHealthy && !l.blind:
		return "forced healthy by " + f.By + ": " + f.Reason
	case l.down[t.Text]:
		return "taken for unhealthy, as asked"
	}
	if reason := t.reason(); reason != "" {
		return reason
	}
	return found(t.all(), policy.Any)
}
