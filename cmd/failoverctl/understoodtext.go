package main

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// write shows people what a Corefile means.
func (u *understood) write(w io.Writer) {
	line(w, "%s", u.File)
	if len(u.Servers) == 0 {
		line(w, "  failover does not stand in it")
	}
	for i := range u.Servers {
		u.Servers[i].write(w)
	}
}

func (s *understoodServer) write(w io.Writer) {
	line(w, "  server %s, %s", strings.Join(s.Keys, " "), "zones "+strings.Join(s.Zones, " "))
	if s.Process != nil {
		s.Process.write(w)
	}
	for i := range s.Records {
		s.Records[i].write(w)
	}
}

// paragraph is lines under each other, behind their titles.
type paragraph struct{ table }

// add adds lines under a title.
func (p *paragraph) add(title string, lines ...string) {
	for _, l := range lines {
		p.row(title, l)
		title = ""
	}
}

func (p *understoodProcess) write(w io.Writer) {
	fmt.Fprintln(w, "    process")
	var text paragraph
	if p.Guard != nil {
		text.add("guard", p.Guard.lines()...)
	}
	for _, address := range p.Resolver {
		text.add("resolver", address.String())
	}
	text.add("stale", p.Stale)
	if a := p.Admin; a != nil {
		text.add("admin", phrase(a.Address, option{"token_file", a.TokenFile}, option{"web_config", a.WebConfig}))
	}
	if p.StateFile != "" {
		text.add("state_file", phrase(p.StateFile, option{"max_age", p.MaxAge}))
	}
	for _, n := range p.Notify {
		text.add("notify", phrase(n.URL, option{"secret_file", n.SecretFile},
			option{"header", strings.Join(n.Headers, " ")}, option{"timeout", n.Timeout}))
	}
	for _, network := range p.StatusTo {
		text.add("status_to", network.String())
	}
	text.write(w, "      ")
}

// phrase is a word and then those of options that are set.
func phrase(first string, options ...option) string {
	parts := []string{first}
	for _, o := range options {
		if o.value != "" {
			parts = append(parts, o.word+" "+o.value)
		}
	}
	return strings.Join(parts, ", ")
}

// option is a word of a Corefile with what stands behind it.
type option struct{ word, value string }

func (r *understoodRecord) write(w io.Writer) {
	line(w, "    record %s", r.Name)
	var text paragraph
	text.add("types", strings.Join(r.Types, " "))
	ttl := r.TTL
	if r.MinTTL != r.TTL {
		ttl += ", down to " + r.MinTTL
	}
	text.add("ttl", ttl)
	policy := r.Policy
	if r.Limit > 0 {
		policy += ", limit " + strconv.Itoa(r.Limit)
	}
	text.add("policy", policy)
	text.add("min_healthy", r.MinHealthy)
	text.add("fail", r.Fail)
	text.add("failback", r.Failback)
	if r.Trickle > 0 {
		text.add("trickle", strconv.Itoa(r.Trickle)+"%")
	}
	for _, network := range r.Probe {
		text.add("probe", network.String())
	}
	if r.Observe {
		text.add("observe", "answers as if everything were healthy")
	}
	r.addTiers(&text)
	text.write(w, "      ")
}

// addTiers adds tiers and checks. Checks that all targets have stand once.
func (r *understoodRecord) addTiers(text *paragraph) {
	first := &r.Tiers[0].Targets[0]
	same := r.alike(first)
	for _, tier := range r.Tiers {
		for i := range tier.Targets {
			t := &tier.Targets[i]
			text.add("tier "+strconv.Itoa(tier.Tier), strings.Join(append([]string{t.Target}, t.Options...), ", "))
			if !same {
				t.addChecks(text, "  check")
			}
		}
	}
	if same {
		first.addChecks(text, "check")
	}
}

// alike reports whether all targets are checked like this one.
func (r *understoodRecord) alike(as *understoodTarget) bool {
	for _, tier := range r.Tiers {
		for _, t := range tier.Targets {
			if t.Require != as.Require || !reflect.DeepEqual(t.Checks, as.Checks) {
				return false
			}
		}
	}
	return true
}

func (t *understoodTarget) addChecks(text *paragraph, title string) {
	if len(t.Checks) == 0 {
		text.add(title, t.unchecked())
	}
	for i := range t.Checks {
		text.add(title, t.Checks[i].lines()...)
	}
	if len(t.Checks) > 1 {
		text.add(strings.Replace(title, "check", "require", 1), fmt.Sprintf("%d of %d", t.Require, len(t.Checks)))
	}
}

// unchecked says what health a target has that no check applies to.
func (t *understoodTarget) unchecked() string {
	if slices.Contains(t.Options, evaluated) {
		return "none: as healthy as what it stands for"
	}
	return "none: always healthy"
}

// lines shows a check in a few lines.
func (c *understoodCheck) lines() []string {
	lines := []string{c.Check}
	if len(c.Asks) > 0 {
		lines = append(lines, "  "+strings.Join(c.Asks, ", "))
	}
	return append(lines, "  "+c.Schedule, "  "+c.Thresholds)
}
