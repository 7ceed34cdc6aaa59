package failover

import "github.com/coredns/caddy"

// storageKey is the key of the configuration in its instance.
type storageKey struct{}

// configurationOf returns the configuration that c belongs to, and makes it,
// with its hooks, when c is the first of it.
func configurationOf(c *caddy.Controller) *configuration {
	if conf, ok := c.Get(storageKey{}).(*configuration); ok {
		return conf
	}
	conf := &configuration{context: c.Context()}
	c.Set(storageKey{}, conf)
	c.OnStartup(conf.start)
	c.OnShutdown(sweep)
	c.OnRestartFailed(sweep)
	c.OnFinalShutdown(conf.end)
	sweepOnFailure()
	hookStarted()
	return conf
}

// hookStarted has caddy call started. It takes a hook once and panics at the next,
// but forgets all hooks on SIGUSR1, and does not tell whether it has one.
func hookStarted() {
	defer func() { _ = recover() }()
	caddy.RegisterEventHook(name, started)
}

// started lets a configuration serve when its whole instance has started, and begins
// to resolve names: other plugins can not be asked while they start, and some do so
// after this one.
func started(event caddy.EventName, info any) error {
	instance, ok := info.(*caddy.Instance)
	if event != caddy.InstanceStartupEvent || !ok {
		return nil
	}
	conf := configurationIn(instance)
	if conf == nil {
		return nil
	}
	healthcheck.lifecycle.Lock()
	defer healthcheck.lifecycle.Unlock()
	conf.serve()
	return nil
}

// serve lets the configuration serve, and resolve its names.
func (c *configuration) serve() {
	healthcheck.serve(c)
	for _, f := range c.handlers {
		f.resolver.Start()
	}
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
	// A new instance serves when the one before is gone. caddy does not say so where
	// that has ended with an error.
	if c := healthcheck.serving(); c != nil && !c.hasStarted {
		c.serve()
	}
}
