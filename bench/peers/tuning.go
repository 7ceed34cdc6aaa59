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
	profile := s.ways(oneRecord, 1, withoutProfile)
	profiledProbe := s.ways(aProbe, noNames, withoutProfile)
	collected := s.ways(oneRecord, 1, garbage...)
	manyCollected := s.ways(manyRecords, manyNames, garbage...)
	manySockets := s.ways(oneRecord, 1, sockets...)
	if err := playAll(ctx, s, profile, profiledProbe, collected, manyCollected, manySockets); err != nil {
		return rig.Section{}, err
	}
	return rig.Section{
		Title: "The build, and how to run it",
		Measures: []rig.Measure{
			{What: "CPU per query", Show: rig.Microseconds, Figures: profile.row(perQuery)},
			{What: "CPU per HTTP probe", Show: rig.Microseconds, Figures: profiledProbe.row(perQuery)},
			{What: "CPU per query", Show: rig.Microseconds, Figures: collected.row(perQuery)},
			{What: "memory of the process", Show: rig.MiB, Figures: collected.row(resident)},
			{What: "CPU per query", Show: rig.Microseconds, Figures: manyCollected.row(perQuery)},
			{What: "memory of the process", Show: rig.MiB, Figures: manyCollected.row(resident)},
			{What: "CPU per query", Show: rig.Microseconds, Figures: manySockets.row(perQuery)},
			{What: "queries per second (more is better)", Show: rig.Count, Figures: manySockets.row(perSecond)},
		},
		Notes: []string{strings.TrimSpace(tuningNotes)},
	}, nil
}

// ways is a match between our CoreDNS as it is and in other ways, asked for that many
// names or only probing.
func (s settings) ways(what string, names int, others ...tuned) *match {
	m := new(match)
	for _, t := range append([]tuned{asItIs}, others...) {
		m.of = append(m.of, asked{name: t.of(what), names: names, program: t.program(s.coredns, names)})
	}
	return m
}

// program is our CoreDNS in that way.
func (t tuned) program(binary string, names int) func(port, flapper string) rig.Program {
	if t.plain {
		binary += plainSuffix
	}
	return func(port, flapper string) rig.Program {
		block := t.block + records(names)
		if names == noNames {
			block = t.block + probedRecords(flapper)
		}
		p := coreDNSWith(binary, port, block, nil)
		p.Command = append(append([]string{"env"}, t.env...), p.Command...) // env becomes it
		return p
	}
}

// plainSuffix ends the name of the CoreDNS that was built without a profile.
const plainSuffix = "-plain"

const tuningNotes = `
Asked as under Answering. "As it is" is built with cmd/coredns/default.pgo, the profile, and runs with Go's defaults
(GOGC=100); a ratio is "as it is" / the row's way. Probes are 1,000 HTTP checks a second, while nobody asks.
`
