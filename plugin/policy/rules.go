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

	// Read-only after NewRules.
	clients clients
	places  [][]place  // of the targets, by tier
	words   [][]uint64 // hashes of the targets' words, by tier

	// current is which target was last found fastest, by tier and family, from
	// 1; 0 is none. It is all that ever changes.
	current [][families]atomic.Int32
}

// NewRules makes r ready for decisions.
func NewRules(r *model.Record) *Rules {
	rules := &Rules{
		Record:  r,
		clients: newClients(r.Tiers),
		places:  make([][]place, len(r.Tiers)),
		words:   make([][]uint64, len(r.Tiers)),
		current: make([][families]atomic.Int32, len(r.Tiers)),
	}
	for i, tier := range r.Tiers {
		for j := range tier {
			rules.places[i] = append(rules.places[i], newPlace(tier[j].Location))
			rules.words[i] = append(rules.words[i], xxhash.Sum64String(tier[j].Text))
		}
	}
	return rules
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
