//go:build unix

package state_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/coredns-failover/failover/plugin/state"
)

// victimOf names the state file of a process that is started to be killed.
const victimOf = "FAILOVER_TEST_STATE_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(victimOf); path != "" {
		victim(path)
	}
	os.Exit(m.Run())
}

// victim counts on from what the file has, until it is killed. It says all that
// it does before it does it:
//
//	started N    the file held N
//	changed N T  at the time T
//	written N    N is in the snapshot that is about to be written
//	failed REASON
func victim(path string) {
	kept, err := Load(path)
	if err != nil {
		fmt.Println("failed", err)
	}
	var number atomic.Int64
	number.Store(int64(tier(kept)))
	fmt.Println("started", number.Load())
	snapshot := func() State {
		n := number.Load()
		fmt.Println("written", n)
		return stateOf(int(n))
	}
	f := Open(path, time.Minute, snapshot, func(err error) { fmt.Println("failed", err) })
	for range time.Tick(2 * time.Millisecond) {
		n := number.Load() + 1
		fmt.Println("changed", n, time.Now().UnixNano())
		number.Store(n)
		f.Changed()
	}
}

// stateOf is large enough to take more than one system call to write.
func stateOf(n int) State {
	s := State{Holds: []Hold{{Tier: n}}}
	for i := range 200 {
		s.Verdicts = append(s.Verdicts, Verdict{Check: fmt.Sprint(n, i) + strings.Repeat(" http", 20), Verdict: "healthy"})
	}
	return s
}

func tier(s State) int {
	if len(s.Holds) == 0 {
		return 0
	}
	return s.Holds[0].Tier
}

// life is what a victim said. Lines do not break off: a pipe takes in a short
// one as a whole.
type life struct {
	started int
	changed []moment
	written []int
}

// moment is when a number was changed to.
type moment struct {
	number int
	at     time.Time
}

// TestKilledAtAnyMoment kills 200 processes, many at once since each mostly waits.
func TestKilledAtAnyMoment(t *testing.T) {
	const victims, lives = 20, 10
	var all sync.WaitGroup
	for range victims {
		path := filepath.Join(t.TempDir(), "state")
		all.Go(func() {
			kept := 0
			for range lives {
				l := kill(t, path)
				if l.started != kept {
					t.Errorf("started with %d, but %d were kept", l.started, kept)
				}
				kept = l.expectKept(t, path)
			}
			Open(path, time.Minute, func() State { return stateOf(kept) }, func(err error) { t.Error(err) }).Close()
			if left := beside(t, path); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	all.Wait()
}

// kill starts a victim, and lets it live for up to 1.5 seconds.
func kill(t *testing.T, path string) (l life) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimOf+"="+path)
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return life{}
	}
	var end *time.Timer
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if end == nil { // it runs: from now on every moment is a good one
			end = time.AfterFunc(rand.N(1500*time.Millisecond), func() { cmd.Process.Kill() })
		}
		l.hear(t, lines.Text())
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process ended: %v", err)
	}
	return l
}

func (l *life) hear(t *testing.T, line string) {
	t.Helper()
	var n int
	var at int64
	switch word, rest, _ := strings.Cut(line, " "); word {
	case "started":
		fmt.Sscan(rest, &l.started)
	case "changed":
		fmt.Sscan(rest, &n, &at)
		l.changed = append(l.changed, moment{n, time.Unix(0, at)})
	case "written":
		fmt.Sscan(rest, &n)
		l.written = append(l.written, n)
	default:
		t.Errorf("it said %q", line)
	}
}

// expectKept returns the number that the file holds. It must be that of the last
// snapshot or of the one before, which was written before the last was begun; and
// the changes that are missing must be of the last second, with some tolerance for
// a machine that is busy.
func (l *life) expectKept(t *testing.T, path string) int {
	t.Helper()
	s, err := Load(path)
	if err != nil {
		t.Error(err)
	}
	kept := tier(s)
	last := append([]int{l.started}, l.written...)
	if last = last[max(0, len(last)-2):]; !slices.Contains(last, kept) {
		t.Errorf("kept %d, want one of %v", kept, last)
	}
	for _, c := range l.changed {
		if c.number <= kept {
			continue
		}
		if lost := l.changed[len(l.changed)-1].at.Sub(c.at); lost > 3*time.Second {
			t.Errorf("%v are lost", lost)
		}
		break
	}
	return kept
}
