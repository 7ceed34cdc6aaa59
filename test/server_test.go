package test_test

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// vars are environment variables of a process: a Corefile says {$NAME}.
type vars map[string]string

// server is a CoreDNS process. Its Corefile finds where to listen in the
// environment: {$IP} and {$PORT} for DNS, and the endpoints {$METRICS},
// {$READY} and {$HEALTH}, which are addresses with a port.
type server struct {
	ip, port string
	corefile string // the path of the file
	log      *logged

	program string
	env     vars
	command *exec.Cmd
	ended   chan struct{} // closed when the process has ended
}

// start runs CoreDNS with a Corefile until the end of the test, and returns when
// it serves. Then it must end on SIGTERM, without a data race.
func start(t testing.TB, corefile string, with ...vars) *server {
	t.Helper()
	s := launch(t, corefile, with...)
	s.awaitStart(t)
	return s
}

// awaitStart waits until the process serves.
func (s *server) awaitStart(t testing.TB) {
	t.Helper()
	await(t, func() string {
		switch {
		case s.hasEnded():
			t.Fatalf("CoreDNS does not start:\n%s", s.log)
		case len(s.log.find("CoreDNS-")) == 0: // it says so when it serves
			return "CoreDNS has not started"
		}
		return ""
	})
}

// launch runs CoreDNS with a Corefile, and returns at once.
func launch(t testing.TB, corefile string, with ...vars) *server {
	t.Helper()
	return launchProgram(t, program, corefile, with...)
}

// launchProgram is launch for another build of CoreDNS.
func launchProgram(t testing.TB, program, corefile string, with ...vars) *server {
	t.Helper()
	s := &server{program: program, ip: newIP(t), log: new(logged), ended: make(chan struct{})}
	s.corefile = filepath.Join(t.TempDir(), "Corefile")
	s.write(t, corefile)
	s.env = s.endpoints(t)
	for _, v := range with {
		maps.Copy(s.env, v)
	}
	s.run(t)
	return s
}

func (s *server) endpoints(t testing.TB) vars {
	t.Helper()
	ports := freePorts(t, s.ip, 4)
	s.port = ports[0]
	return vars{
		"IP": s.ip, "PORT": s.port,
		"METRICS": net.JoinHostPort(s.ip, ports[1]),
		"READY":   net.JoinHostPort(s.ip, ports[2]),
		"HEALTH":  net.JoinHostPort(s.ip, ports[3]),
		// The race detector would wait for a second at the end.
		"GORACE": "atexit_sleep_ms=0",
	}
}

func (s *server) run(t testing.TB) {
	t.Helper()
	s.command = exec.Command(s.program, "-conf", s.corefile)
	s.command.Dir = filepath.Dir(s.corefile)
	s.command.Env = os.Environ()
	for name, value := range s.env {
		s.command.Env = append(s.command.Env, name+"="+value)
	}
	s.command.Stdout, s.command.Stderr = s.log, s.log
	s.command.SysProcAttr = leaveNothingBehind()
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.command.Wait() // its result is in ProcessState
	}()
	t.Cleanup(func() { s.finish(t) })
}

// finish ends the process, if the test has not, and judges its end.
func (s *server) finish(t testing.TB) {
	if !s.hasEnded() {
		if code := s.terminate(t); code != 0 {
			t.Errorf("CoreDNS ends with exit status %d on SIGTERM", code)
		}
	}
	if len(s.log.find("DATA RACE"))+len(s.log.find("[PANIC]")) > 0 {
		t.Error("CoreDNS has a data race or a panic")
	}
	if t.Failed() {
		t.Logf("%s\nis CoreDNS's log, with the Corefile\n%s", s.log, s.readCorefile())
	}
}

// terminate sends SIGTERM, waits for the end and returns the exit status.
func (s *server) terminate(t testing.TB) int {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	return s.awaitEnd(t)
}

// awaitEnd waits until the process has ended and returns its exit status, which
// is -1 after a signal.
func (s *server) awaitEnd(t testing.TB) int {
	t.Helper()
	defer func() { _ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) }()
	await(t, func() string {
		if !s.hasEnded() {
			return "CoreDNS has not ended"
		}
		return ""
	})
	return s.command.ProcessState.ExitCode()
}

// kill ends the process at once, as a crash would.
func (s *server) kill(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	s.awaitEnd(t)
}

func (s *server) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func (s *server) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := s.command.Process.Signal(signal); err != nil {
		t.Error(err)
	}
}

// write puts a new Corefile in place, which the process reads when it is told to.
func (s *server) write(t testing.TB, corefile string) {
	t.Helper()
	next := s.corefile + ".new"
	if err := os.WriteFile(next, []byte(corefile), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, s.corefile); err != nil {
		t.Fatal(err)
	}
}

func (s *server) readCorefile() string {
	text, _ := os.ReadFile(s.corefile)
	return string(text)
}

const (
	reloaded     = "[INFO] Reloading complete"
	reloadFailed = "[ERROR] SIGUSR1: "
)

// reload puts a new Corefile in place, sends SIGUSR1, and returns when the old
// configuration is gone.
func (s *server) reload(t testing.TB, corefile string) {
	t.Helper()
	done, failures := len(s.log.find(reloaded)), len(s.log.find(reloadFailed))
	s.write(t, corefile)
	s.beginReload(t)
	await(t, func() string {
		if failed := s.log.find(reloadFailed); len(failed) > failures {
			t.Fatalf("the reload fails: %v", failed)
		}
		if len(s.log.find(reloaded)) == done {
			return "the reload has not ended"
		}
		return ""
	})
}

// beginReload sends SIGUSR1 until CoreDNS hears it: in the first moments after
// its start it often does not. Later it may be busy, and two signals are two reloads.
func (s *server) beginReload(t testing.TB) {
	t.Helper()
	const heard = "[INFO] SIGUSR1: Reloading"
	before := len(s.log.find(heard))
	again := time.Second
	if before > 0 {
		again = 10 * time.Second
	}
	var sent time.Time
	await(t, func() string {
		if len(s.log.find(heard)) > before {
			return ""
		}
		if time.Since(sent) > again {
			s.signal(t, syscall.SIGUSR1)
			sent = time.Now()
		}
		return "CoreDNS does not hear SIGUSR1"
	})
}

// reloadFails is reload with a Corefile that must be refused. It returns the
// error.
func (s *server) reloadFails(t testing.TB, corefile string) string {
	t.Helper()
	done, failures := len(s.log.find(reloaded)), len(s.log.find(reloadFailed))
	s.write(t, corefile)
	s.beginReload(t)
	await(t, func() string {
		if len(s.log.find(reloaded)) > done {
			t.Fatal("the reload does not fail")
		}
		if len(s.log.find(reloadFailed)) == failures {
			return "the reload has not failed"
		}
		return ""
	})
	_, reason, _ := strings.Cut(s.log.find(reloadFailed)[failures], reloadFailed)
	return reason
}
