package failover

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/state"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/miekg/dns"
)

// A restart during an outage changes nothing, and has nothing to tell.
func TestRestartTellsNothingNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	corefile := "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n" + twoTiers(deadPort(t)) + "\n }\n failover {\n state_file " + file + "\n }\n}\n"
	t.Run("", func(t *testing.T) {
		r := run(t, corefile)
		r.await("the switch", func() bool { return r.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	})
	s := steered{run(t, corefile)}
	s.answers("127.0.0.2")
	s.await("a probe", func() bool { return !s.shown().Tiers[0].Targets[0].Addresses[0].Checks[0].LastProbe.IsZero() })
	for _, h := range s.shown().History {
		t.Errorf("the restart tells of %s %s %s -> %s", h.Kind, h.Target, h.From, h.To)
	}
}

// Nor does it send those back to a dead primary who ask below a wildcard.
func TestRestartKeepsWhatWasLearned(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	corefile := "example.org:0 {\n bind 127.0.0.1\n template IN A {\n answer \"{{ .Name }} 60 IN A 127.0.0.3\"\n }\n failover *.example.org {\n primary next\n secondary 127.0.0.2 {\n check none\n }\n probe 127.0.0.0/8\n check tcp " + deadPort(t) +
		" {\n interval 1s\n fast_interval 100ms\n threshold 2\n }\n }\n failover {\n state_file " + file + "\n }\n}\n"
	t.Run("", func(t *testing.T) {
		r := run(t, corefile)
		r.await("the switch", func() bool { return r.ask("www.example.org.") == "NOERROR 127.0.0.2" })
	})
	r := run(t, corefile)
	if got := r.ask("www.example.org."); got != "NOERROR 127.0.0.2" {
		b, _ := os.ReadFile(file)
		t.Errorf("after a restart it is %s\n%s", got, b)
	}
}

// A hold that is older than max_age is of no outage that goes on: with failback
// after D it has long been over. One that waits for an operator still does.
func TestAncientHolds(t *testing.T) {
	kept := state.State{Holds: []state.Hold{{Zone: "example.org.", Record: "www.example.org.", Family: "IPv4", Tier: 2}}}
	for failback, held := range map[string][2]int{ // young, old; without a memory it is 1, or 0 where nothing is held
		"failback manual": {2, 2}, "failback after 10m": {2, 1}, "failback auto": {0, 0},
	} {
		for i, age := range []time.Duration{time.Second, time.Hour} {
			r := handlerOf(t, strings.Replace(pair, "check", failback+"\n\tcheck", 1)).records[0]
			kept.Written = time.Now().Add(-age)
			newMemory(kept, time.Minute).hold(r)
			if got := r.holds.of(policy.IPv4).Tier; got != held[i] {
				t.Errorf("%s: after %v tier %d is held, want %d", failback, age, got, held[i])
			}
		}
	}
}

// A target that moves to another tier is the same: a reload has no news of it.
func TestReloadOfAMovedTargetTellsNothingOfIt(t *testing.T) {
	dead := deadPort(t)
	corefile := func(first, second string) string {
		return "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n primary " + first + "\n secondary " + second +
			"\n check tcp " + dead + " {\n interval 1s\n fast_interval 100ms\n threshold 2\n }\n }\n}\n"
	}
	s := steered{run(t, corefile("127.0.0.1", "127.0.0.2"))}
	told := func() (n int) {
		for _, h := range s.shown().History {
			if h.Kind == status.TargetChanged {
				n++
			}
		}
		return n
	}
	s.await("news of both", func() bool { return told() == 2 })
	if err := s.reload(corefile("127.0.0.2", "127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	if told() != 2 {
		t.Errorf("the reload tells of them again: %+v", s.shown().History)
	}
}

// What is held manually is held over a restart, whatever its age, also where the
// held tier is a name that must be resolved first.
func TestHoldOfANameOverARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	corefile := "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n primary 127.0.0.1\n secondary lb.example.org {\n check none\n }\n failback manual\n check tcp " + listener(t) +
		" {\n interval 1s\n fast_interval 100ms\n threshold 2\n }\n }\n failover {\n state_file " + file + " {\n max_age 1s\n }\n }\n hosts {\n 127.0.0.2 lb.example.org\n }\n}\n"
	t.Run("", func(t *testing.T) {
		s := steered{run(t, corefile)}
		s.awaitVerdict()
		s.must(status.Drain, status.Action{Target: "127.0.0.1", Override: true})
		s.await("the secondary", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.0.2" })
		s.must(status.Clear, status.Action{Target: "127.0.0.1"})
		s.answers("127.0.0.2")
	})
	ended := time.Now()
	eventually.True(t, "max_age to pass", func() bool { return time.Since(ended) > 1100*time.Millisecond })
	s := steered{run(t, corefile)}
	s.await("the alias", func() bool { return s.shown().Tiers[1].Targets[0].Verdict == "healthy" })
	s.answers("127.0.0.2")
}

// Until it is known what the held tier stands for, questions wait for that: what a
// better tier has is not the answer.
func TestHeldNameIsWaitedFor(t *testing.T) {
	kept := state.State{Written: time.Now(), Holds: []state.Hold{{Zone: "example.org.", Record: "www.example.org.", Family: "IPv4", Tier: 2}}}
	r := handlerOf(t, "failover www.example.org {\n primary 192.0.2.1\n secondary lb.example.org\n"+
		" failback manual\n check tcp 9\n}").records[0]
	newMemory(kept, time.Minute).hold(r)
	update(r)
	if a := r.answers[policy.IPv4].Load(); !a.unresolved {
		t.Errorf("questions are answered with tier %d at once", a.Tier)
	}
}

// Nothing that is older than a second is lost by a process that is killed: nor
// what a name has come to stand for.
func TestStateOfANameThatChanges(t *testing.T) {
	var last atomic.Int32
	last.Store(2)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	upstream := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		if r.Question[0].Qtype == dns.TypeA {
			rr, _ := dns.NewRR(fmt.Sprintf("%s 1 IN A 127.0.1.%d", r.Question[0].Name, last.Load()))
			m.Answer = append(m.Answer, rr)
		}
		w.WriteMsg(m)
	})}
	go upstream.ActivateAndServe()
	t.Cleanup(func() { upstream.Shutdown() })
	file := filepath.Join(t.TempDir(), "state")
	s := steered{run(t, "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n primary lb.example.net\n secondary 127.0.0.2\n ttl 1s\n check tcp 9 {\n interval 24h\n fast_interval 24h\n }\n }\n failover {\n state_file "+file+"\n }\n forward . "+conn.LocalAddr().String()+"\n}\n")}
	s.await("the name", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.1.2" })
	s.must(status.Drain, status.Action{Target: "127.0.0.2"}) // has it written
	has := func(addr string) func() bool {
		return func() bool { b, _ := os.ReadFile(file); return strings.Contains(string(b), addr) }
	}
	s.await("the file", has("127.0.1.2"))
	last.Store(3)
	s.await("the change", func() bool { return s.ask("www.example.org.") == "NOERROR 127.0.1.3" })
	s.await("the file", has("127.0.1.3")) // long before a minute is over, when it is written anyway
}
