// Package test_test runs CoreDNS with failover as its users do: the built
// binary, a Corefile, real servers that are probed, and real questions.
//
// Every server of a test, CoreDNS included, has an address of its own in
// 127.0.0.0/8 and ports that the kernel gave, so tests run in parallel. Nothing
// sleeps and hopes: what must happen is awaited, and where nothing must happen,
// probes are counted instead of seconds.
package test_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/coredns-failover/failover/internal/leak"

	"go.uber.org/goleak"
)

var (
	// program is the CoreDNS that is tested.
	program string
	// built is the directory for what is built. It is removed in the end.
	built string
)

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

// buildAndRun builds the program, unless FAILOVER_COREDNS names one, and runs
// the tests, which must leave no goroutine behind.
func buildAndRun(m *testing.M) (code int) {
	var err error
	if built, err = os.MkdirTemp("", "failover-test-"); err != nil {
		return fail(err)
	}
	defer os.RemoveAll(built)
	if program = os.Getenv("FAILOVER_COREDNS"); program == "" {
		if program, err = build("coredns-as-tested", "../cmd/coredns", raceFlags...); err != nil {
			return fail(err)
		}
	}
	runTogether(2 * runtime.GOMAXPROCS(0))
	return leak.Main(m, goleak.IgnoreCurrent())
}

// runTogether lets n tests run at a time, unless -parallel says how many: most of
// the time they wait.
func runTogether(n int) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", strconv.Itoa(n))
	}
}

// build builds a CoreDNS with failover, and returns the path of the program.
func build(name, source string, flags ...string) (string, error) {
	path := filepath.Join(built, name)
	command := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, source)...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("building CoreDNS: %w", err)
	}
	return path, nil
}

func fail(err error) (code int) {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
