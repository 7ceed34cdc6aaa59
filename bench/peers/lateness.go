package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

const (
	// lateAtMost is the share of the probes that may start more than 50 ms late.
	lateAtMost = 0.001
	// hangFor is how long half of the targets hang: several intervals.
	hangFor = 30 * time.Second
)

// lateness measures how far probes fall behind at 3,000 a second, and then with half
// of the targets hanging.
func lateness(ctx context.Context, s settings) (rig.Section, error) {
	section := rig.Section{Title: "Falling behind", Notes: []string{latenessNote}}
	medians, err := rig.Alternate(ctx, s.rounds, probers[:1], func(ctx context.Context, _ prober) (rig.Figures, error) {
		return latenessRound(ctx, s)
	})
	if err != nil {
		return section, err
	}
	row := func(what, figure string, show func(float64) string, goal string) {
		if value, ok := medians[0][figure]; ok {
			section.Measures = append(section.Measures, rig.Measure{
				What: what, Show: show, Goal: goal, Figures: []rig.Figure{{Program: "failover", Value: value}},
			})
		}
	}
	goal := func(figure string) string { return rig.AtMost(medians[0][figure], lateAtMost, "at most 0.1%") }
	row("Probes a second", "rate", rig.Count, "")
	row("Probes that start more than 50 ms late", "late", rig.Percent, goal("late"))
	row("CPU per probe, checks of one target", "cpu", rig.Microseconds, "")
	row("RSS in all, 30,000 checks of 120 targets", "rss", rig.MiB, "")
	row("Half hang: probes of the others that start more than 50 ms late", "late others", rig.Percent, goal("late others"))
	row("Half hang: probes of those that start more than 50 ms late", "late hanging", rig.Percent, "")
	row("Half hang: goroutines at most", "goroutines", rig.Count, "")
	row("Half hang: open descriptors at most", "descriptors", rig.Count, "")
	return section, nil
}

func latenessRound(ctx context.Context, s settings) (rig.Figures, error) {
	crowd, err := startCrowd(ctx)
	if err != nil {
		return nil, err
	}
	defer crowd.Stop()
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	process, err := coredns(s, port, latenessCorefile(crowd.port, metrics)).Start(ctx)
	if err != nil {
		return nil, err
	}
	defer process.Stop()
	if err := crowd.await(ctx, manyChecks); err != nil {
		return nil, err
	}
	first, err := scrape(ctx, metrics)
	if err != nil {
		return nil, err
	}
	figures, err := crowd.cost(ctx, process, s.window)
	if err != nil {
		return nil, err
	}
	last, err := scrape(ctx, metrics)
	if err != nil {
		return nil, err
	}
	note(figures, "late", first, last, "http", "tcp")
	return figures, hang(ctx, crowd, process, metrics, figures)
}

// note adds the share of late probes, if this build measures it.
func note(figures rig.Figures, name string, first, last metrics, kinds ...string) {
	if share, ok := late(first, last, kinds...); ok {
		figures[name] = share
	}
}

// hang lets half of the targets hang at once, and watches what that does.
func hang(ctx context.Context, crowd *crowd, process *rig.Process, port string, figures rig.Figures) error {
	first, err := scrape(ctx, port)
	if err != nil {
		return err
	}
	if err := crowd.hang(ctx); err != nil {
		return err
	}
	last := first
	for began := time.Now(); time.Since(began) < hangFor; {
		if err := rig.Pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		if last, err = scrape(ctx, port); err != nil {
			return err
		}
		open, err := process.Descriptors()
		if err != nil {
			return err
		}
		figures["descriptors"] = max(figures["descriptors"], float64(open))
		figures["goroutines"] = max(figures["goroutines"], last["go_goroutines"])
	}
	note(figures, "late others", first, last, "http")
	note(figures, "late hanging", first, last, "tcp")
	return nil
}

// latenessCorefile has the checks on few targets, by their option address: the
// series of so many targets can not be scraped within the five seconds that the
// plugin prometheus takes for it. Those of addresses that can hang are of another
// type, since types are what the histogram tells apart.
func latenessCorefile(target, metrics string) string {
	return fmt.Sprintf("    prometheus %s:%s\n", home, metrics) +
		each(groups(manyChecks), func(i int, group []string) string {
			var b strings.Builder
			fmt.Fprintf(&b, "    failover r%d.example.org {\n        primary 192.0.2.1\n        require 1\n", i)
			for _, ip := range group {
				b.WriteString(latenessCheck(ip, target))
			}
			b.WriteString("    }\n")
			return b.String()
		})
}

func latenessCheck(ip, target string) string {
	const options = "            address %s\n            interval 10s\n            timeout 4s\n        }\n"
	if hangs(ip[len(ip)-1]) { // a digit is as even as what it stands for
		return fmt.Sprintf("        check tcp %s {\n            send \"GET / HTTP/1.0\\r\\n\\r\\n\"\n"+
			"            expect \"HTTP/1.1 200\"\n"+options, target, ip)
	}
	return fmt.Sprintf("        check http / {\n            port %s\n"+options, target, ip)
}

const latenessNote = "30,000 checks at 10 s are 3,000 probes a second: 15,000 of type http, and 15,000 of " +
	"type tcp that send the same request and expect its answer. Here they are checks of 120 targets, each " +
	"with an `address` of its own in 127.0.0.0/8, so that to scrape the metrics does not take the time that " +
	"is measured. How late a probe starts is read from " +
	"`coredns_failover_probe_delay_seconds`.\n\n" +
	"Then all targets of type tcp accept connections and never answer, for 30 s, at once; goroutines and " +
	"descriptors are looked at every 0.5 s. No peer counts how late it is."
