package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// asked is a server that is asked as fast as it answers.
type asked struct {
	name  string
	names int // how many it is asked for; 0 is for one that only probes
	flaps bool
	// program listens on answeringIP and that port, and probes that of the flapper.
	program func(port, flapper string) rig.Program
}

// String implements fmt.Stringer.
func (a asked) String() string { return a.name }

// bench is what measuring servers takes.
type bench struct {
	settings
	flapper *flapper
	folder  string // of questions
}

// The figures of a server that is asked.
const (
	perQuery  = "CPU per query"
	perSecond = "queries per second"
	resident  = "memory"
	verdicts  = "verdicts per second"
)

// warmUp is how long a server is asked before it counts.
const warmUp = time.Second

// answering measures what an answer costs.
func answering(ctx context.Context, s settings) (rig.Section, error) {
	by, err := askEach(ctx, s, (*bench).contestants)
	if err != nil {
		return rig.Section{}, err
	}
	return answeringSection(by), nil
}

// askEach measures servers, and returns what they come to by name.
func askEach(ctx context.Context, s settings, subjects func(*bench) []asked) (map[string]rig.Figures, error) {
	b, err := newBench(ctx, s)
	if err != nil {
		return nil, err
	}
	defer b.end()
	return b.all(ctx, subjects(b))
}

func newBench(ctx context.Context, s settings) (*bench, error) {
	b := &bench{settings: s}
	var err error
	if b.folder, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	if b.flapper, err = startFlapper(ctx); err != nil {
		os.RemoveAll(b.folder)
		return nil, err
	}
	return b, nil
}

func (b *bench) end() {
	b.flapper.stop()
	os.RemoveAll(b.folder)
}

// The names of the contestants, as the table has them.
const (
	ours           = "failover"
	oursOfMany     = "failover, 100,000 records"
	oursProbing    = "failover, 1,000 probes a second"
	oursFlipping   = "failover, 1,000 verdicts a second"
	theHosts       = "CoreDNS *hosts*"
	theHostsOfMany = "CoreDNS *hosts*, 100,000 names"
	theFile        = "CoreDNS *file*"
	theTemplate    = "CoreDNS *template*"
	theGdnsd       = "gdnsd"
)

func (b *bench) contestants() []asked {
	with := func(block string) func(string, string) rig.Program {
		return func(port, _ string) rig.Program { return coreDNSWith(b.coredns, port, block, nil) }
	}
	withFile := func(block, file, text string) func(string, string) rig.Program {
		return func(port, _ string) rig.Program {
			return coreDNSWith(b.coredns, port, block, map[string]string{file: text})
		}
	}
	probing := func(port, flapper string) rig.Program {
		return coreDNSWith(b.coredns, port, probedRecords(flapper), nil)
	}
	return []asked{
		{ours, 1, false, with(records(1))},
		{theHosts, 1, false, withFile(" hosts names\n", "names", hostsFile(1))},
		{theFile, 1, false, withFile(" file zone\n", "zone", zoneFile)},
		{theTemplate, 1, false, with(templated())},
		{theGdnsd, 1, false, func(port, _ string) rig.Program { return gdnsdWithZone(port) }},
		{oursOfMany, manyNames, false, with(records(manyNames))},
		{theHostsOfMany, manyNames, false, withFile(" hosts names\n", "names", hostsFile(manyNames))},
		{oursProbing, flapping, false, probing},
		{oursFlipping, flapping, true, probing},
	}
}

// all measures all of them in turn, and returns what they come to by name.
func (b *bench) all(ctx context.Context, subjects []asked) (map[string]rig.Figures, error) {
	medians, err := rig.Alternate(ctx, b.rounds, subjects, b.measure)
	if err != nil {
		return nil, err
	}
	by := make(map[string]rig.Figures)
	for i, a := range subjects {
		by[a.name] = medians[i]
	}
	return by, nil
}

// measure starts a server, and asks it.
func (b *bench) measure(ctx context.Context, a asked) (rig.Figures, error) {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	ask, err := b.load(ctx, a, port)
	if err != nil {
		return nil, err
	}
	b.flapper.flaps.Store(a.flaps)
	p, err := a.program(port, b.flapper.port).Start(ctx)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	if _, err := ask(warmUp); err != nil {
		return nil, err
	}
	return b.figures(p, ask)
}

// load is what a server is measured with: it returns how many answers it gave, or
// how often it probed.
type load func(lasting time.Duration) (done float64, err error)

func (b *bench) load(ctx context.Context, a asked, port string) (load, error) {
	if a.names == 0 {
		return func(lasting time.Duration) (float64, error) {
			before := b.flapper.probes()
			err := rig.Pause(ctx, lasting)
			return b.flapper.probes() - before, err
		}, nil
	}
	questions, err := writeQuestions(b.folder, a.names)
	return func(lasting time.Duration) (float64, error) { return flood(ctx, port, questions, lasting) }, err
}

// figures are what it takes to do so much.
func (b *bench) figures(p *rig.Process, ask load) (rig.Figures, error) {
	flips := strings.Count(p.Log(), flipped)
	before, err := p.CPU()
	if err != nil {
		return nil, err
	}
	answers, err := ask(b.window)
	if err != nil {
		return nil, err
	}
	after, err := p.CPU()
	if err != nil {
		return nil, err
	}
	memory, err := p.RSS()
	if err != nil {
		return nil, err
	}
	return rig.Figures{
		perQuery: (after - before).Seconds() / answers, perSecond: answers / b.window.Seconds(), resident: memory,
		verdicts: float64(strings.Count(p.Log(), flipped)-flips) / b.window.Seconds(),
	}, nil
}

// flipped is in the line of a verdict that changes.
const flipped = ", check http"
