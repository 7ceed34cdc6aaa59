package failover

import (
	"github.com/coredns-failover/failover/plugin/engine"

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
	if err := sweep(); err != nil { // what a first start left that failed
		return err
	}
	before := healthcheck.newest().records()
	healthcheck.begin(c)
	cl := newClaims(c)
	for _, f := range c.handlers {
		cl.root = f.config.Root
		for _, r := range f.records {
			if err := cl.record(r, before[f.placeOf(r)]); err != nil {
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
