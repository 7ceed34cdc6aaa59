package test_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// told is an answer as a resolver would keep it.
type told struct {
	asked time.Time
	ttl   uint32
	what  string
}

// tell asks once for www.example.org.
func (s *server) tell(t testing.TB) told {
	t.Helper()
	one := told{asked: time.Now()}
	reply := s.exchange(t, "udp", question("www.example.org", dns.TypeA))
	one.what = inWords(reply)
	if len(reply.Answer) != 1 {
		t.Fatalf("the reply is %v", reply)
	}
	one.ttl = reply.Answer[0].Header().Ttl
	return one
}

// tellUntil asks until an answer is as it should be, and returns them all.
func (s *server) tellUntil(t testing.TB, what string, right func(told) bool) (all []told) {
	t.Helper()
	await(t, func() string {
		all = append(all, s.tell(t))
		if !right(all[len(all)-1]) {
			return what
		}
		return ""
	})
	return all
}

// The TTL is long while nothing can happen soon, and shrinks when the primary
// begins to fail. What a resolver keeps is gone by the time of the switch, but
// for the shortest TTL that is allowed.
func TestPolicyTTLShrinks(t *testing.T) {
	t.Parallel()
	const shortest, longest = 1, 5
	sites := startTargets(t, 2, ok)
	s := start(t, zone(`
    failover www.example.org {
        primary {$T1}
        secondary {$T2}
        ttl 5s 1s
        check http {
            port {$TARGET_PORT}
            interval 3s
            fast_interval 1500ms
            threshold 3
        }
    }
`), sites.vars())
	s.log.await(t, 2, "unknown -> healthy")
	primary, secondary := sites[0].ip, sites[1].ip
	s.tellUntil(t, "the TTL is never 5", func(one told) bool { return one.ttl == longest })

	sites[0].behave(failing)
	down := s.tellUntil(t, "no failover", func(one told) bool { return one.what == secondary })
	mustExpire(t, down, primary, shortest, longest)
	if last := down[len(down)-2]; last.ttl != shortest {
		t.Errorf("the TTL is %d right before the failover, want %d", last.ttl, shortest)
	}
	// What recovery takes is as sure: three successes.
	sites[0].behave(ok)
	back := s.tellUntil(t, "no failback", func(one told) bool { return one.what == primary })
	mustExpire(t, back, secondary, shortest, longest)
	s.tellUntil(t, "the TTL is not 5 any more", func(one told) bool { return one.ttl == longest })
}

// mustExpire fails for each answer from before the switch, the last of all, that
// is still good at the switch.
func mustExpire(t testing.TB, all []told, before string, shortest, longest uint32) {
	t.Helper()
	switched := time.Now() // when the last answer had come
	for _, one := range all {
		expires := one.asked.Add(time.Duration(one.ttl) * time.Second)
		switch {
		case one.ttl < shortest || one.ttl > longest:
			t.Errorf("the TTL is %d, want one from %d to %d", one.ttl, shortest, longest)
		case one.what == before && one.ttl > shortest && expires.After(switched):
			t.Errorf("an answer with a TTL of %d outlives the switch by %v", one.ttl, expires.Sub(switched))
		}
	}
}

// Where nothing can change the TTL is the longest, and where every probe can it
// is the shortest.
func TestPolicyTTLOfRecords(t *testing.T) {
	t.Parallel()
	sites := startTargets(t, 2, ok)
	record := func(name, lines string) string {
		return "failover " + name + " {\nttl 9s 2s\nprimary {$T1}\nsecondary {$T2}\n" + lines + "}\n"
	}
	slow := "check http {\nport {$TARGET_PORT}\ninterval 60s\n}\n"
	s := start(t, zone(record("constant.example.org", "check none\n")+
		record("slow.example.org", slow)+
		record("fastest.example.org", slow+"policy fastest\n")), sites.vars())
	s.log.await(t, 4, "unknown -> healthy")
	for name, want := range map[string]uint32{"constant": 9, "slow": 9, "fastest": 2} {
		await(t, func() string { // until the next probe is known, the last one's could change it
			reply := s.exchange(t, "udp", question(name+".example.org", dns.TypeA))
			if len(reply.Answer) != 1 || reply.Answer[0].Header().Ttl != want {
				return fmt.Sprintf("%s: got %v, want a TTL of %d", name, reply.Answer, want)
			}
			return ""
		})
	}
}
