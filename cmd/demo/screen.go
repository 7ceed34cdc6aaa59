package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// screen writes for a person: with colors on a terminal, plainly elsewhere.
type screen struct {
	mu     sync.Mutex
	w      io.Writer
	colors bool
}

// newScreen returns a screen on f. NO_COLOR turns colors off (no-color.org).
func newScreen(f *os.File) *screen {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &screen{w: f, colors: terminal && os.Getenv("NO_COLOR") == ""}
}

// The colors, as SGR codes (ECMA-48, 8.3.117).
const (
	bold  = "1"
	faint = "2"
	green = "32"
)

func (s *screen) title(text string) {
	s.line("\n%s", s.color(bold, text))
}

// answer shows an answer, and how long it took to come.
func (s *screen) answer(what, answer string, after time.Duration) {
	s.line("  %-11s %s  after %.2fs", what, s.color(green, answer), after.Seconds())
}

// log shows a line of CoreDNS's log.
func (s *screen) log(message string) {
	s.line("  %s", s.color(faint, message))
}

func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format+"\n", args...)
}

func (s *screen) color(sgr, text string) string {
	if !s.colors {
		return text
	}
	return "\033[" + sgr + "m" + text + "\033[0m"
}
