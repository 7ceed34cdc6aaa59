package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// Start is measured with records of two tiers of one target each, all of which have
// an address and so a check of their own, at a port where nobody listens: every check
// fails soon after the start, every record falls over and opens, and every probe is
// made three times.
const (
	// startFile has the figures for bench/start.gp, which plots them.
	startFile = "bench/start.tsv"
	// mostStarted is what the goals are about.
	mostStarted   = 100_000
	mostStartTime = 10 * time.Second
	mostStartRSS  = 600 << 20
	// mostSettling bounds how long checks may take to settle. First probes are
	// spread by 1 ms each, and two more follow every 2 s.
	mostSettling = time.Minute
)

// startup is a Corefile to start with, and GOMEMLIMIT where that is not "".
type startup struct {
	records int
	limit   string
}

func (one startup) String() string {
	s := fmt.Sprintf("%d records", one.records)
	if one.limit != "" {
		s += ", GOMEMLIMIT=" + one.limit
	}
	return s
}

// start measures how long CoreDNS takes to start with many records, and how much
// memory. One record shows what is CoreDNS's own.
func start(ctx context.Context, s settings) (rig.Section, error) {
	startups := []startup{{1, ""}, {1_000, ""}, {10_000, ""}, {mostStarted, ""}, {mostStarted, "500MiB"}}
	medians, err := rig.Alternate(ctx, s.rounds, startups, func(ctx context.Context, one startup) (rig.Figures, error) {
		return one.measure(ctx, s.coredns)
	})
	if err != nil {
		return rig.Section{}, err
	}
	if err := os.WriteFile(startFile, []byte(plotted(startups, medians)), 0o644); err != nil { //nolint:gosec // for all
		return rig.Section{}, err
	}
	section := rig.Section{Title: "Start", Notes: []string{
		"Each record has two targets with an address of its own each, and so two checks of its own, `check tcp` with " +
			"`interval 1h`. The start is from exec to the first right answer of the last record. Settled is when each check " +
			"has had its verdict, but a minute after that answer at the latest. With GOMEMLIMIT Go collects garbage earlier " +
			"where the memory would grow beyond it.",
		"![time and memory by records](start.svg)",
	}}
	for i, one := range startups {
		section.Measures = append(section.Measures, measures(one, medians[i])...)
	}
	return section, nil
}

func measures(one startup, f rig.Figures) []rig.Measure {
	inTime, inRoom := "", ""
	if one.records == mostStarted {
		inTime = rig.AtMost(f["start"], mostStartTime.Seconds(), "at most "+mostStartTime.String())
		inRoom = rig.AtMost(f["peak"], mostStartRSS, "at most "+rig.MiB(mostStartRSS))
	}
	ours := func(name string) []rig.Figure { return []rig.Figure{{Program: "failover", Value: f[name]}} }
	return []rig.Measure{
		{What: one.String() + ": start", Show: rig.Milliseconds, Figures: ours("start"), Goal: inTime},
		{What: one.String() + ": CPU time until then", Show: rig.Milliseconds, Figures: ours("cpu")},
		{What: one.String() + ": highest RSS", Show: rig.MiB, Figures: ours("peak"), Goal: inRoom},
		{What: one.String() + ": RSS when settled", Show: rig.MiB, Figures: ours("settled")},
	}
}

// plotted are the figures as gnuplot reads them: those without a limit.
func plotted(startups []startup, medians []rig.Figures) string {
	var b strings.Builder
	b.WriteString("records\tstart\tcpu\tpeak\tsettled\n")
	for i, one := range startups {
		if f := medians[i]; one.limit == "" {
			fmt.Fprintf(&b, "%d\t%.3f\t%.3f\t%.0f\t%.0f\n", one.records, f["start"], f["cpu"], f["peak"], f["settled"])
		}
	}
	return b.String()
}

func (one startup) measure(ctx context.Context, coredns string) (rig.Figures, error) {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	program := rig.Program{
		Name: one.String(), Command: []string{coredns, "-conf", "Corefile"},
		Files: map[string]string{"Corefile": one.corefile(port)},
		Up:    answersWith("127.0.0.1:"+port, one.name(one.records-1), rig.TargetIP(2*(one.records-1))),
	}
	if one.limit != "" {
		program.Command = slices.Concat([]string{"env", "GOMEMLIMIT=" + one.limit}, program.Command)
	}
	began := time.Now()
	process, err := program.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer process.Stop()
	took := time.Since(began)
	cpu, err := process.CPU()
	if err != nil {
		return nil, err
	}
	if err := rig.Pause(ctx, one.settling()); err != nil {
		return nil, err
	}
	peak, err := process.PeakRSS()
	if err != nil {
		return nil, err
	}
	settled, err := process.RSS()
	return rig.Figures{"start": took.Seconds(), "cpu": cpu.Seconds(), "peak": peak, "settled": settled}, err
}

// settling is how long the checks take to have their verdict: the last one is first
// probed when all others have been, and fails twice more, 2 s apart.
func (one startup) settling() time.Duration {
	return min(time.Duration(2*one.records)*time.Millisecond+6*time.Second, mostSettling)
}

func (startup) name(n int) string { return fmt.Sprintf("n%d.example.org", n) }

func (one startup) corefile(port string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "example.org:%s {\n\tbind 127.0.0.1\n", port)
	for n := range one.records {
		fmt.Fprintf(&b, "\tfailover %s {\n", one.name(n))
		fmt.Fprintf(&b, "\t\tprimary %s\n\t\tsecondary %s\n", rig.TargetIP(2*n), rig.TargetIP(2*n+1))
		b.WriteString("\t\tcheck tcp 9 {\n\t\t\tinterval 1h\n\t\t}\n\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// answersWith is an Up: the server at address answers the question for an A record of
// name with that one address.
func answersWith(address, name, ip string) func(context.Context) error {
	return func(ctx context.Context) error {
		got, err := rig.LookUp(ctx, address, name)
		if err == nil && !slices.Equal(got, []string{ip}) {
			err = fmt.Errorf("%s answers %s with %v", address, name, got)
		}
		return err
	}
}
