package failover

import (
	"net/netip"

	"github.com/coredns-failover/failover/plugin/model"
)

// batch is room for what begins and ends with the records of a handler: a few large
// things instead of many small ones, which cost the garbage collector most. What a reload
// hands on from record to record is not in it, for it would keep all the rest.
type batch struct {
	upkeeps []upkeep
	targets targets
	lones   []lone
}

func newBatch(records []model.Record) *batch {
	n := 0
	for i := range records {
		n += size(&records[i])
	}
	return &batch{make([]upkeep, len(records)), make(targets, n), newLones(records)}
}

// size is how many targets a record has.
func size(m *model.Record) int {
	n := 0
	for _, tier := range m.Tiers {
		n += len(tier)
	}
	return n
}

// take takes n values out of a room.
func take[S ~[]T, T any](room *S, n int) S {
	taken := (*room)[:n:n]
	*room = (*room)[n:]
	return taken
}

// lone is all that a target stands for that is an address, as most are. It may have a
// check, as most do.
type lone struct {
	address
	list  []*address
	at    [1]*address
	check [1]health
}

// newLones returns room for the lone addresses of records.
func newLones(records []model.Record) []lone {
	n := 0
	for i := range records {
		for _, tier := range records[i].Tiers {
			for j := range tier {
				if tier[j].Kind == model.Address {
					n++
				}
			}
		}
	}
	return make([]lone, n)
}

// stand makes it what the target stands for: addr.
func (l *lone) stand(t *target, addr netip.Addr) *[]*address {
	switch n := len(t.Checks); n {
	case 0:
		l.become(t, addr, nil)
	case len(l.check):
		l.become(t, addr, l.check[:])
	default:
		l.become(t, addr, make([]health, n))
	}
	l.at[0] = &l.address
	l.list = l.at[:]
	return &l.list
}

// room is for what the targets of a handler get when they are claimed.
type room struct {
	lones    []lone
	counters []transitions
}

// counter returns one that counts nothing yet. They come in lots: one that is handed on
// from reload to reload keeps its lot, and not those of all targets.
func (r *room) counter() *transitions {
	const lot = 64
	if len(r.counters) == 0 {
		r.counters = make([]transitions, lot)
	}
	return &take(&r.counters, 1)[0]
}
