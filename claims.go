package failover

import (
	"sync"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// pace is what the settings of checks are shared by.
type pace struct {
	check     model.CheckType
	schedule  model.Schedule
	threshold model.Threshold
}

// claims makes and ends a handler's claims on its checks. A nil one belongs to a
// handler that has not started, and does nothing.
type claims struct {
	// Read-only.
	configuration *configuration
	root          string // of the server block, for relative paths

	mu       sync.Mutex
	kit      *probe.Kit
	settings map[pace]*engine.Settings
	ended    bool
}

func newClaims(c *configuration, root string) *claims {
	return &claims{
		configuration: c,
		root:          root,
		kit:           probe.NewKit(),
		settings:      make(map[pace]*engine.Settings),
	}
}

// claim claims the checks of an address. They go on where before has come to,
// the address in its place; that is nil for a new one.
func (cl *claims) claim(a, before *address) error {
	if cl == nil {
		return nil
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.ended {
		return nil
	}
	starts := before.starts(a.target)
	for i, known := range a.checks {
		if known != health(unstarted) {
			continue
		}
		spec, err := cl.spec(a, i)
		if err != nil {
			return err
		}
		if spec.Start = starts[i]; before == nil {
			spec.Start = cl.configuration.memory.verdict(a, i)
		}
		a.checks[i] = healthcheck.engine.Claim(owner{a, i}, spec)
	}
	return nil
}

// add claims the checks of an address that turned up while the handler serves,
// and begins to probe them.
func (cl *claims) add(a *address) {
	if cl == nil {
		return
	}
	if err := cl.claim(a, nil); err != nil {
		log.Errorf("record %s, target %s: %v", display(a.target.record.Name), a.target.Text, err)
	}
	healthcheck.engine.Start()
}

// release ends the claims on the checks of an address.
func (cl *claims) release(a *address) {
	if cl == nil {
		return
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for i, check := range a.checks {
		if _, probed := check.(*engine.Check[owner]); probed {
			healthcheck.engine.Release(owner{a, i})
		}
	}
}

// end makes claim do nothing from now on: what the configuration has claimed is
// about to be released altogether.
func (cl *claims) end() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.ended = true
}

// model returns the n-th check of an address: that of the target, unless it differs.
func (cl *claims) model(a *address, n int) *model.Check {
	m := a.target.Checks[n]
	m.TLS = m.TLS.In(cl.root)
	if host := a.host(); host != "" && hostless(m) {
		if m.TLS.ServerName == m.Host {
			m.TLS.ServerName = host
		}
		m.Host = host
	}
	if m == a.target.Checks[n] {
		return &a.target.Checks[n]
	}
	return new(m)
}

func (cl *claims) spec(a *address, n int) (engine.Spec[owner], error) {
	prober, err := cl.prober(a, n)
	if err != nil {
		return engine.Spec[owner]{}, err
	}
	m := &a.target.Checks[n]
	key := pace{m.Type, m.Schedule, m.Threshold}
	if cl.settings[key] == nil {
		cl.settings[key] = settings(m)
	}
	return engine.Spec[owner]{Prober: prober, Settings: cl.settings[key]}, nil
}

func (cl *claims) prober(a *address, n int) (engine.Prober, error) {
	m := cl.model(a, n)
	if m.Type == model.Heartbeat {
		return newHeartbeat(&healthcheck.beats, m), nil
	}
	kit := cl.kit
	if a.host() != "" {
		kit = probe.NewKit() // one for all names would keep every name ever asked for
	}
	if m.Watch {
		return kit.Watched(healthcheck.lines, m, a.Addr)
	}
	return kit.Prober(m, a.Addr)
}

func settings(m *model.Check) *engine.Settings {
	return &engine.Settings{
		Schedule:  engine.Schedule(m.Schedule),
		Threshold: verdict.Threshold(m.Threshold),
		Observe:   observe(m.Type),
	}
}
