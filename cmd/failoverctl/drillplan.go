package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/status"
)

// add lets a server take part, if the record is fit for a drill there.
func (d *drill) add(ctx context.Context, found found, f *drillFlags) error {
	r := &found.Value
	if err := unfit(r); err != nil {
		return err
	}
	s := &steered{name: found.Client.Name, host: found.Client.Host, server: found.Client, record: r}
	for i := range r.Tiers[0].Targets {
		t := &r.Tiers[0].Targets[i]
		if f.target == "" && !t.Drained || t.Target == f.target {
			s.targets = append(s.targets, t.Target)
			s.addresses = append(s.addresses, addressesOf(t)...)
			s.hidden = s.hidden || t.More > 0 || len(t.Addresses) == 0
		}
	}
	if len(s.targets) == 0 {
		return fmt.Errorf("the primary has no target %q", f.target)
	}
	d.servers = append(d.servers, s)
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	would, err := found.Client.Explain(ctx, r.ID, status.Question{Type: f.qtype, Down: s.targets})
	if err != nil {
		return err
	}
	s.expected = fmt.Sprintf("tier %d: %s", would.Tier, strings.Join(would.Answers, " "))
	return answers(&would)
}

// answers returns an error where nothing would answer with the targets down, as
// the server itself explains it.
func answers(would *status.Explanation) error {
	if would.Kind == "answer" && (would.State == normal || would.State == "failed_over") {
		return nil
	}
	return fmt.Errorf("with %s down nothing would answer %s questions: %s would be %s",
		strings.Join(would.Down, " and "), would.Type, would.Record, would.State)
}

// unfit returns why the record is not fit for a drill: one that is in use
// otherwise is none to play with.
func unfit(r *status.Record) error {
	switch {
	case r.State != normal:
		return fmt.Errorf("%s is %s, not normal", r.Name, r.State)
	case r.Forced > 0:
		return fmt.Errorf("%s has a forced state already; clear it first", r.Name)
	case r.Observed:
		return fmt.Errorf("%s is only observed: it answers as if everything were healthy", r.Name)
	case len(r.Tiers) == 0 || len(r.Tiers[0].Targets) == 0:
		return fmt.Errorf("%s has no primary", r.Name)
	}
	return nil
}

// addressesOf returns all that answers may show of a target.
func addressesOf(t *status.Target) []string {
	all := []string{strings.ToLower(strings.TrimSuffix(t.Target, "."))}
	for _, address := range t.Addresses {
		all = append(all, address.Address)
	}
	return all
}

// addResponders finds out which DNS servers to ask: those given, or that of each
// server that takes part.
func (d *drill) addResponders(f *drillFlags) error {
	name := f.name
	if name == "" {
		name = strings.Replace(d.servers[0].record.Name, "*", "fire-drill", 1)
	}
	d.question = new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.StringToType[f.qtype])
	var at []string
	for _, given := range f.dns {
		at = append(at, withPort(given))
	}
	for _, s := range d.servers {
		if len(f.dns) > 0 {
			break
		}
		address, err := dnsAddress(s.record.Server, s.host)
		if err != nil {
			return err
		}
		at = append(at, address)
	}
	slices.Sort(at)
	for _, address := range slices.Compact(at) {
		d.responders = append(d.responders, &responder{name: address, ask: askAt(address, d.question)})
	}
	return nil
}

// withPort adds the port of DNS where there is none.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), "53")
}

// dnsAddress returns where a server that listens like this answers plain DNS;
// one that listens everywhere does on the host of its admin API.
func dnsAddress(listens, host string) (string, error) {
	for listener := range strings.SplitSeq(listens, ",") {
		address, plain := strings.CutPrefix(listener, "dns://")
		if !plain {
			continue
		}
		on, port, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(on); on == "" || ip != nil && ip.IsUnspecified() {
			on = host
		}
		return net.JoinHostPort(on, port), nil
	}
	return "", fmt.Errorf("the record is served on %s, not by plain DNS; give --dns", dash(listens))
}
