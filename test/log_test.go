package test_test

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// logged is what a process has written, by lines.
type logged struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines []string
	start []byte // of a line that has no end yet
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	l.start = append(l.start, p...)
	for {
		line, rest, complete := bytes.Cut(l.start, []byte("\n"))
		if !complete {
			return len(p), nil
		}
		l.lines = append(l.lines, string(line))
		l.start = rest
	}
}

// String returns everything written so far.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// find returns the lines that contain every one of parts, oldest first.
func (l *logged) find(parts ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, line := range l.lines {
		if containsAll(line, parts) {
			found = append(found, line)
		}
	}
	return found
}

// await waits until n lines contain every one of parts, and returns them all.
func (l *logged) await(t testing.TB, n int, parts ...string) []string {
	t.Helper()
	await(t, func() string {
		if found := len(l.find(parts...)); found < n {
			return "the log lacks a line with " + strings.Join(parts, " ... ")
		}
		return ""
	})
	return l.find(parts...)
}

// transitions returns the lines that say that a verdict changed.
func (l *logged) transitions() []string { return l.find("plugin/failover: record ", " -> ") }

// changes returns the lines that say that a record's IPv4 answer changed.
func (l *logged) changes() []string { return l.find("plugin/failover: record ", ", IPv4: ") }

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

// mustMatchOnce fails for each of the expressions that is not the end of exactly
// one line of failover's log.
func (l *logged) mustMatchOnce(t testing.TB, expressions ...string) {
	t.Helper()
	for _, expression := range expressions {
		line := regexp.MustCompile(`(?m)plugin/failover: .*` + expression + `$`)
		if n := len(line.FindAllString(l.String(), -1)); n != 1 {
			t.Errorf("%d lines match %s, want one", n, expression)
		}
	}
}
