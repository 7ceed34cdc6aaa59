package corefile

import (
	"errors"
	"fmt"

	"github.com/coredns-failover/failover/plugin/model"
)

// health is what a record, or one of its targets, says about health.
type health struct {
	checks  []check
	none    bool // "check none", in so many words
	always  int  // how many of the checks are healthy whatever happens
	require int  // 0 where nothing was said
}

// requireAll stands for the number of checks.
const requireAll = -1

const requireUsage = "all|any|N"

func addRecordCheck(r *record, l line) error { return r.health.addCheck(l) }
func addTargetCheck(t *target, l line) error { return t.health.addCheck(l) }

func setRecordRequire(r *record, l line) error { return r.health.setRequire(l) }
func setTargetRequire(t *target, l line) error { return t.health.setRequire(l) }

// addCheck reads a check. None stands alone, since it is one of its own.
func (h *health) addCheck(l line) error {
	c, err := parseCheck(l)
	if err != nil {
		return err
	}
	if h.none || c.kind.none && len(h.checks) > 0 {
		return errors.New(`"none" stands alone; leave out the other checks, or none`)
	}
	if c.kind.none {
		h.none = true
		return nil
	}
	h.checks = append(h.checks, c)
	if c.model.Disabled && !c.model.Invert {
		h.always++
	}
	return nil
}

func (h *health) setRequire(l line) (err error) {
	switch l.arg(0) {
	case "all":
		h.require = requireAll
	case "any":
		h.require = 1
	default:
		h.require, err = integer(l.arg(0), 1, unlimited)
	}
	if err != nil {
		return fmt.Errorf("%w; there are also all and any", err)
	}
	return nil
}

// says reports whether there is anything to replace the record's checks with.
func (h *health) says() bool { return h.none || len(h.checks) > 0 }

// forRecord returns the checks as the record of that name has them.
func (h *health) forRecord(name string, known *known) ([]model.Check, error) {
	if len(h.checks) == 0 {
		return nil, nil
	}
	checks := make([]model.Check, len(h.checks))
	seen := make(map[model.Check]*check, len(h.checks))
	for i := range h.checks {
		c := &h.checks[i]
		checks[i] = c.forName(name)
		if first, found := seen[checks[i]]; found {
			return nil, at(c.line.words[0], "check: the same check stands at %s already", place(first.line.words[0]))
		}
		seen[checks[i]] = c
	}
	return known.checks.like(checks), nil
}

// healthOf returns what decides the target's health: its own word or the
// record's.
func (r *record) healthOf(t *target) *health {
	if t.health.says() {
		return &t.health
	}
	return &r.health
}

// required returns how many of the target's checks must be healthy: 0 where it
// has none.
func (r *record) required(t *target) (int, error) {
	asked, from, checks := t.health.require, t.given, len(r.healthOf(t).checks)
	if asked == 0 {
		asked, from = r.health.require, r.given
		if checks == 0 {
			return 0, nil // the record's require is for its other targets
		}
	}
	if checks == 0 {
		return 0, from.at("require", "target %s has no check", quoted(t.answer.Text))
	}
	if asked == 0 || asked == requireAll {
		return checks, nil
	}
	if asked > checks {
		return 0, from.at("require", "%d checks can not be healthy where target %s has %d",
			asked, quoted(t.answer.Text), checks)
	}
	return asked, nil
}

// canFail reports whether the target's checks, or what it stands for, can ever
// make it unhealthy.
func (r *record) canFail(t *target) bool {
	return t.options.EvaluateTargetHealth || r.healthOf(t).always < t.options.Require
}

// firstHeartbeat returns the front of an error about the first heartbeat that
// decides the health of a target. Whether the process takes heartbeats in is not
// seen from here.
func (r *record) firstHeartbeat() string {
	shared := r.health.firstHeartbeat()
	for _, t := range r.targets() {
		c := shared
		if t.health.says() {
			c = t.health.firstHeartbeat()
		}
		if c != nil {
			return about(r.head, at(c.line.words[0], "check heartbeat %s", quoted(c.model.Request.Name))).Error()
		}
	}
	return ""
}

// firstHeartbeat returns the first check that the service has to report itself
// for, or nil.
func (h *health) firstHeartbeat() *check {
	for i := range h.checks {
		if c := &h.checks[i]; c.model.Type == model.Heartbeat && !c.model.Disabled {
			return c
		}
	}
	return nil
}
