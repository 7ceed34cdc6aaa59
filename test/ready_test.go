package test_test

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

// ready waits for the first verdict of every check, in every server block. A
// reload does not take it away, although it brings a check without a verdict.
func TestReadyAfterVerdicts(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 3, ok)
	hanging := sites[2]
	hanging.behave(silent)
	// Its first probe hangs until the target hangs up.
	const slow = `
    failover slow.example.org {
        primary {$T3}
        check http {
            port {$TARGET_PORT}
            interval 9s
            timeout 9s
            fast_interval 2s
        }
    }
`
	const another = `
example.net:{$PORT} {
    bind {$IP}
    whoami
}
`
	s := start(t, zone("ready {$READY}\n"+www+slow)+another, sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	await(t, func() string {
		if hanging.open() == 0 {
			return "the hanging target is not probed"
		}
		return ""
	})
	if s.ready(t) {
		t.Error("it is ready with a check that has no verdict")
	}
	mustAnswer(t, s, "slow.example.org", dns.TypeA, hanging.ip)

	hanging.stop()
	hanging.behave(ok)
	hanging.start(t)
	s.log.await(t, 1, "record slow.example.org", "unknown -> healthy")
	if !s.ready(t) {
		t.Error("it is not ready although every check has a verdict")
	}

	hanging.behave(silent)
	s.reload(t, zone("ready {$READY}\n"+www+slow+`
    failover new.example.org {
        primary {$T3}
        check http /new {
            port {$TARGET_PORT}
            interval 9s
            timeout 9s
        }
    }
`)+another)
	if !s.ready(t) {
		t.Error("a reload takes readiness away")
	}
}

// Where a verdict does not come, ready waits for 10 s and no longer.
func TestReadyAfterTenSeconds(t *testing.T) {
	t.Parallel()
	hanging := startTargets(t, 1, silent)
	began := time.Now()
	s := start(t, zone(`
    ready {$READY}
    failover www.example.org {
        primary {$T1}
        check http {
            port {$TARGET_PORT}
            interval 1h
            timeout 1h
        }
    }
`), hanging.vars())
	started := time.Now()
	if s.ready(t) {
		t.Error("it is ready at once")
	}
	await(t, func() string {
		if !s.ready(t) {
			return "it is not ready"
		}
		return ""
	})
	if ended := time.Now(); ended.Before(began.Add(9 * time.Second)) {
		t.Errorf("it is ready %v after the start", ended.Sub(started))
	}
	if got := s.log.transitions(); len(got) > 0 {
		t.Errorf("there is a verdict: %q", got)
	}
}
