package corefile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// The properties of a record that say what is answered, each with its range.

// maxTTL keeps a mistyped TTL from being remembered for weeks.
const maxTTL = 86400 * time.Second

// maxHold is the longest that a failback waits.
const maxHold = 7 * 24 * time.Hour

func setPolicy(r *record, l line) (err error) {
	r.answer.Policy, err = oneOf("policy", l.arg(0),
		model.All, model.Weighted, model.Sticky, model.Clients, model.Nearest, model.Fastest)
	return err
}

func setLimit(r *record, l line) (err error) {
	r.answer.Limit, err = integer(l.arg(0), 1, unlimited)
	return err
}

func setMinHealthy(r *record, l line) (err error) {
	r.answer.MinHealthy = model.MinHealthy{}
	if strings.HasSuffix(l.arg(0), "%") {
		r.answer.MinHealthy.Percent, err = percent(l.arg(0), 1, 100)
		return err
	}
	r.answer.MinHealthy.Count, err = integer(l.arg(0), 1, unlimited)
	return err
}

func setTTL(r *record, l line) (err error) {
	ttl := &r.answer.TTL
	if ttl.Max, err = seconds(l.arg(0)); err != nil {
		return err
	}
	ttl.Min = ttl.Max
	if len(l.args()) == 1 {
		return nil
	}
	if ttl.Min, err = seconds(l.arg(1)); err != nil {
		return err
	}
	if ttl.Min > ttl.Max {
		return fmt.Errorf("the minimum %s is above %s; write the longer one first", quoted(l.arg(1)), quoted(l.arg(0)))
	}
	return nil
}

// seconds reads a TTL, which has no smaller unit on the wire (RFC 1035, 3.2.1).
func seconds(text string) (time.Duration, error) {
	d, err := duration(text, 0, maxTTL)
	if err == nil && d%time.Second != 0 {
		return 0, fmt.Errorf("%s is no whole number of seconds", quoted(text))
	}
	return d, err
}

func setTypes(r *record, l line) error {
	r.answer.Types = nil
	for _, word := range l.args() {
		t, err := recordType(word)
		if err != nil {
			return err
		}
		if slices.Contains(r.answer.Types, t) {
			return fmt.Errorf("%s stands here twice", quoted(word))
		}
		r.answer.Types = append(r.answer.Types, t)
	}
	return nil
}

func setFail(r *record, l line) error {
	mode, err := oneOf("mode", l.arg(0), "open", "closed", "next")
	if err != nil {
		return err
	}
	if mode == "closed" {
		r.answer.Fail, err = failClosed(l.args()[1:])
		return err
	}
	if mode == "next" {
		r.answer.Fail.Mode = model.FailNext
	}
	return arity("fail "+mode, 0, 0, l.args()[1:])
}

func failClosed(args []string) (model.Fail, error) {
	fail := model.Fail{Mode: model.FailClosed, Rcode: dns.RcodeServerFailure}
	if len(args) == 0 {
		return fail, nil
	}
	var err error
	fail.Rcode, err = failRcode(args[0])
	return fail, err
}

func setFailback(r *record, l line) error {
	mode, err := oneOf("mode", l.arg(0), "auto", "after", "manual")
	if err != nil {
		return err
	}
	if mode == "after" {
		return setFailbackAfter(r, l)
	}
	if mode == "manual" {
		r.answer.Failback.Mode = model.FailbackManual
	}
	return arity("failback "+mode, 0, 0, l.args()[1:])
}

func setFailbackAfter(r *record, l line) (err error) {
	if err := arity("failback after DURATION", 1, 1, l.args()[1:]); err != nil {
		return err
	}
	r.answer.Failback.Mode = model.FailbackAfter
	r.answer.Failback.After, err = duration(l.arg(1), time.Second, maxHold)
	return err
}

// setTrickle leaves out 100%: the standby would be the primary.
func setTrickle(r *record, l line) (err error) {
	r.answer.Trickle, err = percent(l.arg(0), 0, 99)
	return err
}

func setProbe(r *record, l line) error {
	for _, word := range l.args() {
		p, err := cidr(word)
		if err != nil {
			return err
		}
		r.answer.Probe = append(r.answer.Probe, p)
	}
	return nil
}
