package policy

import (
	"sync/atomic"

	"github.com/coredns-failover/failover/plugin/model"

	"github.com/cespare/xxhash/v2"
)

// Rules are a model.Record made ready for decisions. They are made once per
// record and shared by all its decisions; they are safe for concurrent use.
type Rules struct {
	*model.Record

	// Read-only after NewRules. Each is for one policy, and nil under all others.
	clients *clients
	places  [][]place  // nearest: of the targets, by tier
	words   [][]uint64 // sticky: hashes of the targets' words, by tier

	// current is which target was last found fastest, by tier and family, from
	// 1; 0 is none. It is all that ever changes, and nil under other policies.
	current [][families]atomic.Int32
}

// NewRules makes r ready for decisions.
func NewRules(r *model.Record) *Rules {
	rules := &Rules{Record: r}
	switch r.Policy {
	case model.Clients:
		rules.clients = newClients(r.Tiers)
	case model.Nearest:
		rules.places = ofTargets(r.Tiers, func(t *model.Target) place { return newPlace(t.Location) })
	case model.Sticky:
		rules.words = ofTargets(r.Tiers, func(t *model.Target) uint64 { return xxhash.Sum64String(t.Text) })
	case model.Fastest:
		rules.current = make([][families]atomic.Int32, len(r.Tiers))
	}
	return rules
}

// ofTargets returns what of returns for each target, by tier.
func ofTargets[T any](tiers []model.Tier, of func(*model.Target) T) [][]T {
	all := make([][]T, len(tiers))
	for i, tier := range tiers {
		for j := range tier {
			all[i] = append(all[i], of(&tier[j]))
		}
	}
	return all
}

// copy returns rules that remember what these do, and from now on nothing more.
func (r *Rules) copy() *Rules {
	copied := *r
	copied.current = make([][families]atomic.Int32, len(r.current))
	for i := range r.current {
		for f := range r.current[i] {
			copied.current[i][f].Store(r.current[i][f].Load())
		}
	}
	return &copied
}
