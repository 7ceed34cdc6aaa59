package failover

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/coredns-failover/failover/plugin/model"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
)

// configuration is the handlers of one caddy instance, which is one reading of
// the Corefile.
//
// caddy starts a new instance before it stops the old one, and tells neither
// which of them survives: an instance that fails to start gets no hook at all,
// and OnRestartFailed of the old one also runs when the new one is already
// live. So nothing is released by name. Whenever something has ended, what is
// not in caddy.Instances is.
type configuration struct {
	context  caddy.Context
	handlers []*Failover

	process   *model.Process // what a server block says of the whole process, or nil
	guard     *guard         // nil without
	operation *operation     // nil before it starts
	memory    *memory        // of the process before; nil but in the first configuration
	// hasStarted is whether its whole instance has. Under healthcheck.mu.
	hasStarted bool

	indexed sync.Once
	found   *index // see index
	hashed  sync.Once
	sum     string // see hash
}

func (c *configuration) add(f *Failover) error {
	c.handlers = append(c.handlers, f)
	p := f.block.Process
	if p == nil {
		return nil
	}
	if c.process != nil {
		return fmt.Errorf("%s: the settings of the process stand at %s already", p.Place, c.process.Place)
	}
	absolute := p.In(f.config.Root)
	c.process = &absolute
	return nil
}

// settings returns those of the process.
func (c *configuration) settings() model.Process {
	if c.process == nil {
		return model.Process{Stale: model.DefaultStale, StatusTo: model.DefaultStatusTo}
	}
	return *c.process
}

// start claims the checks of every handler and begins to probe. It runs before
// the instance serves, so that the first answer knows what the instance before
// has learned.
func (c *configuration) start() error {
	healthcheck.lifecycle.Lock()
	defer healthcheck.lifecycle.Unlock()
	releaseGone() // what a first start left that failed
	before := healthcheck.serving()
	if err := c.prepare(before); err != nil {
		c.stop()
		return plugin.Error(name, err)
	}
	healthcheck.begin(c, before)
	healthcheck.engine.Start()
	for _, f := range c.handlers {
		f.start()
	}
	c.warnOfDescriptors()
	return nil
}

// prepare claims all that the configuration has, which goes on where that of before
// has come to; that is nil at first.
func (c *configuration) prepare(before *configuration) (err error) {
	for _, f := range c.handlers {
		if err := errors.Join(f.knowsRegions(), c.hearsBeats(f)); err != nil {
			return err
		}
	}
	c.memory = healthcheck.remember(c.settings().StateFile, before)
	if c.operation, err = healthcheck.newOperation(c.settings()); err != nil {
		return err
	}
	return c.claim(before)
}

// hearsBeats returns an error where the handler waits for heartbeats and there is
// nobody to take them in.
func (c *configuration) hearsBeats(f *Failover) error {
	if f.block.Heartbeat == "" || c.settings().Admin != nil {
		return nil
	}
	return fmt.Errorf(`%s: nobody could send it; add "admin 127.0.0.1:9191" to the settings of the process`,
		f.block.Heartbeat)
}

// claim claims the checks of all records, which go on where those of before have
// come to; that is nil at first.
func (c *configuration) claim(before *configuration) (err error) {
	if c.guard, err = c.newGuard(); err != nil {
		return fmt.Errorf("%s: guard: %w", c.process.Place, err)
	}
	records, learned := before.records(), before.learned()
	for _, f := range c.handlers {
		if before != nil { // else nothing can become known before it serves
			f.decideUnknown()
		}
		f.at = recordKey{server: f.server(), view: f.config.ViewName}
		for _, r := range f.records {
			r.inherit(records[r.key()])
			c.memory.hold(r)
		}
		f.prepareResolving(c.settings(), before, c.memory)
		adopt(f.records...)
		f.claims = newClaims(c, f.config.Root)
		room := room{lones: newLones(f.block.Records)}
		for _, r := range f.records {
			if err := r.claim(records[r.key()], learned, &room); err != nil {
				return fmt.Errorf("record %s: %w", display(r.Name), err)
			}
		}
	}
	return nil
}

// claim claims the checks of the record's targets. before is the record in its
// place, which may be nil, learned what has been learned of its targets, and room is for
// what they get.
func (r *record) claim(before *record, learned map[*target][]*address, room *room) error {
	for t := range r.targets.each() {
		old := before.targetLike(t)
		t.inherit(old, room)
		// The addresses are replaced and not changed, since from the first claim on
		// a verdict may have the record decide anew.
		addresses := t.renewed(&room.lones)
		for _, a := range *addresses {
			if err := r.handler.claims.claim(a, old.addressLike(a.Addr)); err != nil {
				return err
			}
		}
		t.addresses.Store(addresses)
		if t.Kind != model.Next || old == nil {
			continue
		}
		if err := r.handler.learned.inherit(t, learned[old]); err != nil {
			return err
		}
	}
	return nil
}

// renewed returns what the target stands for now, unclaimed.
func (t *target) renewed(lones *[]lone) *[]*address {
	if t.Kind == model.Address {
		return t.initial(lones)
	}
	var addresses []*address
	for _, a := range t.list() {
		addresses = append(addresses, newAddress(t, a.Addr))
	}
	return &addresses
}

// learned returns what the handlers of a configuration, which may be nil, have
// learned of targets.
func (c *configuration) learned() map[*target][]*address {
	all := make(map[*target][]*address)
	if c != nil {
		for _, f := range c.handlers {
			maps.Copy(all, f.learned.byTarget())
		}
	}
	return all
}

// start sets off what the handler does by itself.
func (f *Failover) start() {
	for _, r := range f.records {
		for _, warning := range r.warnings() {
			log.Warning(warning)
		}
	}
	f.learned.start()
}

// index returns what finds the configuration's records, which has begun; of a nil
// one it finds none.
func (c *configuration) index() *index {
	if c == nil {
		return newIndex(nil)
	}
	c.indexed.Do(func() { c.found = newIndex(c) })
	return c.found
}

// stop ends what the configuration does by itself.
func (c *configuration) stop() {
	healthcheck.release(c.operation)
	for _, f := range c.handlers {
		if f.claims != nil {
			f.claims.end()
		}
		if f.resolver != nil {
			f.resolver.Stop()
		}
		f.learned.end()
		for _, r := range f.records {
			r.stop()
		}
	}
}

// end runs when the process is about to stop, after lameduck.
func (c *configuration) end() error {
	healthcheck.lifecycle.Lock()
	defer healthcheck.lifecycle.Unlock()
	healthcheck.retain(func(other *configuration) bool { return other != c })
	healthcheck.operations.ending.Wait()
	for _, f := range c.handlers {
		if f.resolver != nil {
			f.resolver.Wait()
		}
	}
	if healthcheck.serving() == nil {
		healthcheck.engine.Wait()
	}
	return nil
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

// records returns all records of a configuration, which may be nil, and has claimed.
func (c *configuration) records() map[recordKey]*record {
	if c == nil {
		return nil
	}
	all := make(map[recordKey]*record)
	for _, f := range c.handlers {
		for _, r := range f.records {
			all[r.key()] = r
		}
	}
	return all
}
