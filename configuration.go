package failover

import (
	"net/netip"
	"unique"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/caddy"
)

// configuration is the handlers of one caddy instance, which is one reading of
// the Corefile. Its generation tags its claims on checks.
//
// caddy starts a new instance before it stops the old one, and tells neither
// which of them survives: an instance that fails to start gets no hook at all,
// and OnRestartFailed of the old one also runs when the new one is already
// live. So nothing is released by name. Whenever something has ended, what is
// not in caddy.Instances is.
type configuration struct {
	generation engine.Generation
	context    caddy.Context
	handlers   []*Failover
}

// storageKey is the key of the configuration in its instance.
type storageKey struct{}

// configurationOf returns the configuration that c belongs to, and makes it,
// with its hooks, when c is the first of it.
func configurationOf(c *caddy.Controller) *configuration {
	if conf, ok := c.Get(storageKey{}).(*configuration); ok {
		return conf
	}
	conf := &configuration{generation: healthcheck.generation(), context: c.Context()}
	c.Set(storageKey{}, conf)
	c.OnStartup(conf.start)
	c.OnShutdown(sweep)
	c.OnRestartFailed(sweep)
	c.OnFinalShutdown(conf.end)
	sweepOnFailure()
	return conf
}

// sweepOnFailure sees to the claims of the configuration being set up if it
// replaces one without failover, whose OnRestartFailed knows nothing of us.
func sweepOnFailure() {
	for _, instance := range caddy.Instances() {
		if configurationIn(instance) == nil {
			instance.OnRestartFailed = append(instance.OnRestartFailed, sweep)
		}
	}
}

// handlersIn returns the handlers set up so far in the instance of ctx.
func handlersIn(ctx caddy.Context) []*Failover {
	for _, instance := range caddy.Instances() {
		if conf := configurationIn(instance); conf != nil && conf.context == ctx {
			return conf.handlers
		}
	}
	return nil
}

func configurationIn(instance *caddy.Instance) *configuration {
	instance.StorageMu.RLock()
	defer instance.StorageMu.RUnlock()
	conf, _ := instance.Storage[storageKey{}].(*configuration)
	return conf
}

// sweep releases the claims of all instances that are gone.
func sweep() error {
	live := make(map[*configuration]bool)
	for _, instance := range caddy.Instances() {
		live[configurationIn(instance)] = true
	}
	healthcheck.retain(func(c *configuration) bool { return live[c] })
	return nil
}

func (c *configuration) add(f *Failover) { c.handlers = append(c.handlers, f) }

// start claims the checks of every handler and begins to probe. It runs before
// the instance serves, so that the first answer knows what the instance before
// has learned.
func (c *configuration) start() error {
	if err := sweep(); err != nil {
		return err
	}
	claims := claiming{
		configuration: c, before: healthcheck.newest().records(), kit: probe.NewKit(),
		settings: make(map[unique.Handle[model.Check]]*engine.Settings),
	}
	healthcheck.begin(c)
	for _, f := range c.handlers {
		for _, r := range f.records {
			claims.root = f.config.Root
			if err := claims.record(r, claims.before[f.placeOf(r)]); err != nil {
				return err
			}
			r.update()
		}
	}
	healthcheck.engine.Start()
	return nil
}

// end runs when the process is about to stop, after lameduck.
func (c *configuration) end() error {
	healthcheck.retain(func(other *configuration) bool { return other != c })
	if healthcheck.newest() == nil {
		healthcheck.engine.Wait()
	}
	return nil
}

// recordPlace is where a record stands in a configuration.
type recordPlace struct{ server, view, name string }

func (f *Failover) placeOf(r *record) recordPlace {
	return recordPlace{f.server, f.config.ViewName, r.Name}
}

// records returns all records of a configuration, which may be nil, by place.
func (c *configuration) records() map[recordPlace]*record {
	if c == nil {
		return nil
	}
	all := make(map[recordPlace]*record)
	for _, f := range c.handlers {
		for _, r := range f.records {
			all[f.placeOf(r)] = r
		}
	}
	return all
}

// claiming claims the checks of one configuration.
type claiming struct {
	configuration *configuration
	before        map[recordPlace]*record // of the configuration before
	root          string                  // of the server block
	kit           *probe.Kit
	settings      map[unique.Handle[model.Check]]*engine.Settings
}

// record claims the checks of r. It goes on where before, the record in its
// place, has come to; that is nil for a new record.
func (cl *claiming) record(r, before *record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inherit(before)
	for _, tier := range r.tiers {
		for _, t := range tier {
			old := before.targetLike(t)
			t.inherit(old)
			for _, a := range t.addresses {
				if err := cl.address(a, old.addressLike(a)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (cl *claiming) address(a, before *address) error {
	for i := range a.target.Checks {
		m := a.target.Checks[i]
		if m.Disabled {
			continue
		}
		m.TLS = m.TLS.In(cl.root)
		spec, err := cl.spec(m, a.Addr)
		if err != nil {
			return err
		}
		if before != nil && i < len(before.checks) {
			spec.Edited, _ = before.checks[i].(*engine.Check[owner])
		}
		a.checks[i] = healthcheck.engine.Claim(
			cl.configuration.generation, owner{cl.configuration, a, i}, identify(m, a.Addr), spec)
	}
	return nil
}

func (cl *claiming) spec(m model.Check, addr netip.Addr) (engine.Spec[owner], error) {
	prober, err := cl.kit.Prober(m, addr)
	if err != nil {
		return engine.Spec[owner]{}, err
	}
	key := unique.Make(m)
	if cl.settings[key] == nil {
		cl.settings[key] = settings(m)
	}
	return engine.Spec[owner]{Prober: prober, Settings: cl.settings[key]}, nil
}

func settings(m model.Check) *engine.Settings {
	return &engine.Settings{
		Schedule:  engine.Schedule(m.Schedule),
		Threshold: verdict.Threshold(m.Threshold),
		Observe:   observe(m.Type),
	}
}
