package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/status"
)

// drill is a fire drill: what is forced where, and who is asked meanwhile.
type drill struct {
	servers    []*steered
	responders []*responder
	question   *dns.Msg
	qtype      string
	lasts      time.Duration
	timeout    time.Duration // of a request to a server
	tell       func(format string, args ...any)

	over chan struct{} // closed when what is forced is about to be cleared

	mu       sync.Mutex
	forced   time.Time // zero before
	restored time.Time // zero before
}

// steerer is a server that does what is asked for.
type steerer interface {
	Act(ctx context.Context, id, verb string, a status.Action) (status.Record, error)
}

// steered is a server that takes part.
type steered struct {
	name, host string
	server     steerer
	record     *status.Record
	// targets are forced unhealthy; answers show addresses of them until then.
	targets, addresses []string
	hidden             bool // there may be more addresses
	expected           string
}

// The times of a drill.
const (
	// margin is how much longer than the drill a forced state lasts that nobody
	// clears.
	margin = 10 * time.Second
	// toReturn is how long the answer may take to come back. The primary has been
	// healthy all the time, and what failback waits for is cut short.
	toReturn = 10 * time.Second
	// toBegin is how often a DNS server is asked for an answer of what is about to
	// be forced: a policy may choose others.
	toBegin = 20
)

// drillReason is what those find who wonder.
const drillReason = "fire drill"

// run holds the drill. What it forces it clears, whatever happens; without any
// reports, nothing has come of it.
func (d *drill) run(ctx context.Context) ([]drillReport, error) {
	if err := d.begin(ctx); err != nil {
		return nil, err
	}
	d.over = make(chan struct{})
	d.mark(&d.forced)
	asking, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var asked sync.WaitGroup
	for _, r := range d.responders {
		asked.Go(func() { r.watch(asking, d) })
	}
	err := d.force(ctx)
	if err == nil {
		d.tell("%8s  forced", d.elapsed())
		pause(ctx, d.lasts)
		if ctx.Err() != nil {
			err = errors.New("the drill was interrupted")
		}
	}
	d.mark(&d.restored)
	close(d.over)
	left := d.restore(context.WithoutCancel(ctx))
	d.tell("%8s  restored", d.elapsed())
	if err == nil {
		d.awaitReturn(ctx)
	}
	stop()
	asked.Wait()
	if err != nil {
		return nil, errors.Join(err, left)
	}
	return d.reports(), left
}

// begin sees to it that each DNS server answers with what is about to be forced.
func (d *drill) begin(ctx context.Context) error {
	for _, r := range d.responders {
		r.addresses = d.addresses()
		var a answer
		for range toBegin {
			if a = r.ask(ctx); a.has(r.addresses) || ctx.Err() != nil {
				break
			}
			pause(ctx, often)
		}
		if ctx.Err() != nil {
			return errors.New("nothing was done")
		}
		if !a.has(r.addresses) && d.somewhere() && a.problem == "" {
			r.addresses = append(r.addresses, a.words...)
		}
		if !a.has(r.addresses) {
			return fmt.Errorf("%s: %s, which is not of %s; nothing was done",
				r.name, a, strings.Join(d.servers[0].targets, " "))
		}
		r.first = a.String()
	}
	return nil
}

// addresses returns those of all that is forced on any server.
func (d *drill) addresses() []string {
	var all []string
	for _, s := range d.servers {
		all = append(all, s.addresses...)
	}
	return all
}

// somewhere reports whether a target may have addresses that the API does not
// show: it has too many, or depends on the name that is asked for.
func (d *drill) somewhere() bool {
	return slices.ContainsFunc(d.servers, func(s *steered) bool { return s.hidden })
}

func (d *drill) mark(t *time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*t = time.Now()
}

// marks returns when the drill began and when it was over; zero before.
func (d *drill) marks() (forced, restored time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.forced, d.restored
}

// elapsed is how long the drill goes on by now.
func (d *drill) elapsed() string {
	forced, _ := d.marks()
	return fmt.Sprintf("%.2fs", time.Since(forced).Seconds())
}

// force forces the targets unhealthy on each server.
func (d *drill) force(ctx context.Context) error {
	ends := (d.lasts + margin).String()
	return d.onEach(ctx, func(ctx context.Context, s *steered) error {
		for _, target := range s.targets {
			_, err := s.server.Act(ctx, s.record.ID, status.Force, status.Action{
				Target: target, State: status.ForcedUnhealthy, Reason: drillReason, ExpiresIn: ends,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// restore clears what has been forced. It tries each target, for what is left is
// forced until it expires.
func (d *drill) restore(ctx context.Context) error {
	err := d.onEach(ctx, func(ctx context.Context, s *steered) error {
		var left []error
		for _, target := range s.targets {
			left = append(left, s.act(ctx, status.Clear, target))
		}
		// Where failing back waits, the drill must not leave the secondary behind.
		if s.record.Failback != "auto" {
			left = append(left, s.act(ctx, status.Failback, ""))
		}
		return errors.Join(left...)
	})
	if err != nil {
		return fmt.Errorf("%w\nwhat is still forced ends by itself in %s at most", err, d.lasts+margin)
	}
	return nil
}

func (s *steered) act(ctx context.Context, verb, target string) error {
	_, err := s.server.Act(ctx, s.record.ID, verb, status.Action{Target: target, Reason: drillReason + " is over"})
	return err
}

// onEach does something on all servers at the same time.
func (d *drill) onEach(ctx context.Context, do func(context.Context, *steered) error) error {
	errs := make([]error, len(d.servers))
	var done sync.WaitGroup
	for i, s := range d.servers {
		done.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			if err := do(ctx, s); err != nil {
				errs[i] = fmt.Errorf("%s: %w", s.name, err)
			}
		})
	}
	done.Wait()
	return errors.Join(errs...)
}

// awaitReturn waits until all DNS servers answer as before.
func (d *drill) awaitReturn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, toReturn)
	defer cancel()
	for ctx.Err() == nil && !d.returned() {
		pause(ctx, often)
	}
}

func (d *drill) returned() bool {
	_, restored := d.marks()
	return !slices.ContainsFunc(d.responders, func(r *responder) bool { return !r.returned(restored) })
}
