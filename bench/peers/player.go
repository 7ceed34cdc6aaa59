package main

import (
	"context"
	"strings"
	"time"

	"github.com/coredns-failover/failover/bench/rig"
)

// player is a server of a match, and what came of its turns.
type player struct {
	asked
	*server
	questions string // the file of them

	lasted  time.Duration
	cpu     time.Duration
	answers float64 // or probes
	changes int     // of verdicts
}

// server is a program that is up, and what it may probe.
type server struct {
	*rig.Process
	*flapper
	port string
}

// start starts the player's program.
func (p *player) start(ctx context.Context) error {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return err
	}
	f, err := startFlapper(ctx)
	if err != nil {
		return err
	}
	process, err := p.program(port, f.port).Start(ctx)
	if err != nil {
		f.stop()
		return err
	}
	p.server = &server{process, f, port}
	return nil
}

// stop ends the server. A second time it does nothing.
func (s *server) stop() {
	s.Stop()
	s.flapper.stop()
}

// warmUp asks the server for a turn that does not count.
func (p *player) warmUp(ctx context.Context, folder string) (err error) {
	if p.names > 0 {
		if p.questions, err = writeQuestions(folder, p.names); err != nil {
			return err
		}
	}
	_, err = p.ask(ctx)
	return err
}

// ask has the server asked for a turn, and returns how many answers it gave, or how
// often it probed.
func (p *player) ask(ctx context.Context) (done float64, err error) {
	if p.names > 0 {
		return flood(ctx, p.port, p.questions, turn)
	}
	before := p.probes()
	err = rig.Pause(ctx, turn)
	return p.probes() - before, err
}

// play is one turn.
func (p *player) play(ctx context.Context) error {
	if p.flaps.Swap(p.flapping) != p.flapping {
		if err := rig.Pause(ctx, 2*flappingInterval); err != nil { // each target has been probed by then
			return err
		}
	}
	changes := p.verdictChanges()
	before, err := p.CPU()
	if err != nil {
		return err
	}
	answers, err := p.ask(ctx)
	if err != nil {
		return err
	}
	after, err := p.CPU()
	if err != nil {
		return err
	}
	p.lasted += turn
	p.cpu += after - before
	p.answers += answers
	p.changes += p.verdictChanges() - changes
	return nil
}

// verdictChanges is how many the server has told in its log.
func (s *server) verdictChanges() int { return strings.Count(s.Log(), ", check http") }

// tell adds what the turns come to.
func (p *player) tell(figures rig.Figures) error {
	memory, err := p.RSS()
	figures[of(perQuery, p.name)] = p.cpu.Seconds() / p.answers
	figures[of(perSecond, p.name)] = p.answers / p.lasted.Seconds()
	figures[of(verdicts, p.name)] = float64(p.changes) / p.lasted.Seconds()
	figures[of(resident, p.name)] = memory
	return err
}
