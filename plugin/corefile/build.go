package corefile

import "github.com/coredns-failover/failover/plugin/model"

// build returns the record of that name. Names differ in their checks, whose
// host is the name unless they say otherwise; the rest is shared, since nothing
// changes a model.
func (r *record) build(name string) (model.Record, error) {
	built := r.answer
	built.Name = name
	checks, err := r.health.forRecord(name)
	if err != nil {
		return model.Record{}, err
	}
	for n := 1; n <= len(r.tiers); n++ {
		tier, err := r.buildTier(r.tiers[n], name, checks)
		if err != nil {
			return model.Record{}, err
		}
		built.Tiers = append(built.Tiers, tier)
	}
	return built, nil
}

// buildTier returns a tier. Targets without checks of their own share those of
// the record: a thousand of them must not cost a thousand copies.
func (r *record) buildTier(targets []target, name string, shared []model.Check) (model.Tier, error) {
	tier := make(model.Tier, 0, len(targets))
	for i := range targets {
		t := targets[i].answer
		t.Checks = shared
		if own := &targets[i].health; own.says() {
			var err error
			if t.Checks, err = own.forRecord(name); err != nil {
				return nil, err
			}
		}
		tier = append(tier, t)
	}
	return tier, nil
}
