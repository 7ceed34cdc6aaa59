package failover

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/resolve"
)

// alias is a name that targets of a server block stand for: it is resolved in
// the background, once for all of them.
type alias struct {
	handler *Failover
	targets []*target
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
	// patienceAtFirst is how long a question waits for the first resolution of
	// what it is answered with.
	patienceAtFirst = 2 * time.Second
)

// link makes targets that are aliases of the server block's own records stand
// for those. A wildcard in front of the next plugins has something else for each
// name: that must be asked for.
func (f *Failover) link() {
	for _, r := range f.records {
		r.handler = f
		for _, t := range r.targets() {
			if t.Kind != model.Alias {
				continue
			}
			r.aliased = true
			child, _ := f.names.find(t.Name)
			if child == nil || child.next != nil && child.Wildcard() || child.addressless || t.nameOnly() {
				continue
			}
			t.child = child
			child.parents = append(child.parents, r)
		}
	}
	for _, r := range f.records {
		r.adopt()
		r.asksClient = r.dependsOnClient()
	}
}

// adopt lets the targets of the records above r stand for what r does now.
func (r *record) adopt() {
	for _, parent := range r.parents {
		for _, t := range parent.targets() {
			if t.child == r {
				t.stand(r.addrs())
			}
		}
		parent.adopt()
	}
}

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
// targets stand for. It goes on where before, the targets in the places of the
// handler's, have come to. It begins once all other plugins have started.
func (f *Failover) prepareResolving(before func(*target) *target) {
	process := f.claims.configuration.settings()
	if len(process.Resolver) > 0 {
		f.fallback = resolve.Servers(process.Resolver)
	}
	f.resolver = resolve.New(resolve.Settings{
		Fallback: f.fallback, Stale: process.Stale, Limit: resolvingAtOnce, Began: healthcheck.beginning(),
	})
	aliases := make(map[aliasKey]*alias)
	for _, r := range f.records {
		for _, t := range r.targets() {
			if name := t.resolves(); name != "" {
				key := aliasKey{name, t.Kind == model.Next, t.threshold()}
				if aliases[key] == nil {
					aliases[key] = &alias{handler: f}
				}
				aliases[key].targets = append(aliases[key].targets, t)
			}
		}
	}
	for key, a := range aliases {
		a.add(key, before(a.targets[0]))
	}
}

// threshold is how many answers without data in a row take the target's
// addresses away.
func (t *target) threshold() int {
	if len(t.Checks) == 0 {
		return defaultThreshold
	}
	return t.Checks[0].Threshold.Fall
}

func (a *alias) add(key aliasKey, before *target) {
	spec := resolve.Spec{Name: key.name, Threshold: key.threshold, Changed: a.changed}
	if before != nil && before.name != nil {
		spec.From = before.name.State()
	}
	ask := background{handler: a.handler, alias: a}
	if key.next {
		ask.handler = next{a.handler}
	}
	spec.Chain = ask
	name := a.handler.resolver.Add(spec)
	for _, t := range a.targets {
		t.alias, t.name = a, name
	}
}

// changed makes the alias's targets stand for what the name has now.
func (a *alias) changed(c resolve.Change) {
	var records []*record
	for _, t := range a.targets {
		t.stand(c.To.Addrs)
		t.record.adopt()
		records = append(records, t.record)
	}
	if a.handler.newest() {
		logAlias(a.targets, c)
	}
	slices.SortFunc(records, func(x, y *record) int { return cmp.Compare(x.Name, y.Name) })
	healthcheck.update(slices.Compact(records)...)
}

// resolve waits until every alias is resolved that the record's targets stand
// for, as long as patience lasts. What is itself asked in order to resolve a
// name does not wait: it will be asked again.
func (r *record) resolve(ctx context.Context) {
	if v := viaOf(ctx); v != nil && v.alias != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patienceAtFirst)
	defer cancel()
	for _, t := range r.targets() {
		if t.mustResolve() {
			t.resolve(ctx)
		}
	}
}

// resolve waits for the first look-up. Once that gave no answer nobody waits any
// more.
func (t *target) resolve(ctx context.Context) {
	if t.name != nil {
		if t.name.State().Err == nil {
			t.name.Now(ctx)
		}
		return
	}
	if t.child != nil {
		for _, below := range t.child.targets() {
			below.resolve(ctx)
		}
	}
}
