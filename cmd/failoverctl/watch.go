package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

// watch shows what happens until ctx ends: on a terminal the status, elsewhere a
// line for each transition.
func (a *app) watch(ctx context.Context, replicas api.Replicas, f statusFlags) error {
	if _, _, terminal := a.screen(); terminal && !a.json() {
		return a.watchScreen(ctx, replicas, f)
	}
	return a.watchLines(ctx, replicas)
}

// happening is what one server tells: a transition, or nil when the stream has
// begun, and what happened before may have been missed.
type happening struct {
	client     *api.Client
	transition *status.Transition
}

// follow sends what servers tell, until ctx ends or all of them refuse to.
// Streams that break are opened again; trouble is told when it begins.
func follow(ctx context.Context, replicas api.Replicas, trouble func(*api.Client, error)) <-chan happening {
	happenings := make(chan happening)
	var following sync.WaitGroup
	for _, c := range replicas {
		following.Go(func() {
			s := stream{client: c, to: happenings, trouble: trouble}
			s.follow(ctx)
		})
	}
	go func() {
		following.Wait()
		close(happenings)
	}()
	return happenings
}

// stream is what one server tells.
type stream struct {
	client  *api.Client
	to      chan<- happening
	trouble func(*api.Client, error)
	// broken is set from the beginning of trouble to its end.
	broken bool
}

// reopen is how long after its end a stream is opened again.
const reopen = time.Second

func (s *stream) follow(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.client.Events(ctx, func() {
			s.broken = false
			s.send(ctx, nil)
		}, func(t status.Transition) { s.send(ctx, &t) })
		if ctx.Err() != nil {
			return
		}
		if !s.broken {
			s.broken = true
			s.trouble(s.client, err)
		}
		if _, refused := errors.AsType[*api.Problem](err); refused {
			return // nor will it be met the next time
		}
		pause(ctx, reopen)
	}
}

func (s *stream) send(ctx context.Context, t *status.Transition) {
	select {
	case s.to <- happening{s.client, t}:
	case <-ctx.Done():
	}
}

// pause waits for d, or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// happened is a transition for programs.
type happened struct {
	Server string `json:"server,omitempty"` // where there are several
	status.Transition
}

// watchLines writes each transition. Its errors go to stderr while they last.
func (a *app) watchLines(ctx context.Context, replicas api.Replicas) error {
	var mu sync.Mutex // streams have trouble at the same time
	happenings := follow(ctx, replicas, func(c *api.Client, err error) {
		mu.Lock()
		defer mu.Unlock()
		a.note("%s: %v", c.Name, err)
	})
	for h := range happenings {
		if h.transition == nil {
			continue
		}
		server := ""
		if len(replicas) > 1 {
			server = h.client.Name
		}
		if a.json() {
			if err := a.writeJSON(happened{server, *h.transition}, true); err != nil {
				return err
			}
			continue
		}
		line(a.out, "%s", strings.TrimSpace(server+" "+transitionLine(*h.transition, time.RFC3339)))
	}
	if ctx.Err() == nil {
		return errors.New("no server tells what happens")
	}
	return nil
}

// transitionLine is a transition in a line, with its time in a layout.
func transitionLine(t status.Transition, layout string) string {
	what := t.Name
	if what == "" {
		what = t.Record
	}
	for _, part := range []string{t.Family, t.Target} {
		if part != "" {
			what += " " + part
		}
	}
	text := fmt.Sprintf("%s %s: %s -> %s", t.At.UTC().Format(layout), what, none(t.From), none(t.To))
	if t.Reason != "" {
		text += ": " + t.Reason
	}
	if t.By != "" {
		text += " (" + t.By + ")"
	}
	return text
}

// none stands for a forced state that is not there.
func none(state string) string {
	if state == "" {
		return "none"
	}
	return state
}

// The times of a screen that goes on.
const (
	tick    = time.Second            // ages grow
	rest    = 500 * time.Millisecond // at least, between two looks
	refresh = 30 * time.Second       // a look, though nothing is told
)

// watchScreen shows the status on a terminal, anew when something happens.
func (a *app) watchScreen(ctx context.Context, replicas api.Replicas, f statusFlags) error {
	happenings := follow(ctx, replicas, func(*api.Client, error) {}) // the status tells it
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	views, looked, changed := a.look(ctx, replicas, f), time.Now(), false
	for {
		if ctx.Err() != nil {
			return nil
		}
		if err := a.draw(views, f); err != nil {
			return err
		}
		select {
		case _, changed = <-happenings:
			if !changed {
				happenings = nil // no server tells anything
				break
			}
			pause(ctx, rest) // many things happen at once
			skip(happenings)
		case <-ticker.C:
		}
		if changed || time.Since(looked) > refresh {
			views, looked, changed = a.look(ctx, replicas, f), time.Now(), false
		}
	}
}

// skip takes what has been told already: the next look shows all of it.
func skip(happenings <-chan happening) {
	for {
		select {
		case _, open := <-happenings:
			if open {
				continue
			}
		default:
		}
		return
	}
}

// clearScreen goes to the top left corner and erases what is there (ECMA-48,
// 8.3.21 and 8.3.39).
const clearScreen = "\x1b[H\x1b[2J"

// draw fills the terminal.
func (a *app) draw(views []api.Result[view], f statusFlags) error {
	f.watch = false
	screen := statusScreen{views: views, now: a.now(), filtered: f != statusFlags{}}
	var text bytes.Buffer
	if err := screen.write(&text); err != nil {
		return err
	}
	for _, v := range views {
		if v.Err != nil && !errors.Is(v.Err, context.Canceled) {
			line(&text, "%s: %v", v.Client.Name, v.Err)
		}
	}
	width, height, _ := a.screen()
	_, err := fmt.Fprint(a.out, clearScreen+fit(text.String(), width, height))
	return err
}

// fit cuts text to the size of a terminal: one that scrolls shows only the end.
func fit(text string, width, height int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if more := len(lines) - (height - 1); more > 0 && height > 2 {
		lines = append(lines[:height-2], fmt.Sprintf("... and %d lines more", more+1))
	}
	for i, l := range lines {
		if runes := []rune(l); len(runes) > width {
			lines[i] = string(runes[:width])
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
