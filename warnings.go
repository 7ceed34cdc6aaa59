package failover

import (
	"fmt"
	"slices"

	"github.com/coredns-failover/failover/plugin/model"
)

// knowsRegions returns an error where the clients of a target are regions, and
// the server block has not what tells them. Only when all plugins have been set
// up it shows.
func (f *Failover) knowsRegions() error {
	if lacking := f.lacksForRegions(); f.block.Region != "" && lacking != "" {
		return fmt.Errorf("%s: the plugin %s tells where clients are; add it to the server block", f.block.Region, lacking)
	}
	return nil
}

// lacksForRegions returns a plugin that the server block needs to know where
// clients are and has not, or "".
func (f *Failover) lacksForRegions() string {
	for _, needed := range []string{"geoip", "metadata"} {
		if f.config == nil || f.config.Handler(needed) == nil {
			return needed
		}
	}
	return ""
}

// warnings say what is allowed in a record, but may not be what was meant.
func (r *record) warnings() []string {
	var warnings []string
	if r.Policy == model.Clients && !r.targets.any(forEverybody) {
		warnings = append(warnings, fmt.Sprintf(
			`record %s: no target has "clients *", so clients that match none get no data`, display(r.Name)))
	}
	if lacking := r.handler.lacksForRegions(); r.Policy == model.Nearest && lacking != "" {
		warnings = append(warnings, fmt.Sprintf("record %s: without the plugin %s nobody knows where clients are, "+
			"so policy nearest answers with all targets", display(r.Name), lacking))
	}
	for t := range r.targets.each() {
		if t.onlyResolves() {
			warnings = append(warnings, fmt.Sprintf("record %s, target %s: healthy means here that the name resolves; "+
				"unless it is of a service whose addresses come and go with its health, add a check", display(r.Name), t.Text))
		}
	}
	return warnings
}

func forEverybody(t *target) bool { return slices.Contains(t.Clients, "*") }

// onlyResolves reports whether that the target resolves is all that its health
// is learned from.
func (t *target) onlyResolves() bool {
	return t.EvaluateTargetHealth && len(t.Checks) == 0 && t.child == nil
}
