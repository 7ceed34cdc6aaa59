package main

import (
	"context"
	"strings"

	"github.com/coredns-failover/failover/bench/rig"
)

// tuned is a way to build or to run our CoreDNS.
type tuned struct {
	how   string
	plain bool     // built without a profile
	env   []string // of the process
	block string   // in front of the records
}

// The ways that are compared, each with asItIs.
var (
	asItIs         = tuned{how: "as it is"}
	withoutProfile = tuned{how: "without a profile", plain: true}
	garbage        = []tuned{
		{how: "GOGC=50", env: []string{"GOGC=50"}},
		{how: "GOGC=200", env: []string{"GOGC=200"}},
		{how: "GOGC=400", env: []string{"GOGC=400"}},
		{how: "GOGC=off GOMEMLIMIT=2GiB", env: []string{"GOGC=off", "GOMEMLIMIT=2GiB"}},
	}
	sockets = []tuned{
		{how: "multisocket 1", block: " multisocket 1\n"},
		{how: "multisocket 2", block: " multisocket 2\n"},
	}
)

// of names what is measured in that way.
func (t tuned) of(what string) string { return what + ", " + t.how }

// What is measured in each way.
const (
	oneRecord   = "one record"
	manyRecords = "100,000 records"
	aProbe      = "a probe"
)

// noNames are asked for where there are only probes.
const noNames = 0

// tuning measures what a profile, the garbage collector's settings and multisocket
// bring.
func tuning(ctx context.Context, s settings) (rig.Section, error) {
	by, err := askEach(ctx, s, (*bench).ways)
	if err != nil {
		return rig.Section{}, err
	}
	return tuningSection(by), nil
}

func (b *bench) ways() []asked {
	var all []asked
	for _, t := range append([]tuned{asItIs, withoutProfile}, sockets...) {
		all = append(all, b.way(t, oneRecord, 1))
	}
	all = append(all, b.way(asItIs, manyRecords, manyNames))
	for _, t := range []tuned{asItIs, withoutProfile} {
		all = append(all, b.way(t, aProbe, noNames))
	}
	for _, t := range garbage {
		all = append(all, b.way(t, oneRecord, 1), b.way(t, manyRecords, manyNames))
	}
	return all
}

// way is our CoreDNS in one of the ways, asked for that many names or only probing.
func (b *bench) way(t tuned, what string, names int) asked {
	return asked{name: t.of(what), names: names, program: func(port, flapper string) rig.Program {
		binary, block := b.coredns, t.block+records(names)
		if t.plain {
			binary += plainSuffix
		}
		if names == noNames {
			block = t.block + probedRecords(flapper)
		}
		p := coreDNSWith(binary, port, block, nil)
		p.Command = append(append([]string{"env"}, t.env...), p.Command...) // env becomes it
		return p
	}}
}

// plainSuffix ends the name of the CoreDNS that was built without a profile.
const plainSuffix = "-plain"

func tuningSection(by map[string]rig.Figures) rig.Section {
	per := func(figure, what string, ways ...tuned) []rig.Figure {
		var names []string
		for _, t := range append([]tuned{asItIs}, ways...) {
			names = append(names, t.of(what))
		}
		return row(by, figure, names...)
	}
	return rig.Section{
		Title: "The build, and how to run it",
		Measures: []rig.Measure{
			{What: "CPU per query", Show: rig.Microseconds, Figures: per(perQuery, oneRecord, withoutProfile)},
			{What: "CPU per HTTP probe", Show: rig.Microseconds, Figures: per(perQuery, aProbe, withoutProfile)},
			{What: "CPU per query", Show: rig.Microseconds, Figures: per(perQuery, oneRecord, garbage...)},
			{What: "memory of the process", Show: rig.MiB, Figures: per(resident, oneRecord, garbage...)},
			{What: "CPU per query", Show: rig.Microseconds, Figures: per(perQuery, manyRecords, garbage...)},
			{What: "memory of the process", Show: rig.MiB, Figures: per(resident, manyRecords, garbage...)},
			{What: "CPU per query", Show: rig.Microseconds, Figures: per(perQuery, oneRecord, sockets...)},
			{What: "queries per second (more is better)", Show: rig.Count, Figures: per(perSecond, oneRecord, sockets...)},
		},
		Notes: []string{strings.TrimSpace(tuningNotes)},
	}
}

const tuningNotes = `
Asked as under Answering. "As it is" is built with cmd/coredns/default.pgo, the profile, and runs with Go's defaults
(GOGC=100); a ratio is that to the row's way. Probes are 1,000 HTTP checks a second, while nobody asks.
`
