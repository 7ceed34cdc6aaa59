package kubernetes_test

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// process is a program that runs, with what it has written.
type process struct {
	command *exec.Cmd
	log     *logged
	ended   chan struct{} // closed when it has ended
}

// startProcess starts a program. It ends with the test process at the latest.
func startProcess(t testing.TB, command *exec.Cmd) *process {
	t.Helper()
	p := &process{command: command, log: new(logged), ended: make(chan struct{})}
	command.Stdout, command.Stderr = p.log, p.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = command.Wait() // its result is in ProcessState
	}()
	return p
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// end sends a signal, and returns the exit status when the process has ended. It
// is -1 after a signal that kills.
func (p *process) end(t testing.TB, signal syscall.Signal) (code int) {
	t.Helper()
	if !p.hasEnded() {
		if err := p.command.Process.Signal(signal); err != nil {
			t.Error(err)
		}
	}
	await(t, func() string {
		if !p.hasEnded() {
			return p.command.Path + " has not ended"
		}
		return ""
	})
	return p.command.ProcessState.ExitCode()
}

// logged is what a process has written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns everything written so far.
func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// find returns the complete lines that contain every one of parts, oldest first.
func (l *logged) find(parts ...string) []string {
	var found []string
	for line := range strings.Lines(l.String()) {
		if strings.HasSuffix(line, "\n") && containsAll(line, parts) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// await waits until n lines contain every one of parts.
func (l *logged) await(t testing.TB, n int, parts ...string) {
	t.Helper()
	await(t, func() string {
		if len(l.find(parts...)) < n {
			return "the log lacks a line with " + strings.Join(parts, " ... ")
		}
		return ""
	})
}

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}
