package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// What examples/quickstart/Corefile says; a test compares.
const (
	server = "127.0.0.1:1053"
	name   = "www.example.org."

	primaryAddress    = "192.0.2.10"
	secondaryAddress  = "192.0.2.20"
	primaryEndpoint   = "127.0.0.1:18081"
	secondaryEndpoint = "127.0.0.1:18082"

	statusPage = "127.0.0.1:9191"
)

// patience is how long a switch may take. One that works takes 1.4 s at most:
// an interval, and two fast intervals to confirm.
const patience = 15 * time.Second

// pause lets the reader read.
const pause = time.Second

type demo struct {
	program, corefile string
	once              bool
	screen            *screen
	keys              io.Reader

	primary, secondary *backend
}

// run plays the whole demo. Everything that it starts has ended when it
// returns, which it does with nil when the reader ends it.
func (d *demo) run(ctx context.Context) error {
	d.primary = &backend{name: "primary", endpoint: primaryEndpoint}
	d.secondary = &backend{name: "secondary", endpoint: secondaryEndpoint}
	defer d.primary.stop()
	defer d.secondary.stop()
	if err := errors.Join(d.primary.start(ctx), d.secondary.start(ctx),
		mustBeFree(ctx, server), mustBeFree(ctx, statusPage)); err != nil {
		return err
	}

	log := &output{screen: d.screen}
	running, stop, err := startCoreDNS(ctx, log, d.program, d.corefile)
	if err != nil {
		return err
	}
	defer stop()

	err = d.play(running)
	switch {
	case ctx.Err() != nil && d.once:
		return errors.New("interrupted")
	case ctx.Err() != nil || err == nil:
		return nil
	default:
		stop()
		return fmt.Errorf("%w\n\nCoreDNS's log:\n%s", err, log)
	}
}

func (d *demo) play(ctx context.Context) error {
	if err := d.story(ctx); err != nil || d.once {
		return err
	}
	return d.playground(ctx)
}

// story stops the primary, and starts it again.
func (d *demo) story(ctx context.Context) error {
	s := d.screen
	s.title("CoreDNS with failover answers www.example.org on " + server + ".")
	s.line("  primary    %s   checked at http://%s/healthz", primaryAddress, primaryEndpoint)
	s.line("  secondary  %s   checked at http://%s/healthz", secondaryAddress, secondaryEndpoint)
	if err := d.await(ctx, "The answer", primaryAddress); err != nil {
		return err
	}
	sleep(ctx, pause)

	s.title("The primary stops.")
	d.primary.stop()
	if err := d.await(ctx, "Failed over", secondaryAddress); err != nil {
		return err
	}
	sleep(ctx, pause)

	s.title("The primary starts again.")
	if err := d.primary.start(ctx); err != nil {
		return err
	}
	return d.await(ctx, "Failed back", primaryAddress)
}

// await asks until the answer is the address wanted, and says how long it took.
func (d *demo) await(ctx context.Context, what, want string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("gave up after %v", patience))
	defer cancel()
	start := time.Now()
	got, err := askUntil(ctx, func(answer string) bool { return answer == want })
	if err != nil {
		return fmt.Errorf("waiting for %s: %w", want, err)
	}
	d.screen.answer(what, got, time.Since(start))
	return nil
}

// playground lets the reader stop and start the backends, and shows each
// change of the answer, until ctx is done.
func (d *demo) playground(ctx context.Context) error {
	s := d.screen
	s.title("Now you.")
	s.line("  1, Enter   stop or start the primary")
	s.line("  2, Enter   stop or start the secondary")
	s.line("  Ctrl-C     end")
	s.line("  and, in another terminal:  dig @127.0.0.1 -p 1053 www.example.org")
	s.line("  or, in a browser:          http://%s/", statusPage)
	s.line("")

	answers := changes(ctx, primaryAddress)
	lines := readLines(ctx, d.keys)
	toggled := time.Now()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case answer := <-answers:
			s.answer("The answer", answer, time.Since(toggled))
		case line := <-lines:
			if err := d.press(ctx, line); err != nil {
				s.line("  %v", err)
			}
			toggled = time.Now()
		}
	}
}

// press does what a line of the reader says.
func (d *demo) press(ctx context.Context, line string) error {
	backends := map[string]*backend{"1": d.primary, "2": d.secondary}
	b, known := backends[line]
	switch {
	case !known:
		return errors.New("1 or 2, please")
	case b.running():
		b.stop()
		d.screen.line("  the %s stops", b.name)
		return nil
	default:
		d.screen.line("  the %s starts", b.name)
		return b.start(ctx)
	}
}

// readLines hands out the lines of r, until its end or ctx is done.
func readLines(ctx context.Context, r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			select {
			case lines <- in.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
