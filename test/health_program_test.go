package test_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// other is a process of a program that people run beside CoreDNS.
type other struct {
	path    string
	args    []string
	command *exec.Cmd
	log     *logged
	ended   chan struct{}
}

// findProgram returns the path of a program, or skips the test with what to
// install. Servers are often not in a user's PATH.
func findProgram(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err = exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	t.Skipf("to test with %s, install %s (Debian)", name, debian)
	return ""
}

// runOther runs a program in the foreground until the end of the test.
func runOther(t testing.TB, path string, args ...string) *other {
	t.Helper()
	o := &other{path: path, args: args}
	o.start(t)
	t.Cleanup(func() {
		o.stop(t)
		if t.Failed() {
			t.Logf("%s\nis the log of %s", o.log, o.path)
		}
	})
	return o
}

func (o *other) start(t testing.TB) {
	t.Helper()
	o.log, o.ended = new(logged), make(chan struct{})
	o.command = exec.Command(o.path, o.args...)
	o.command.Stdout, o.command.Stderr = o.log, o.log
	o.command.SysProcAttr = leaveNothingBehind()
	if err := o.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func(ended chan struct{}) {
		defer close(ended)
		_ = o.command.Wait()
	}(o.ended)
}

// stop kills the process with all that it has started, as a crash would.
func (o *other) stop(t testing.TB) {
	t.Helper()
	if err := syscall.Kill(-o.command.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
	<-o.ended
}

// writeExpanded puts variables into a configuration that says $NAME, and writes it into
// a directory of its own.
func writeExpanded(t testing.TB, name, text string, v vars) string {
	t.Helper()
	var words []string
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(v))) { // $A_B before $A
		words = append(words, "$"+key, v[key])
	}
	return writeFile(t, name, strings.NewReplacer(words...).Replace(text))
}

// setFile makes a file, or removes it.
func setFile(t testing.TB, path string, there bool) {
	t.Helper()
	var err error
	if there {
		err = os.WriteFile(path, nil, 0o600)
	} else {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}
