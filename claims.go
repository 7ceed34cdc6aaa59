package failover

import (
	"net/netip"
	"unique"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/probe"
	"github.com/coredns-failover/failover/plugin/verdict"
)

// claims makes a configuration's claims on its checks.
type claims struct {
	configuration *configuration
	root          string // of the server block, for relative paths
	kit           *probe.Kit
	settings      map[unique.Handle[model.Check]]*engine.Settings // shared by equal checks
}

func newClaims(c *configuration) *claims {
	return &claims{
		configuration: c,
		kit:           probe.NewKit(),
		settings:      make(map[unique.Handle[model.Check]]*engine.Settings),
	}
}

// record claims the checks of r. It goes on where before, the record in its
// place, has come to; that is nil for a new record.
func (cl *claims) record(r, before *record) error {
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

func (cl *claims) address(a, before *address) error {
	starts := before.starts(a.target)
	for i, m := range a.target.Checks {
		if m.Disabled {
			continue
		}
		m.TLS = m.TLS.In(cl.root)
		spec, err := cl.spec(m, a.Addr)
		if err != nil {
			return err
		}
		spec.Verdict, spec.Since = starts[i].Verdict, starts[i].Since
		a.checks[i] = healthcheck.engine.Claim(
			cl.configuration.generation, owner{cl.configuration, a, i}, identify(m, a.Addr), spec)
	}
	return nil
}

func (cl *claims) spec(m model.Check, addr netip.Addr) (engine.Spec[owner], error) {
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
