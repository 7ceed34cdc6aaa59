// Package probe executes checks. A probe is one execution: a context goes in
// and an error comes out. Nil is healthy, and the error's text is what the
// operator reads in log and status, so it is in his words.
//
// A probe reuses nothing of the one before and leaves nothing behind: no
// connection, no TLS session, no goroutine. One deadline, that of the context,
// holds for everything, and a context that is cancelled ends the probe at once.
// Whatever a server sends, a bounded part of it is read.
package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"

	"github.com/coredns-failover/failover/plugin/model"
)

// types maps a check type to the function that executes it once.
var types = map[model.CheckType]func(context.Context, *plan, netip.Addr) error{
	model.HTTP:  probeHTTP,
	model.HTTPS: probeHTTP,
	model.TCP:   probeTCP,
}

// Prober executes one check of one address. There may be tens of thousands of
// them, mostly idle: it is 32 bytes, and shares the rest with the check's other
// addresses. It may be used by several goroutines.
type Prober struct {
	plan *plan
	addr netip.Addr
}

// Probe executes the check once and returns nil where that is healthy. ctx
// carries the deadline, which is the check's timeout from now.
//
// Two errors say nothing about the target: a *Broken, and one that wraps
// context.Canceled, after ctx has been cancelled.
func (p Prober) Probe(ctx context.Context) error {
	err := types[p.plan.check.Type](ctx, p.plan, p.addr)
	if p.plan.check.Invert {
		return inverted(err)
	}
	return err
}

// errInverted is why a check with invert is unhealthy.
var errInverted = errors.New("the check succeeded, and invert makes that a failure")

// inverted swaps healthy and unhealthy, and leaves alone what is neither.
func inverted(err error) error {
	if err == nil {
		return errInverted
	}
	if _, broken := errors.AsType[*Broken](err); broken || errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// plan is a check made ready for its probes. It is read-only once a Kit has
// made it, but for what files keeps, which has a lock of its own.
type plan struct {
	check   model.Check
	pattern *regexp.Regexp // of body_regexp, nil without
	files   *files
}

// endpoint is where the probe of addr connects to, as "host:port".
func (p *plan) endpoint(addr netip.Addr) string {
	host := cmp.Or(p.check.Address, addr.String())
	return net.JoinHostPort(host, strconv.Itoa(int(p.check.Port)))
}

// Kit makes the probers of one configuration and lets them share what is equal:
// the check itself, compiled expressions, the contents of files. It is dropped
// when they are made, and with it what only a Kit needs. It must not be used by
// several goroutines at once.
type Kit struct {
	plans    map[model.Check]*plan
	patterns map[string]*regexp.Regexp
	files    map[model.TLSOptions]*files
}

// NewKit returns a Kit without content.
func NewKit() *Kit {
	return &Kit{
		plans:    make(map[model.Check]*plan),
		patterns: make(map[string]*regexp.Regexp),
		files:    make(map[model.TLSOptions]*files),
	}
}

// Prober returns the prober of check for addr, or for check.Address where that
// is set. It fails on a type that no probe exists for, or on a bad expression;
// package corefile lets neither through.
func (k *Kit) Prober(check model.Check, addr netip.Addr) (Prober, error) {
	ready, ok := k.plans[check]
	if !ok {
		var err error
		if ready, err = k.prepare(check); err != nil {
			return Prober{}, err
		}
		k.plans[check] = ready
	}
	return Prober{plan: ready, addr: addr}, nil
}

func (k *Kit) prepare(check model.Check) (*plan, error) {
	if types[check.Type] == nil {
		return nil, fmt.Errorf("no probe for checks of type %q", check.Type)
	}
	pattern, err := k.pattern(check.Expect.BodyRegexp)
	if err != nil {
		return nil, err
	}
	return &plan{check: check, pattern: pattern, files: k.filesOf(check.TLS)}, nil
}

func (k *Kit) pattern(expression string) (*regexp.Regexp, error) {
	if expression == "" {
		return nil, nil
	}
	if pattern, ok := k.patterns[expression]; ok {
		return pattern, nil
	}
	pattern, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("body_regexp: %w", err)
	}
	k.patterns[expression] = pattern
	return pattern, nil
}

// filesOf shares files among server names: most checks differ in nothing else.
func (k *Kit) filesOf(options model.TLSOptions) *files {
	options.ServerName = ""
	shared, ok := k.files[options]
	if !ok {
		shared = &files{options: options}
		k.files[options] = shared
	}
	return shared
}
