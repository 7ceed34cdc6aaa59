package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// prober is a program that probes, by the number of its checks.
type prober struct {
	name string
	// program has so many checks of targets at a port. It listens on the ports
	// that are given, the first for its work and the second for its metrics.
	program func(s settings, targets int, target, port, metrics string) rig.Program
	// bare is the same with its targets but without their checks, where there is
	// such a thing.
	bare func(s settings, targets int, target, port, metrics string) rig.Program
	// ours has metrics.
	ours bool
}

func (p prober) String() string { return p.name }

// probers are what is compared, ours first.
var probers = []prober{
	{name: "failover", program: probingFailover, ours: true},
	{name: "HAProxy", program: probingHAProxy(" check inter 10s fall 3 rise 3"), bare: probingHAProxy("")},
	{name: "gdnsd", program: probingGdnsd},
}

const (
	checks, manyChecks = 10_000, 30_000
	probingPerCheck    = 1.5 * 1024 // bytes, at most
	probingLate        = 0.001      // of the probes, at most
	probingInterval    = 10 * time.Second
)

func probingFailover(s settings, targets int, target, port, metrics string) rig.Program {
	return coredns(s, port, metrics, each(groups(targets), func(i int, group []string) string {
		return fmt.Sprintf(`    failover r%d.example.org {
        primary %s
        check http / {
            port %s
            interval 10s
            timeout 4s
            threshold 3
        }
    }
`, i, strings.Join(group, " "), target)
	}))
}

func probingHAProxy(check string) func(s settings, targets int, target, port, metrics string) rig.Program {
	return func(_ settings, targets int, target, port, _ string) rig.Program {
		return haproxyServer(port, each(groups(targets), func(i int, group []string) string {
			var b strings.Builder
			fmt.Fprintf(&b, "backend r%d\n    option httpchk GET /\n", i)
			for j, ip := range group {
				fmt.Fprintf(&b, "    server s%d %s:%s%s\n", j, ip, target, check)
			}
			return b.String()
		}))
	}
}

func probingGdnsd(_ settings, targets int, target, port, _ string) rig.Program {
	if targets == 0 {
		return gdnsdServer(port, "", "", "")
	}
	services := "service_types => { web => { plugin => http_status, port => " + target +
		", interval => 10, timeout => 4, down_thresh => 3, up_thresh => 3 } }\n"
	return gdnsdServer(port, services, "plugins => { multifo => { service_types => web\n"+
		each(groups(targets), func(i int, group []string) string {
			return fmt.Sprintf("r%d => [ %s ]\n", i, strings.Join(group, ", "))
		})+"} }\n", each(groups(targets), func(i int, _ []string) string {
		return fmt.Sprintf("r%d 60 DYNA multifo!r%d\n", i, i)
	}))
}

// probing compares what a probe and an idle check cost.
func probing(ctx context.Context, s settings) (rig.Section, error) {
	section := rig.Section{Title: "Probing", Notes: []string{probingNote}}
	crowd, err := startCrowd(ctx)
	if err != nil {
		return section, err
	}
	defer crowd.Stop()
	for _, targets := range []int{checks, manyChecks} {
		medians, err := rig.Alternate(ctx, s.rounds, probers, func(ctx context.Context, p prober) (rig.Figures, error) {
			return probingRun{s, crowd, p, targets}.measure(ctx)
		})
		if err != nil {
			return section, err
		}
		section.Measures = append(section.Measures, probingMeasures(medians, targets)...)
	}
	return section, nil
}

// probingRun is one round of one program.
type probingRun struct {
	settings
	crowd   *crowd
	prober  prober
	targets int
}

func (r probingRun) measure(ctx context.Context) (rig.Figures, error) {
	none, err := r.idle(ctx, r.prober.program, 0)
	if err != nil {
		return nil, err
	}
	figures, err := r.busy(ctx)
	if err != nil {
		return nil, err
	}
	figures["memory"] = (figures["rss"] - none) / float64(r.targets)
	if r.prober.bare != nil {
		bare, err := r.idle(ctx, r.prober.bare, r.targets)
		if err != nil {
			return nil, err
		}
		figures["memory beyond targets"] = (figures["rss"] - bare) / float64(r.targets)
	}
	return figures, nil
}

// idle returns the memory of the program without checks.
func (r probingRun) idle(
	ctx context.Context, program func(s settings, targets int, target, port, metrics string) rig.Program, targets int,
) (float64, error) {
	process, _, err := r.start(ctx, program, targets)
	if err != nil {
		return 0, err
	}
	defer process.Stop()
	if err := rig.Pause(ctx, 2*time.Second); err != nil {
		return 0, err
	}
	return process.RSS()
}

// busy measures the program while it probes, once every target has been probed.
func (r probingRun) busy(ctx context.Context) (rig.Figures, error) {
	before, err := r.crowd.probes(ctx)
	if err != nil {
		return nil, err
	}
	process, port, err := r.start(ctx, r.prober.program, r.targets)
	if err != nil {
		return nil, err
	}
	defer process.Stop()
	if err := r.crowd.await(ctx, before+float64(r.targets)); err != nil {
		return nil, err
	}
	if !r.prober.ours {
		return r.crowd.cost(ctx, process, r.window)
	}
	first, err := scrape(ctx, port)
	if err != nil {
		return nil, err
	}
	figures, err := r.crowd.cost(ctx, process, r.window)
	if err != nil {
		return nil, err
	}
	last, err := scrape(ctx, port)
	if err != nil {
		return nil, err
	}
	if share, err := late(first, last, "http"); err == nil { // a build from before the metric has none
		figures["late"] = share
	}
	return figures, nil
}

// start starts the program on ports of its own, and returns that of its metrics.
func (r probingRun) start(
	ctx context.Context, program func(s settings, targets int, target, port, metrics string) rig.Program, targets int,
) (*rig.Process, string, error) {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, "", err
	}
	metrics, err := rig.FreePort(ctx)
	if err != nil {
		return nil, "", err
	}
	process, err := program(r.settings, targets, r.crowd.port, port, metrics).Start(ctx)
	return process, metrics, err
}

// await waits until the backend has answered so many probes.
func (c *crowd) await(ctx context.Context, probes float64) error {
	for began := time.Now(); ; {
		n, err := c.probes(ctx)
		if err != nil || n >= probes {
			return err
		}
		if time.Since(began) > 2*time.Minute {
			return fmt.Errorf("there are %v probes, want %v", n, probes)
		}
		if err := rig.Pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// cost measures a process that probes for a window: its memory, and its CPU time by
// the probes that the backend has answered.
func (c *crowd) cost(ctx context.Context, process *rig.Process, window time.Duration) (rig.Figures, error) {
	before, err := c.account(ctx, process)
	if err != nil {
		return nil, err
	}
	if err := rig.Pause(ctx, window); err != nil {
		return nil, err
	}
	after, err := c.account(ctx, process)
	if err != nil {
		return nil, err
	}
	probes := after["probes"] - before["probes"]
	if probes == 0 {
		return nil, fmt.Errorf("there is no probe in %v", window)
	}
	rss, err := process.RSS()
	return rig.Figures{
		"cpu": (after["cpu"] - before["cpu"]) / probes, "rss": rss, "rate": probes / window.Seconds(),
	}, err
}

func (c *crowd) account(ctx context.Context, process *rig.Process) (rig.Figures, error) {
	cpu, err := process.CPU()
	if err != nil {
		return nil, err
	}
	probes, err := c.probes(ctx)
	return rig.Figures{"cpu": cpu.Seconds(), "probes": probes}, err
}

// probingMeasures are the rows of what was measured with so many targets.
func probingMeasures(medians []rig.Figures, targets int) []rig.Measure {
	of := fmt.Sprintf("%d,000 HTTP checks at 10 s: ", targets/1000)
	ours, theirs := medians[0], medians[1]
	bare := maps.Clone(theirs)
	bare["memory"] = theirs["memory beyond targets"]
	measures := []rig.Measure{{
		What: of + "CPU per probe", Show: rig.Microseconds, Figures: figures("cpu", medians),
		Goal: rig.AtMost(ours["cpu"], theirs["cpu"], "at most HAProxy's"),
	}, {
		What: of + "RSS per check beyond none", Show: rig.KiB,
		Figures: append(figures("memory", medians),
			rig.Figure{Program: "HAProxy, beyond the same servers without check", Value: bare["memory"]}),
		Goal: rig.AtMost(ours["memory"], probingPerCheck, "at most 1.5 KiB"),
	}, {
		What: of + "RSS in all", Show: rig.MiB, Figures: figures("rss", medians),
	}, {
		What: of + "probes a second (more is more work)", Show: rig.Count, Figures: figures("rate", medians),
	}}
	if late, ok := ours["late"]; ok {
		measures = append(measures, rig.Measure{
			What: of + "probes that start more than 50 ms late", Show: rig.Percent,
			Figures: figures("late", medians[:1]),
			Goal:    rig.AtMost(late, probingLate, "at most 0.1%"),
		})
	}
	return measures
}

// figures are those of one name, ours first.
func figures(name string, medians []rig.Figures) []rig.Figure {
	var all []rig.Figure
	for i, m := range medians {
		all = append(all, rig.Figure{Program: probers[i].name, Value: m[name]})
	}
	return all
}

const probingNote = "One"
