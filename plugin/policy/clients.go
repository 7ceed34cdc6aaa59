package policy

import (
	"net/netip"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// clients are the clients values of a record's targets. It is read-only.
type clients struct {
	networks [len(Families)]networks
	regions  map[region][]ref
	anyone   []ref // those that say "*"
}

// ref is a target: its tier and its place there, from 0.
type ref struct{ tier, order int }

// region is a code of a level; that of a subdivision is split at its country.
type region struct{ level, code, part string }

// The levels of regions, as the Corefile names them.
const (
	subdivision = "subdivision"
	country     = "country"
	continent   = "continent"
)

func newClients(tiers []model.Tier) *clients {
	c := &clients{regions: map[region][]ref{}}
	for i, tier := range tiers {
		for j := range tier {
			for _, value := range tier[j].Clients {
				c.add(value, ref{i, j})
			}
		}
	}
	for f := range c.networks {
		c.networks[f].build()
	}
	return c
}

// add notes that the target stands for a value.
func (c *clients) add(value string, r ref) {
	if value == "*" {
		c.anyone = append(c.anyone, r)
		return
	}
	if prefix, err := netip.ParsePrefix(value); err == nil {
		c.networks[FamilyOf(prefix.Addr())].add(prefix, r)
		return
	}
	key := regionOf(value)
	c.regions[key] = append(c.regions[key], r)
}

func regionOf(value string) region {
	level, code, _ := strings.Cut(value, ":")
	key := region{level: level, code: code}
	if level == subdivision {
		key.code, key.part, _ = strings.Cut(code, "-")
	}
	return key
}

// group returns the targets that stand for a value, which is one of theirs.
func (c *clients) group(value string) []ref {
	if value == "*" {
		return c.anyone
	}
	if prefix, err := netip.ParsePrefix(value); err == nil {
		networks := c.networks[FamilyOf(prefix.Addr())]
		itself, _ := networks.find(prefix.Masked())
		return networks[itself].refs
	}
	return c.regions[regionOf(value)]
}

// match is how a client matches a record's values: groups of targets, the most
// exact first. Networks are looked up at once, regions only when they are needed.
type match struct {
	query   *query
	clients *clients

	networks networks
	network  int // the most exact one that the client is in, or none

	asked  bool
	groups [5][]ref // by region: two subdivisions, country, continent, anyone
	count  int
}

func (c *clients) match(m *match) {
	m.clients, m.network = c, none
	prefix := m.query.prefix()
	if !prefix.IsValid() {
		return
	}
	m.networks = c.networks[FamilyOf(prefix.Addr())]
	var scope int
	m.network, scope = m.networks.find(prefix)
	m.query.depend(scope)
}

// ask finds the groups of the client's regions.
func (m *match) ask() {
	if m.asked {
		return
	}
	m.asked = true
	if len(m.clients.regions) > 0 {
		// What a neighbour's regions are is not known.
		m.query.depend(m.query.prefix().Bits())
		subdivisions, code, larger := m.query.client.Regions()
		for subdivisions != "" && m.count < 2 {
			cut := strings.LastIndexByte(subdivisions, ',')
			m.subdivision(code, subdivisions[cut+1:])
			subdivisions = subdivisions[:max(0, cut)]
		}
		m.group(m.clients.regions[region{level: country, code: code}])
		m.group(m.clients.regions[region{level: continent, code: larger}])
	}
	m.group(m.clients.anyone)
}

// subdivision adds the group of a subdivision, which may or may not name its
// country.
func (m *match) subdivision(code, part string) {
	if before, after, found := strings.Cut(part, "-"); found {
		code, part = before, after
	}
	m.group(m.clients.regions[region{subdivision, code, part}])
}

func (m *match) group(refs []ref) {
	if len(refs) > 0 {
		m.groups[m.count] = refs
		m.count++
	}
}

// cursor goes through the groups of a match.
type cursor struct {
	*match
	network, region int
}

func (m *match) cursor() cursor { return cursor{match: m, network: m.network} }

// next returns the next group, and nil after the last.
func (c *cursor) next() []ref {
	if c.network != none {
		n := &c.networks[c.network]
		c.network = n.parent
		return n.refs
	}
	if c.ask(); c.region == c.count {
		return nil
	}
	c.region++
	return c.groups[c.region-1]
}

// servesMatching reports whether the step has an option that the client matches.
func (s *step) servesMatching(m *match) bool {
	c := m.cursor()
	for group := c.next(); group != nil; group = c.next() {
		for _, r := range group {
			if s.option(r, m.query) != none {
				return true
			}
		}
	}
	return false
}

// option returns which of the step's options a target is, or none.
func (s *step) option(r ref, q *query) int {
	if r.tier != s.at || s.slots[r.order] == none || !s.options[s.slots[r.order]].serves(q) {
		return none
	}
	return s.slots[r.order]
}

// pickMatching picks the targets that match the client most exactly of those that
// may be answered (topic "Geolocation routing" of Route 53's developer guide, and
// "How Amazon Route 53 chooses records when health checking is configured": the
// next larger region where the smaller one is unhealthy).
func (s *step) pickMatching(m *match, sample *sample) {
	c := m.cursor()
	for group := c.next(); group != nil; group = c.next() {
		found := false
		for _, r := range group {
			if i := s.option(r, m.query); i != none {
				s.add(i, m.query, sample)
				found = true
			}
		}
		if found {
			return // a next group would ask for what does not matter
		}
	}
}

// servesElsewhere reports whether the client matches a target of the tier in the
// other family, and none in this one.
func (s *step) servesElsewhere(m *match) bool {
	found := false
	c := m.cursor()
	for group := c.next(); group != nil; group = c.next() {
		for _, r := range group {
			switch {
			case r.tier != s.at || s.slots[r.order] == none:
			case s.slots[r.order] == here:
				return false
			default:
				found = true
			}
		}
	}
	return found
}
