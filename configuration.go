package failover

import (
	"fmt"
	"net"
	"slices"
	"strings"

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

// sweepKey is the key of the mark that an instance has the sweep of
// sweepOnFailure.
type sweepKey struct{}

// sweepOnFailure sees to the claims of the configuration being set up if it
// replaces one without failover, whose OnRestartFailed knows nothing of us.
func sweepOnFailure() {
	for _, instance := range caddy.Instances() {
		if configurationIn(instance) != nil {
			continue
		}
		instance.StorageMu.Lock()
		if instance.Storage[sweepKey{}] == nil {
			instance.Storage[sweepKey{}] = true
			instance.OnRestartFailed = append(instance.OnRestartFailed, sweep)
		}
		instance.StorageMu.Unlock()
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
	healthcheck.lifecycle.Lock()
	defer healthcheck.lifecycle.Unlock()
	releaseGone()
	return nil
}

func releaseGone() {
	live := make(map[*configuration]bool)
	for _, instance := range caddy.Instances() {
		if conf := configurationIn(instance); conf != nil {
			live[conf] = true
		}
	}
	healthcheck.retain(func(c *configuration) bool { return live[c] })
}

func (c *configuration) add(f *Failover) { c.handlers = append(c.handlers, f) }

// start claims the checks of every handler and begins to probe. It runs before
// the instance serves, so that the first answer knows what the instance before
// has learned.
func (c *configuration) start() error {
	healthcheck.lifecycle.Lock()
	defer healthcheck.lifecycle.Unlock()
	releaseGone() // what a first start left that failed
	changes, err := c.claim()
	if err != nil {
		return err
	}
	healthcheck.begin(c)
	healthcheck.engine.Start()
	for _, change := range changes {
		logChange(change)
	}
	return nil
}

// claim claims the checks of all records, and returns what they answer
// differently from the records in their places.
func (c *configuration) claim() ([]change, error) {
	before := healthcheck.newest().records()
	cl := newClaims(c)
	var changes []change
	for _, f := range c.handlers {
		cl.root = f.config.Root
		for _, r := range f.records {
			if err := cl.record(r, before[f.keyOf(r)]); err != nil {
				return nil, fmt.Errorf("record %s: %w", display(r.Name), err)
			}
			changes = append(changes, r.update()...)
		}
	}
	return changes, nil
}

// end runs when the process is about to stop, after lameduck.
func (c *configuration) end() error {
	healthcheck.lifecycle.Lock()
	defer healthcheck.lifecycle.Unlock()
	healthcheck.retain(func(other *configuration) bool { return other != c })
	if healthcheck.newest() == nil {
		healthcheck.engine.Wait()
	}
	return nil
}

// recordKey tells the records of a configuration from each other: the same name
// at another listener, in another zone or view is another record.
type recordKey struct{ server, zone, view, name string }

func (f *Failover) keyOf(r *record) recordKey {
	return recordKey{f.server(), f.zones.Matches(r.Name), f.config.ViewName, r.Name}
}

// server is what the handler's block listens on, as the label of CoreDNS's own
// metrics has it. Only when all directives have been set up is it settled.
func (f *Failover) server() string {
	var addrs []string
	for _, key := range f.keys {
		transport, _, _ := strings.Cut(key, "://")
		port := key[strings.LastIndexByte(key, ':')+1:]
		for _, host := range f.config.ListenHosts {
			addrs = append(addrs, transport+"://"+net.JoinHostPort(host, port))
		}
	}
	slices.Sort(addrs)
	return strings.Join(slices.Compact(addrs), ",")
}

// records returns all records of a configuration, which may be nil.
func (c *configuration) records() map[recordKey]*record {
	if c == nil {
		return nil
	}
	all := make(map[recordKey]*record)
	for _, f := range c.handlers {
		for _, r := range f.records {
			all[f.keyOf(r)] = r
		}
	}
	return all
}
