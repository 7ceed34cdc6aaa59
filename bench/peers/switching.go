package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// switcher is a program that fails over, with settings of its checks.
type switcher struct {
	name string
	// program has so many records; their primaries and the standby listen at target.
	program func(s settings, records int, target, port string) rig.Program
	// settle is how long it takes until all checks have come to rest.
	settle time.Duration
	// kills are those of a round, each of a primary of its own.
	kills int
	// spread is the time in which the moment of a kill is one of chance.
	spread time.Duration
	// inTurn says that a primary is killed when the one before is switched; otherwise
	// all are within the same spread.
	inTurn bool
}

func (one switcher) String() string { return one.name }

// Ours without watch, at one second and beside gdnsd at two.
var (
	everySecond = switcher{
		"failover, interval 1s, fast_interval 100ms",
		switchingFailover("http /", "interval 1s", "fast_interval 100ms"), 4 * time.Second, 50, time.Second, false,
	}
	everyOther = switcher{
		"failover, interval 2s, fast_interval 200ms",
		switchingFailover("http /", "interval 2s", "fast_interval 200ms"), 6 * time.Second, 50, 2 * time.Second, false,
	}
	gdnsdEveryOther = switcher{
		"gdnsd, interval 2, down_thresh 3", switchingGdnsd, 6 * time.Second, 20, 2 * time.Second, true,
	}
)

const (
	slowly  = 10 * time.Millisecond  // between two questions for each of so many
	closely = 500 * time.Microsecond // between two questions for one

	secondAtMost  = 0.8  // seconds, the median
	gdnsdAtMost   = 0.25 // of gdnsd's median
	watchMedian   = 0.02 // seconds
	watchSlowest  = 0.05 // seconds, the 99th percentile
	watchInterval = "interval 10s"
)

func switchingFailover(check string, options ...string) func(settings, int, string, string) rig.Program {
	return func(s settings, records int, target, port string) rig.Program {
		var b strings.Builder
		for i := range records {
			fmt.Fprintf(&b, "    failover %s {\n        primary %s\n        secondary %s\n        check %s {\n",
				record(i), rig.TargetIP(i), standby, strings.ReplaceAll(check, "PORT", target))
			for _, option := range append([]string{"threshold 3"}, options...) {
				fmt.Fprintf(&b, "            %s\n", option)
			}
			if strings.HasPrefix(check, "http") {
				fmt.Fprintf(&b, "            port %s\n", target)
			}
			b.WriteString("        }\n    }\n")
		}
		return coredns(s, port, b.String())
	}
}

func switchingGdnsd(_ settings, records int, target, port string) rig.Program {
	var resources, zone strings.Builder
	for i := range records {
		fmt.Fprintf(&resources, "r%d => { primary => %s, secondary => %s }\n", i, rig.TargetIP(i), standby)
		fmt.Fprintf(&zone, "r%d 60 DYNA simplefo!r%d\n", i, i)
	}
	return gdnsdServer(port, "service_types => { web => { plugin => http_status, port => "+target+
		", interval => 2, timeout => 1, down_thresh => 3, up_thresh => 3 } }\n",
		"plugins => { simplefo => { service_types => web\n"+resources.String()+"} }\n", zone.String())
}

// switching measures from the kill of a primary to the first switched answer.
func switching(ctx context.Context, s settings) (rig.Section, error) {
	section := rig.Section{Title: "Switching", Notes: []string{switchingNote}}
	took, err := switchAll(ctx, s, []switcher{everySecond, everyOther, gdnsdEveryOther})
	if err != nil {
		return section, err
	}
	median := func(i int) float64 { return rig.Median(took[i]) }
	section.Measures = append(
		switchingMeasures(took[:1], []switcher{everySecond}, rig.AtMost(median(0), secondAtMost, "at most 800 ms"), ""),
		switchingMeasures(took[1:], []switcher{everyOther, gdnsdEveryOther},
			rig.AtMost(median(1), gdnsdAtMost*median(2), "at most a quarter of gdnsd's"), "")...)
	return section, nil
}

// watcher is ours with watch; five rounds have 200 kills.
func watcher(name, check string) switcher {
	return switcher{
		name, switchingFailover(check, watchInterval, "watch"), 3 * time.Second, 40, 100 * time.Millisecond, true,
	}
}

// watch measures the same for checks that watch a connection.
func watch(ctx context.Context, s settings) (rig.Section, error) {
	section := rig.Section{Title: "Switching with watch", Notes: []string{watchNote}}
	watchers := []switcher{
		watcher("failover, check http, watch", "http /"),
		watcher("failover, check tcp, watch", "tcp PORT"),
	}
	took, err := switchAll(ctx, s, watchers)
	if err != nil {
		return section, err
	}
	for i := range watchers {
		section.Measures = append(section.Measures, switchingMeasures(took[i:i+1], watchers[i:i+1],
			rig.AtMost(rig.Median(took[i]), watchMedian, "at most 20 ms"),
			rig.AtMost(rig.Percentile(took[i], 99), watchSlowest, "at most 50 ms"))...)
	}
	return section, nil
}

// switchAll returns the seconds that each switch took, for each of the switchers.
func switchAll(ctx context.Context, s settings, switchers []switcher) ([][]float64, error) {
	took := make(map[string][]float64)
	_, err := rig.Alternate(ctx, s.rounds, switchers, func(ctx context.Context, one switcher) (rig.Figures, error) {
		seconds, err := one.round(ctx, s)
		took[one.name] = append(took[one.name], seconds...)
		return nil, err
	})
	all := make([][]float64, len(switchers))
	for i, one := range switchers {
		all[i] = took[one.name]
	}
	return all, err
}

// round kills every primary once.
func (one switcher) round(ctx context.Context, s settings) ([]float64, error) {
	p, err := startPrimaries(ctx, one.kills)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	process, err := one.program(s, one.kills, p.port, port).Start(ctx)
	if err != nil {
		return nil, err
	}
	defer process.Stop()
	if err := rig.Pause(ctx, one.settle); err != nil {
		return nil, err
	}
	address := net.JoinHostPort(home, port)
	if one.inTurn {
		return p.failoverInTurn(ctx, address, one)
	}
	return p.failoverTogether(ctx, address, one)
}

// failoverInTurn kills one primary after the other.
func (p *primaries) failoverInTurn(ctx context.Context, address string, one switcher) ([]float64, error) {
	seconds := make([]float64, one.kills)
	for i := range seconds {
		took, err := p.failover(ctx, i, address, one.spread, closely)
		if err != nil {
			return nil, err
		}
		seconds[i] = took.Seconds()
	}
	return seconds, nil
}

// failoverTogether kills all primaries, each at a moment of its own.
func (p *primaries) failoverTogether(ctx context.Context, address string, one switcher) ([]float64, error) {
	seconds := make([]float64, one.kills)
	errs := make(chan error, one.kills)
	var asking sync.WaitGroup
	for i := range seconds {
		asking.Go(func() {
			took, err := p.failover(ctx, i, address, one.spread, slowly)
			seconds[i] = took.Seconds()
			if err != nil {
				errs <- err
			}
		})
	}
	asking.Wait()
	close(errs)
	return seconds, <-errs // nil of none
}

// switchingMeasures are the rows of one comparison, ours first.
func switchingMeasures(took [][]float64, switchers []switcher, median, slowest string) []rig.Measure {
	rows := func(p float64) (figures []rig.Figure) {
		for i, one := range switchers {
			program := fmt.Sprintf("%s, %d kills", one.name, len(took[i]))
			figures = append(figures, rig.Figure{Program: program, Value: rig.Percentile(took[i], p)})
		}
		return figures
	}
	return []rig.Measure{
		{What: "kill to switched answer: median", Show: rig.Milliseconds, Figures: rows(50), Goal: median},
		{What: "kill to switched answer: 99th percentile", Show: rig.Milliseconds, Figures: rows(99), Goal: slowest},
	}
}

const switchingNote = "Each primary is an HTTP server, a process of its own, which is ended with SIGKILL at " +
	"a random moment of the interval. The time is from that signal to the first answer with the secondary. " +
	"Those of ours are killed within one interval, and each record is asked for every 10 ms; those of gdnsd " +
	"one after the other, and asked for every 0.5 ms. Threshold 3 everywhere.\n\n" +
	"gdnsd has one interval, of whole seconds, and fails over after three failures that are an interval " +
	"apart; ours looks again after `fast_interval` once a probe has failed, and probes healthy targets no " +
	"more often than gdnsd does. After a kill at a random moment both wait for half an interval on average; " +
	"at 2 s ours then needs 0.4 s and gdnsd 4 s, and one more, for its changes come into force a second " +
	"after the first of them (`sttl_update_timer` in its mon.c; targets that fail together share that " +
	"second, which is why its are killed one by one). So 1.4 s / 6 s = 0.23 is what these settings amount " +
	"to. HAProxy answers no DNS."

const watchNote = "As under Switching, but with `interval 10s` and `watch`: primaries are killed one after the " +
	"other, and the record is asked for every 0.5 ms, over one socket. No peer has such a thing."
