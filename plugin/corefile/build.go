package corefile

import "github.com/coredns-failover/failover/plugin/model"

// build returns the record of that name. Names differ in their checks, whose
// host is the name unless they say otherwise; the rest is shared, since nothing
// changes a model.
func (r *record) build(name string, known *known) (model.Record, error) {
	built := model.Record{Name: name, Tiers: make([]model.Tier, len(r.tiers)), Settings: known.settings(&r.answer)}
	checks, err := r.health.forRecord(name, known)
	if err != nil {
		return model.Record{}, err
	}
	for n := range built.Tiers {
		if built.Tiers[n], err = r.buildTier(r.tiers[n+1], name, checks, known); err != nil {
			return model.Record{}, err
		}
	}
	built.Tiers = known.allTiers(built.Tiers)
	return built, nil
}

// buildTier returns a tier. Targets without checks of their own share those of
// the record: a thousand of them must not cost a thousand copies.
func (r *record) buildTier(targets []target, name string, shared []model.Check, known *known) (model.Tier, error) {
	tier := make(model.Tier, len(targets))
	for i := range targets {
		options := targets[i].options
		options.Checks = shared
		if own := &targets[i].health; own.says() {
			var err error
			if options.Checks, err = own.forRecord(name, known); err != nil {
				return nil, err
			}
		}
		tier[i] = targets[i].answer
		tier[i].TargetOptions = known.targetOptions(options)
	}
	return known.tiers.like(tier), nil
}
