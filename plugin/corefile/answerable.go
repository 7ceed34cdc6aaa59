package corefile

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// Rules about what no client would ever get, though each word of it is right.

// answersTypes: a record of one family may well say "types A AAAA".
func (r *record) answersTypes() error {
	targets := r.targets()
	eitherFamily := slices.Contains(r.answer.Types, dns.TypeA) && slices.Contains(r.answer.Types, dns.TypeAAAA)
	for _, qtype := range r.answer.Types {
		if eitherFamily && isAddressType(qtype) {
			continue
		}
		if !slices.ContainsFunc(targets, func(t *target) bool { return t.canAnswer(qtype) }) {
			return r.given.at("types", "no target can answer %q: %s", dns.Type(qtype), whoAnswers(qtype))
		}
	}
	return nil
}

func isAddressType(qtype uint16) bool { return qtype == dns.TypeA || qtype == dns.TypeAAAA }

// canAnswer reports whether the target may have data of the type. An alias is
// answered with other data than a CNAME, unless it says so.
func (t *target) canAnswer(qtype uint16) bool {
	switch {
	case t.answer.Kind == model.Address:
		return qtype == addressType(t.answer.Addr)
	case qtype == dns.TypeCNAME:
		return t.options.CNAME
	}
	return true
}

func addressType(addr netip.Addr) uint16 {
	if addr.Is4() {
		return dns.TypeA
	}
	return dns.TypeAAAA
}

// whoAnswers says which targets have data of the type.
func whoAnswers(qtype uint16) string {
	switch qtype {
	case dns.TypeA:
		return `that needs an IPv4 address, a domain name or "next"`
	case dns.TypeAAAA:
		return `that needs an IPv6 address, a domain name or "next"`
	case dns.TypeCNAME:
		return `that needs a domain name with the option "cname"`
	}
	return `that needs a domain name or "next"`
}

// choosesEachTarget: who matches no value is not answered, and neither is a
// target without one.
func (r *record) choosesEachTarget() error {
	if r.answer.Policy != model.Clients {
		return nil
	}
	for _, t := range r.targets() {
		if t.options.Clients == nil {
			return at(t.line.words[0], `target %s has no clients, so that "policy clients" never chooses it; `+
				`add "clients VALUE..." to its block, "clients *" if it is for all`, quoted(t.answer.Text))
		}
	}
	return nil
}

// measuresDistances: a target that is alone in its tier needs no location,
// since there is no choice to make.
func (r *record) measuresDistances() error {
	if r.answer.Policy != model.Nearest {
		return nil
	}
	for _, t := range r.targets() {
		if t.options.Location == nil && len(r.tiers[t.tier]) > 1 {
			return at(t.line.words[0], `target %s has no location, and "policy nearest" has to choose in tier %d; `+
				`add "location LATITUDE LONGITUDE" to its block`, quoted(t.answer.Text), t.tier)
		}
	}
	return nil
}

// hasStandby: a trickle keeps another tier warm.
func (r *record) hasStandby() error {
	if r.answer.Trickle > 0 && len(r.tiers) == 1 {
		return r.given.at("trickle", `there is no other tier to get queries; add "secondary TARGET...", or leave out trickle`)
	}
	return nil
}
