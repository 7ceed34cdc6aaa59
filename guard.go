package failover

import (
	"net/netip"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/probe"
)

// guard is the check of this server's own uplink, as a configuration has it.
type guard struct {
	identity identity
	spec     engine.Spec[owner]
}

// newGuard returns the guard of a configuration, or nil where it has none.
func (c *configuration) newGuard() (*guard, error) {
	check := c.settings().Guard
	if check == nil {
		return nil, nil
	}
	prober, err := probe.NewKit().Prober(check, netip.Addr{})
	if err != nil {
		return nil, err
	}
	return &guard{identify(check, netip.Addr{}), engine.Spec[owner]{Prober: prober, Settings: settings(check)}}, nil
}

// guard puts the guard of the configuration that serves into place.
func (h *healthchecks) guard() {
	serving := h.serving()
	if serving == nil || serving.guard == nil {
		h.engine.Guard(identity{}, nil)
		return
	}
	h.engine.Guard(serving.guard.identity, &serving.guard.spec)
}

// Guard implements engine.Reporter.
func (h *healthchecks) Guard(s engine.GuardState, err error) { logGuard(s, err) }
