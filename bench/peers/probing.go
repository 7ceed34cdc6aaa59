package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// checker makes a program that checks so many targets at a port, and listens at
// another one.
type checker func(s settings, targets int, target, port string) rig.Program

// prober is a program that probes.
type prober struct {
	name    string
	program checker
	// bare has the targets and not their checks, where there is such a thing.
	bare checker
	// questions is how many it answers before its memory counts.
	questions int
}

func (p prober) String() string { return p.name }

// probers are what is compared, ours first, and then HAProxy.
var probers = []prober{
	{name: "failover", program: probingFailover, questions: manyQuestions},
	{name: "HAProxy", program: probingHAProxy(" check inter 10s fall 3 rise 3"), bare: probingHAProxy("")},
	{name: "gdnsd", program: probingGdnsd, questions: manyQuestions},
	{name: "failover, GOGC=50", program: probingFailoverThriftily, questions: manyQuestions},
}

const (
	checks, manyChecks = 10_000, 30_000
	probingPerCheck    = 1.5 * 1024 // bytes, at most
	manyQuestions      = 5_000
)

func probingFailover(s settings, targets int, target, port string) rig.Program {
	return coredns(s, port, each(groups(targets), func(i int, group []string) string {
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

func probingFailoverThriftily(s settings, targets int, target, port string) rig.Program {
	p := probingFailover(s, targets, target, port)
	p.Command = slices.Concat([]string{"env", "GOGC=50"}, p.Command) // env becomes it
	return p
}

func probingHAProxy(check string) checker {
	return func(_ settings, targets int, target, port string) rig.Program {
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

func probingGdnsd(_ settings, targets int, target, port string) rig.Program {
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
func (r probingRun) idle(ctx context.Context, program checker, targets int) (float64, error) {
	process, err := r.start(ctx, program, targets)
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
	if err := r.crowd.forget(ctx); err != nil {
		return nil, err
	}
	process, err := r.start(ctx, r.prober.program, r.targets)
	if err != nil {
		return nil, err
	}
	defer process.Stop()
	if err := r.crowd.await(ctx, r.targets); err != nil {
		return nil, err
	}
	return r.crowd.cost(ctx, process, r.window)
}

// start starts the program on a port of its own, and puts it to use.
func (r probingRun) start(ctx context.Context, program checker, targets int) (*rig.Process, error) {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	p := program(r.settings, targets, r.crowd.port, port)
	process, err := p.Start(ctx)
	if err != nil {
		return nil, err
	}
	for range r.prober.questions {
		if err := p.Up(ctx); err != nil {
			process.Stop()
			return nil, err
		}
	}
	return process, nil
}

// probingMeasures are the rows of what was measured with so many targets.
func probingMeasures(medians []rig.Figures, targets int) []rig.Measure {
	of := fmt.Sprintf("%d,000 HTTP checks at 10 s: ", targets/1000)
	ours, theirs := medians[0], medians[1]
	return []rig.Measure{{
		What: of + "CPU per probe", Show: rig.Microseconds, Figures: figures("cpu", medians),
		Goal: rig.AtMost(ours["cpu"], theirs["cpu"], "at most HAProxy's"),
	}, {
		What: of + "RSS per check beyond none", Show: rig.KiB,
		Figures: append(figures("memory", medians),
			rig.Figure{Program: "HAProxy, beyond the same servers without check", Value: theirs["memory beyond targets"]}),
		Goal: rig.AtMost(ours["memory"], probingPerCheck, "at most 1.5 KiB"),
	}, {
		What: of + "RSS in all", Show: rig.MiB, Figures: figures("rss", medians),
	}, {
		What: of + "probes a second, as the backend counts them", Show: rig.Count, Figures: figures("rate", medians),
	}}
}

// figures are those of one name, ours first.
func figures(name string, medians []rig.Figures) []rig.Figure {
	var all []rig.Figure
	for i, m := range medians {
		all = append(all, rig.Figure{Program: probers[i].name, Value: m[name]})
	}
	return all
}

const probingNote = "Every target is an address of its own in 127.0.0.0/8, probed with `GET /` every 10 s " +
	"(timeout 4 s, threshold 3), in groups of 250 (gdnsd refuses more than 360): records of one tier, " +
	"HAProxy's backends, gdnsd's *multifo*. Measured from 5 s after every target has been " +
	"probed: user and system time of the process (/proc/PID/stat, all threads) by the probes that the " +
	"backend, another process, has answered in that window. Probes of HAProxy and gdnsd are HTTP/1.0.\n\n" +
	"RSS is VmRSS at the end of that window, less that of the same program with the same configuration " +
	"without records (HAProxy: without backends; gdnsd: without service types, plugins and their names), by " +
	"the number of targets: it is the cost of a target with its check and its share of a record. CoreDNS " +
	"and gdnsd, with or without, have answered 5,000 questions before: a CoreDNS that has not been asked anything " +
	"yet has 4 MiB less, which its garbage collector is yet to let garbage accrue in. Records " +
	"with one or two targets cost more. The smaller figure of HAProxy leaves out what a server costs without " +
	"its check. RSS counts pages of the program's file too. Just built, as here, all of it is mapped in large " +
	"pieces from the start. Read from disk bit by bit, CoreDNS has 28 MiB less in all, but the code of " +
	"probing comes in with the first check: 2 MiB once, which by 10,000 is 0.2 KiB.\n\n" +
	"A probe of any of them is a few callbacks of an event loop, and most of it the kernel's work on one " +
	"connection. gdnsd keeps a small struct of a target and a prepared request. A check of ours, with its target " +
	"and its share of a record, is 0.6 KiB of live memory; Go's garbage collector lets as much again accrue, or " +
	"half as much with GOGC=50."
