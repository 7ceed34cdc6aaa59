package failover

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/resolve"
)

// alias is a name that targets of a server block stand for: it is resolved in
// the background, once for all of them.
type alias struct {
	handler *Failover
	targets []*target
	records []*record // of the targets
	// reached is the record that the last look-up came through, or nil.
	reached atomic.Pointer[record]
}

// aliasKey tells the aliases of a server block from each other.
type aliasKey struct {
	name      string
	next      bool // resolved by the next plugins, as the target next is
	threshold int
}

const (
	// resolvingAtOnce bounds the look-ups in flight for one server block.
	resolvingAtOnce = 64
	// defaultThreshold is for targets without checks.
	defaultThreshold = 3
)

// resolves returns the name that must be resolved for what the target stands
// for, or "".
func (t *target) resolves() string {
	switch {
	case t.Kind == model.Alias && t.child == nil && !t.nameOnly():
		return t.Name
	case t.Kind == model.Next && !t.record.Wildcard():
		return t.record.Name
	default:
		return ""
	}
}

// prepareResolving makes ready what keeps the names resolved that the handler's
// targets stand for. They stand for what the configuration before knows of them,
// which may be nil, whatever its targets were, or else what is remembered.
// Look-ups begin once all other plugins have started.
func (f *Failover) prepareResolving(process model.Process, before *configuration, memory *memory) {
	if len(process.Resolver) > 0 {
		f.fallback = resolve.Servers(process.Resolver)
	}
	f.resolver = resolve.New(resolve.Settings{
		Fallback: f.fallback, Stale: process.Stale, Limit: resolvingAtOnce, Began: healthcheck.beginning(),
	})
	aliases := make(map[aliasKey]*alias)
	for _, r := range f.records {
		for t := range r.targets.each() {
			if name := t.resolves(); name != "" {
				key := aliasKey{name, t.Kind == model.Next, t.threshold()}
				if aliases[key] == nil {
					aliases[key] = &alias{handler: f}
				}
				aliases[key].targets = append(aliases[key].targets, t)
			}
		}
	}
	known := before.resolved(f)
	for key, a := range aliases {
		from, same := known[key]
		if !same {
			from, same = known[key.anyThreshold()]
		}
		if !same {
			from = memory.name(f, key)
		}
		a.add(key, from)
	}
}

// anyThreshold is the key of what is known of a name by whatever threshold.
func (k aliasKey) anyThreshold() aliasKey { return aliasKey{name: k.name, next: k.next} }

// resolved returns what a configuration, which may be nil, knows of names that
// are resolved by the handler in the place of f: through the same plugins.
func (c *configuration) resolved(f *Failover) map[aliasKey]resolve.State {
	known := make(map[aliasKey]resolve.State)
	if c == nil {
		return known
	}
	for _, old := range c.handlers {
		if old.server() != f.server() || old.config.ViewName != f.config.ViewName || !old.sharesZone(f) {
			continue
		}
		for _, r := range old.records {
			for t := range r.targets.each() {
				if t.naming != nil {
					key := aliasKey{t.resolves(), t.Kind == model.Next, t.threshold()}
					known[key], known[key.anyThreshold()] = t.naming.name.State(), t.naming.name.State()
				}
			}
		}
	}
	return known
}

// sharesZone reports whether two handlers have a zone in common.
func (f *Failover) sharesZone(other *Failover) bool {
	return slices.ContainsFunc(f.zones, func(zone string) bool { return slices.Contains(other.zones, zone) })
}

// threshold is how many answers without data in a row take the target's
// addresses away.
func (t *target) threshold() int {
	if len(t.Checks) == 0 {
		return defaultThreshold
	}
	return t.Checks[0].Threshold.Fall
}

func (a *alias) add(key aliasKey, from resolve.State) {
	asker := background{handler: a.handler, alias: a}
	if key.next {
		asker.handler = next{a.handler}
	}
	name := a.handler.resolver.Add(resolve.Spec{
		Name: key.name, Chain: asker, Threshold: key.threshold, From: from, Changed: a.changed,
	})
	for _, t := range a.targets {
		t.naming = &naming{alias: a, name: name}
		t.standForName(from)
		a.records = append(a.records, t.record)
	}
	a.records = slices.Compact(a.records) // a record's targets follow each other
}

// standForName makes the target stand for what its name has now, if that is
// known.
func (t *target) standForName(s resolve.State) {
	if s.Known {
		t.stand(s.Addrs)
		t.naming.known.Store(true)
	}
}

// changed makes the alias's targets stand for what the name has now.
func (a *alias) changed(c resolve.Change) {
	for _, t := range a.targets {
		t.standForName(c.To)
	}
	adopt(a.records...)
	if a.handler.serves() {
		logAlias(a.targets, c)
	}
	healthcheck.update(a.records...)
	healthcheck.changed()
}

// resolve waits until every alias is resolved that the record's targets stand
// for, as long as patience lasts. What is itself asked in order to resolve a
// name does not wait: it will be asked again.
func (r *record) resolve(ctx context.Context) {
	if v := viaOf(ctx); v != nil && v.alias != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patienceInAll)
	defer cancel()
	for t := range r.targets.each() {
		if t.mustResolve() {
			t.resolve(ctx)
		}
	}
}

// resolve waits for the first look-up. Once that gave no answer nobody waits any
// more.
func (t *target) resolve(ctx context.Context) {
	if t.naming != nil {
		if t.naming.name.State().Err == nil {
			t.naming.name.Now(ctx)
		}
		return
	}
	if t.child != nil {
		for below := range t.child.targets.each() {
			below.resolve(ctx)
		}
	}
}
