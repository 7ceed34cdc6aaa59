package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// policy explains which targets of a step the policy chose.
func (e *explanation) policy(s *step, picks []Pick) {
	q := e.match.query
	if e.record.Policy == model.Clients {
		e.clients(s)
		return
	}
	var options []*option
	for i := range s.options {
		if o := &s.options[i]; o.serves(q) {
			options = append(options, o)
			continue
		}
		e.say(s.Tier, "%s has nothing for %s", s.options[i].Text, e.client())
	}
	at := slices.IndexFunc(options, func(o *option) bool { return len(picks) > 0 && o.Target == picks[0].Target })
	if len(options) < 2 || at < 0 {
		return // there was no choice
	}
	chosen := options[at]
	switch e.record.Policy {
	case model.Weighted:
		e.weighted(s, options, chosen)
	case model.Sticky:
		e.sticky(s, chosen)
	case model.Fastest:
		e.fastest(s, options, chosen)
	case model.Nearest:
		e.nearest(s, options)
	default:
		e.say(s.Tier, "policy all chose each of %d targets", len(options))
	}
}

func (e *explanation) weighted(s *step, options []*option, chosen *option) {
	sum := 0
	for _, o := range options {
		sum += o.Weight
	}
	if sum == 0 {
		e.say(s.Tier, "policy weighted chose %s by chance (all weights are 0: 1 of %d)", chosen.Text, len(options))
		return
	}
	e.say(s.Tier, "policy weighted chose %s by chance (weight %d of %d)", chosen.Text, chosen.Weight, sum)
}

func (e *explanation) sticky(s *step, chosen *option) {
	network := e.match.query.network()
	if !network.IsValid() {
		e.say(s.Tier, "policy sticky chose %s: the client is not known", chosen.Text)
		return
	}
	e.say(s.Tier, "policy sticky chose %s for all of %s", chosen.Text, network)
}

func (e *explanation) fastest(s *step, options []*option, chosen *option) {
	best := timed{}
	for i, o := range options {
		if now := (timed{i, o.connect()}); now.faster(best) {
			best = now
		}
	}
	took := chosen.connect()
	switch {
	case best.connect == 0:
		e.say(s.Tier, "policy fastest chose %s: no connect time is known yet", chosen.Text)
	case took == 0 || took == best.connect:
		e.say(s.Tier, "policy fastest chose %s: it connects in %s", chosen.Text, shown(best.connect))
	default:
		e.say(s.Tier, "policy fastest stays with %s, which connects in %s: %s with %s is not 20%% faster",
			chosen.Text, shown(took), options[best.option].Text, shown(best.connect))
	}
}

func shown(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }

// radius of the Earth in kilometres.
const radius = 6371

func (e *explanation) nearest(s *step, options []*option) {
	if !s.scattered {
		e.say(s.Tier, "policy nearest chose each of %d targets: they are in one place", len(options))
		return
	}
	client, ok := s.coordinates(e.match.query)
	if !ok {
		e.say(s.Tier, "policy nearest chose each of %d targets: it is not known where the client is", len(options))
		return
	}
	shortest := math.Inf(1)
	for _, o := range options {
		shortest = min(shortest, s.distance(o, &client))
	}
	var nearest []string
	biased := ""
	for _, o := range options {
		if s.distance(o, &client) == shortest {
			nearest = append(nearest, o.Text)
			if o.Location != nil && o.Location.Bias != 0 {
				biased = " by its bias"
			}
		}
	}
	if math.IsInf(shortest, 1) {
		e.say(s.Tier, "policy nearest chose %s: there is none with a location", list(nearest))
		return
	}
	e.say(s.Tier, "policy nearest chose %s: %.0f km from the client%s", list(nearest), shortest*radius, biased)
}

// clients explains which values the client matches, from the most exact one to
// that of the targets that answer.
func (e *explanation) clients(s *step) {
	c := e.match.cursor()
	for group := c.next(); group != nil; group = c.next() {
		var in, out []string
		value := ""
		for _, r := range group {
			if r.tier != s.at {
				continue
			}
			t := &e.record.Tiers[r.tier][r.order]
			value = e.value(t, group)
			if s.option(r, e.match.query) == none {
				out = append(out, t.Text)
				continue
			}
			in = append(in, t.Text)
		}
		if len(in) > 0 {
			e.say(s.Tier, "policy clients: %s matches %s of %s", e.client(), value, list(in))
			return
		}
		if len(out) > 0 {
			e.say(s.Tier, "policy clients: %s matches %s of %s, which does not answer: next larger match",
				e.client(), value, list(out))
		}
	}
}

// value returns which of the target's values the group stands for.
func (e *explanation) value(t *Target, group []ref) string {
	for _, value := range t.Clients {
		if g := e.match.clients.group(value); len(g) > 0 && &g[0] == &group[0] {
			return value
		}
	}
	return "no value"
}

// limit explains how many of the addresses are answered.
func (e *explanation) limit(s *step, of *sample) {
	if of.limit > 0 && of.seen > of.limit {
		e.say(s.Tier, "limit %d of %d addresses, by chance", of.limit, of.seen)
	}
}

// maxListed is how many targets one sentence lists.
const maxListed = 5

// list returns words as people list them: "a, b and c".
func list(words []string) string {
	if left := len(words) - maxListed; left > 0 {
		words = append(slices.Clone(words[:maxListed]), fmt.Sprint(left, " more"))
	}
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
