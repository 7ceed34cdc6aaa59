package main

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// match is servers that are measured against each other, ours first. All of them are up
// at once, and are asked in turns that are short, in an order of chance: what the machine
// does besides, which changes from second to second, meets them alike.
type match struct {
	of      []asked
	figures rig.Figures // of all, once it has been played
}

// String implements fmt.Stringer.
func (m *match) String() string { return m.of[0].name }

// figure is what was measured of one of the servers.
func (m *match) figure(what, server string) float64 { return m.figures[of(what, server)] }

// ratio is ours / theirs.
func (m *match) ratio(what, server string) float64 { return m.figures[ratioTo(what, server)] }

// of names a figure of a server, and ratioTo that of ours to it.
func of(what, server string) string      { return what + " of " + server }
func ratioTo(what, server string) string { return what + " beside " + server }

// row is what was measured of all of them; memory is that of a process, once.
func (m *match) row(what string) []rig.Figure {
	var all []rig.Figure
	for _, a := range m.of {
		if what == resident && a.program == nil {
			continue
		}
		all = append(all, rig.Figure{Program: a.name, Value: m.figure(what, a.name), Ratio: m.ratio(what, a.name)})
	}
	return all
}

// compare adds the ratios to the figures of a round. Those who share it share what the
// machine does besides, which the medians of each do not.
func (m *match) compare(figures rig.Figures) {
	for _, what := range []string{perQuery, perSecond, resident} {
		for _, a := range m.of {
			figures[ratioTo(what, a.name)] = figures[of(what, m.of[0].name)] / figures[of(what, a.name)]
		}
	}
}

// asked is a server that is asked as fast as it answers, or, for no names, one that
// only probes.
type asked struct {
	name     string
	names    int  // how many it is asked for
	flapping bool // whether what it probes changes each time
	// program listens on answeringIP and that port, and probes that of the flapper. Nil
	// is the process of the one before it, asked in another way.
	program func(port, flapper string) rig.Program
}

// turn is how long a server is asked before it is another's turn. dnsperf takes whole
// seconds.
const turn = time.Second

// playAll plays each of the matches for some rounds. Their figures are the medians.
func playAll(ctx context.Context, s settings, matches ...*match) error {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	medians, err := rig.Alternate(ctx, s.rounds, matches, func(ctx context.Context, m *match) (rig.Figures, error) {
		return m.play(ctx, folder, max(1, int(s.window/turn)))
	})
	for i := range medians {
		matches[i].figures = medians[i]
	}
	return err
}

// play starts the servers of a match, asks each of them so many times, and returns
// the figures of all.
func (m *match) play(ctx context.Context, folder string, turns int) (rig.Figures, error) {
	var all []*player
	defer func() {
		for _, p := range all {
			p.stop()
		}
	}()
	for i, a := range m.of {
		p := &player{asked: a}
		if a.program == nil {
			p.server = all[i-1].server
		} else if err := p.start(ctx); err != nil {
			return nil, err
		}
		all = append(all, p)
		if err := p.warmUp(ctx, folder); err != nil {
			return nil, err
		}
	}
	for range turns {
		for _, i := range rand.Perm(len(all)) { // whom one comes after makes a difference
			if err := all[i].play(ctx); err != nil {
				return nil, err
			}
		}
	}
	figures := make(rig.Figures)
	for _, p := range all {
		if err := p.tell(figures); err != nil {
			return nil, err
		}
	}
	m.compare(figures)
	return figures, nil
}
