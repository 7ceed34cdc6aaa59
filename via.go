package failover

import (
	"context"
	"slices"
	"sync/atomic"
)

// via says on whose behalf a question is asked of the server block's own
// handlers: by it, an alias that leads back to itself through what other
// plugins answer is found.
type via struct {
	records []*record
	alias   *alias // being resolved in the background, or nil
	parent  *via
	reached atomic.Bool // the question came to a record of ours
}

type viaKey struct{}

func viaOf(ctx context.Context) *via {
	v, _ := ctx.Value(viaKey{}).(*via)
	return v
}

// through returns a context for questions on behalf of v's records.
func through(ctx context.Context, v *via) context.Context {
	v.parent = viaOf(ctx)
	return context.WithValue(ctx, viaKey{}, v)
}

// leadsBack reports whether a question for r is asked on behalf of r itself.
func (r *record) leadsBack(ctx context.Context) bool {
	v := viaOf(ctx)
	if v == nil {
		return false
	}
	for up := v; up != nil; up = up.parent {
		if slices.Contains(up.records, r) {
			return true
		}
	}
	if v.alias == nil {
		return false
	}
	v.reached.Store(true)
	v.alias.reached.Store(r)
	return r.comesTo(v.records, mostHops)
}

// mostHops is how many records a chain of aliases is followed through.
const mostHops = 16

// comesTo reports whether the last look-ups of the record's aliases came through
// one of those records, directly or not.
func (r *record) comesTo(records []*record, hops int) bool {
	for t := range r.targets.each() {
		reached := t.child
		if t.naming != nil {
			reached = t.naming.alias.reached.Load()
		}
		if reached == nil || hops == 0 {
			continue
		}
		if slices.Contains(records, reached) || reached.comesTo(records, hops-1) {
			return true
		}
	}
	return false
}
