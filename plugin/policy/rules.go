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
	*tables // nil under policies that need none
}

// tables are what policies need to know of a record's targets, each for its own.
type tables struct {
	// Read-only after NewRules.
	clients *clients
	places  [][]place  // nearest: of the targets, by tier
	words   [][]uint64 // sticky: hashes of the targets' words, by tier

	// current is which target was last found fastest, by tier and family, from
	// 1; 0 is none. It is all that ever changes.
	current [][families]atomic.Int32
}

// NewRules makes r ready for decisions.
func NewRules(r *model.Record) *Rules { return &Rules{r, newTables(r)} }

func newTables(r *model.Record) *tables {
	switch r.Policy {
	case model.Clients:
		return &tables{clients: newClients(r.Tiers)}
	case model.Nearest:
		return &tables{places: ofTargets(r.Tiers, func(t *model.Target) place { return newPlace(t.Location) })}
	case model.Sticky:
		return &tables{words: ofTargets(r.Tiers, func(t *model.Target) uint64 { return xxhash.Sum64String(t.Text) })}
	case model.Fastest:
		return &tables{current: make([][families]atomic.Int32, len(r.Tiers))}
	}
	return nil
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
	if r.Policy != model.Fastest {
		return r
	}
	current := make([][families]atomic.Int32, len(r.current))
	for i := range r.current {
		for f := range r.current[i] {
			current[i][f].Store(r.current[i][f].Load())
		}
	}
	return &Rules{r.Record, &tables{current: current}}
}
