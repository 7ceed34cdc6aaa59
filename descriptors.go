package failover

import "github.com/coredns-failover/failover/plugin/model"

// Probing may have no more than three quarters of the descriptors that this process
// may open (RLIMIT_NOFILE); the rest is for those who ask. A probe has one
// descriptor at a time, and a line, the idle connection of a check with watch, has
// one as long as it lasts.

// mostProbes is how many probes of targets that answer there are at once, however
// many descriptors there may be: twice of what 1,000 probes a second take that all
// wait for 4 seconds. Of targets that hang there may be half as many beside them.
const mostProbes = 8192

func probesAtOnce() int { return min(mostProbes, descriptors()/3) }
func linesAtOnce() int  { return descriptors() / 4 }

// warnOfDescriptors tells of checks that cannot all be watched.
func (c *configuration) warnOfDescriptors() {
	watched := 0
	for _, f := range c.handlers {
		for _, r := range f.records {
			watched += r.watched()
		}
	}
	if most := linesAtOnce(); watched > most {
		log.Warningf("%d checks have watch, but RLIMIT_NOFILE (%d) leaves descriptors for %d of them; "+
			"the others are probed at their interval only", watched, descriptors(), most)
	}
}

// watched is how many checks of the record's targets, as they are written, have
// watch.
func (r *record) watched() int {
	n := 0
	for t := range r.targets.each() {
		for i := range t.Checks {
			if check := &t.Checks[i]; check.Watch && !check.Disabled && t.Kind == model.Address {
				n++
			}
		}
	}
	return n
}
