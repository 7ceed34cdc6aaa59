package failover

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/caddy"
)

// What an operator has forced is in the file at the end.
func TestForcedStateInTheFileAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	oneProcess(t, process("state_file "+path, twoTiers(listener(t))), func(s steered) {
		s.awaitVerdict()
		s.must(status.Drain, status.Action{Target: "127.0.0.1"})
	})
	if n := len(kept(t, path).Forced); n != 1 {
		t.Errorf("%d forced states are kept", n)
	}
}

// The plugin is added by a reload that fails: what the file says is forced stays
// in it.
func TestForcedStateInTheFileAfterTheFirstStartFailed(t *testing.T) {
	path, port := filepath.Join(t.TempDir(), "state"), listener(t)
	keep(t, path, state.State{Forced: []state.Forced{{
		Server: "dns://127.0.0.1:0", Zone: "example.org.", Record: "www.example.org.", State: status.ForcedDrained,
		Target: "127.0.0.1", Reason: "new kernel", By: "tester", Since: time.Now(),
	}}})
	oneProcess(t, "example.org:0 {\n bind 127.0.0.1\n whoami\n}\n", func(s steered) {
		s.fails(process("state_file "+path, twoTiers(port)), nothing)
	})
	if n := len(kept(t, path).Forced); n != 1 {
		t.Errorf("%d forced states are kept", n)
	}
}

// A plugin of the old instance that fails to shut down keeps the event of the
// start from being sent, although the new instance is the only one from then on.
func TestReloadAfterWhichTheOldInstanceFailsToEnd(t *testing.T) {
	port := listener(t)
	oneProcess(t, process("", twoTiers(port)), func(s steered) {
		s.awaitVerdict()
		s.instance.OnShutdown = append(s.instance.OnShutdown, func() error { return errors.New("it is stopped already") })
		two := process("state_file "+filepath.Join(t.TempDir(), "state"), twoTiers(port), twoTiers(port))
		if err := s.reload(two); err == nil {
			t.Error("caddy reports nothing")
		}
		s.instance = caddy.Instances()[len(caddy.Instances())-1]
		s.await("both verdicts", func() bool { return handler().records[1].tier(1)[0].verdict() == verdict.Healthy })
		if n := len(healthcheck.known().Verdicts); n != 2 {
			t.Errorf("what would be kept is still that of the configuration before: %d verdicts", n)
		}
		if healthcheck.file.Load() == nil {
			t.Error("no state file is kept")
		}
	})
}

// What is handed over at the beginning may be decided anew at that moment. It is
// for the race detector.
func TestHoldsThatAreHandedOverWhileAVerdictChanges(t *testing.T) {
	port := deadPort(t)
	s := steer(t, twoTiers(port, "failback manual"))
	s.await("the switch", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	before := healthcheck.serving()
	f, _, c := successor(t, before.handlers[0], "failover www.example.org {\n"+twoTiers(port, "failback manual")+"\n}")
	if err := c.claim(before); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Go(func() {
		for range 200 {
			healthcheck.update(f.records...) // as a verdict of a check does that both share
		}
	})
	both.Go(func() { healthcheck.begin(c, before) })
	both.Wait()
}

// An order holds for all configurations that have begun, also where a record
// listens elsewhere in the new one.
func TestOrderDuringAReloadThatListensElsewhere(t *testing.T) {
	port := listener(t)
	elsewhere := strings.NewReplacer(" bind 127.0.0.1\n", " bind 127.0.0.1 127.0.0.2\n startslater\n")
	for name, c := range map[string]struct {
		before, during, want string
	}{
		"drain": {"", status.Drain, "127.0.0.2"},
		"clear": {status.Drain, status.Clear, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := steer(t, twoTiers(port))
			s.awaitVerdict()
			if c.before != "" {
				s.must(c.before, status.Action{Target: "127.0.0.1"})
			}
			startsLater = func() error {
				s.must(c.during, status.Action{Target: "127.0.0.1"})
				return nil
			}
			if err := s.reload(elsewhere.Replace(process("", twoTiers(port)))); err != nil {
				t.Fatal(err)
			}
			s.answers(c.want)
		})
	}
}

// A record that has been there before is not one that listens elsewhere now.
func TestForcedStateOfARecordWhoseTwinIsRemoved(t *testing.T) {
	port := listener(t)
	one := process("", twoTiers(port))
	two := one + strings.Replace(one, "bind 127.0.0.1\n", "bind 127.0.0.2\n", 1)
	oneProcess(t, two, func(s steered) {
		s.await("a verdict", func() bool { return handler().records[0].tier(1)[0].verdict() == verdict.Healthy })
		id := "www.example.org@127.0.0.2:0@example.org"
		if _, err := (source{}).Act(id, status.Drain, "tester", status.Action{Target: "127.0.0.1", Reason: "a test"}); err != nil {
			t.Fatal(err)
		}
		if err := s.reload(one); err != nil {
			t.Fatal(err)
		}
		s.answers("127.0.0.1") // nobody has drained that
	})
}

// Of a target that was taken out and is added again, nothing has been told.
func TestTargetThatIsRemovedAndAddedAgain(t *testing.T) {
	dead := deadPort(t)
	with, without := process("", twoTiers(dead)), process("", strings.Replace(twoTiers(dead), "primary 127.0.0.1", "primary 127.0.0.3", 1))
	oneProcess(t, with, func(s steered) {
		told := func() int {
			return len(slices.DeleteFunc(s.shown().History, func(h status.Transition) bool {
				return h.Kind != status.TargetChanged || h.Target != "127.0.0.1" || h.To != "unhealthy"
			}))
		}
		s.await("the verdict", func() bool { return told() == 1 })
		if err := s.reload(without); err != nil {
			t.Fatal(err)
		}
		if len(handler().records[0].past.verdicts) != 2 {
			t.Error("the past grows with every target that has ever been there")
		}
		if err := s.reload(with); err != nil {
			t.Fatal(err)
		}
		s.await("the news that the added target is unhealthy", func() bool { return told() == 2 })
	})
}

// Two restarts in a row, without a question in between, forget nothing.
func TestVerdictsThatNobodyHasAskedForStayInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	asOf := time.Now().Add(-time.Minute).UTC()
	const check = "dns://127.0.0.1:0|example.org.||*.example.org.|next|127.0.0.7||0|tcp :9"
	keep(t, path, state.State{Verdicts: []state.Verdict{{Check: check, Verdict: "unhealthy", Since: asOf, AsOf: asOf}}})
	corefile := "example.org:0 {\n bind 127.0.0.1\n failover {\n state_file " + path + "\n }\n failover *.example.org {\n" +
		" primary next\n probe 127.0.0.0/8\n check tcp 9\n }\n hosts {\n 127.0.0.7 a.example.org\n }\n}\n"
	oneProcess(t, corefile, func(steered) {})
	if got := kept(t, path).Verdicts; len(got) != 1 || got[0].Check != check {
		t.Errorf("kept are %v", fmt.Sprint(got))
	}
}
