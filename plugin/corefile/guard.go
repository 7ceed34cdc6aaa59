package corefile

import (
	"errors"
	"fmt"

	"github.com/coredns-failover/failover/plugin/model"
)

// setGuard reads the check of the server's own uplink. There is no record whose
// name it could ask for, so that its host is its address by default.
func setGuard(p *model.Process, l line) error {
	if err := sendsProbes(l.arg(0)); err != nil {
		return err
	}
	c, err := parseCheck(l)
	if err != nil {
		return err
	}
	if err := c.fitsGuard(); err != nil {
		return err
	}
	guard := c.forName(c.model.Address)
	p.Guard = &guard
	return nil
}

// sendsProbes refuses the check types that do not go out and look: only a probe
// shows that the uplink works.
func sendsProbes(word string) error {
	kind, err := findCheckType(word)
	if err == nil && !kind.has("address") {
		err = fmt.Errorf("%s sends no probe; a guard is of type %s", quoted(word), list(typesWith("address")))
	}
	return err
}

// notOfGuard are the options that make no sense for a guard, and why.
var notOfGuard = []struct{ option, reason string }{
	{"disabled", "a guard that is not probed guards nothing; leave out the guard"},
	{"invert", "a guard that fails while the uplink works would stop every failover; leave out invert"},
	{"watch", "a guard is probed when something else fails, so there is nothing to watch; leave out watch"},
}

func (c *check) fitsGuard() error {
	if c.model.Address == "" {
		return errors.New(`it has no target to probe; add "address HOST" to its block`)
	}
	for _, not := range notOfGuard {
		if _, found := c.given[not.option]; found {
			return c.given.at(not.option, "%s", not.reason)
		}
	}
	return nil
}
