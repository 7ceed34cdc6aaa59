package failover

import (
	"runtime"
	"testing"
	"unsafe"
	"weak"

	"github.com/coredns-failover/failover/internal/eventually"
	"github.com/coredns-failover/failover/plugin/policy"
)

const lineOfCache = 64

// What a query reads of a record lies on as few lines of the processor's cache as it
// can.
func TestARecordLiesOnLinesOfTheCache(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("it is laid out for processors of 64 bits")
	}
	var r record
	for part, at := range map[string]uintptr{
		"first": unsafe.Offsetof(r.first), "name": unsafe.Offsetof(r.name), "second": unsafe.Offsetof(r.second),
		"": unsafe.Sizeof(r),
	} {
		want := map[string]uintptr{"first": 1, "name": 2, "second": 3, "": 4}[part] * lineOfCache
		if at != want {
			t.Errorf("%q begins at %d", part, at)
		}
	}
}

// The answers of records that a reload puts in each other's place are added up, while
// both count and afterwards, whichever has more tiers.
func TestAnswersOfASuccessionAddUp(t *testing.T) {
	const one = "failover www.example.org {\n primary 192.0.2.1\n check none\n}"
	const three = "failover www.example.org {\n primary 192.0.2.1\n secondary 192.0.2.2\n tier 3 192.0.2.3\n check none\n}"
	first, second, third := theRecord(t, three), theRecord(t, one), theRecord(t, three)
	counts := func(r *record, tier int, n uint64) { r.counter(tier).Add(n) }
	want := func(r *record, want ...uint64) {
		t.Helper()
		for tier, want := range want {
			if got := r.answered(tier); got != want {
				t.Errorf("tier %d has answered %d times, want %d", tier, got, want)
			}
		}
	}
	counts(first, 1, 1)
	counts(first, 3, 10)
	want(first, 0, 1, 0, 10)
	second.inherit(first)
	counts(first, 1, 100)
	counts(second, 1, 1000)
	want(first, 0, 1101, 0, 10)
	want(second, 0, 1101)
	failed := theRecord(t, three) // its configuration does not start
	failed.inherit(first)
	failed.stop()
	want(first, 0, 1101, 0, 10)
	first.stop()
	first.stop()
	want(second, 0, 1101)
	third.inherit(second)
	second.stop()
	counts(third, 3, 10)
	want(third, 0, 1101, 0, 20)
}

func theRecord(t *testing.T, block string) *record { return handlerOf(t, block).records[0] }

// A reload keeps nothing of what it replaces.
func TestReloadForgetsTheRecordsBefore(t *testing.T) {
	dead := deadPort(t)
	r := run(t, block(dead))
	before := weak.Make(healthcheck.serving().handlers[0].records[0])
	for range 2 { // caddy keeps one instance that has ended
		if err := r.reload(block(dead)); err != nil {
			t.Fatal(err)
		}
	}
	eventually.True(t, "an end of the record before", func() bool {
		runtime.GC()
		return before.Value() == nil
	})
}

// A change of health that changes nothing for questions leaves the answer as it is.
func TestAnswerStaysWhileItSaysTheSame(t *testing.T) {
	r := run(t, "example.org:0 {\n bind 127.0.0.1\n failover www.example.org {\n primary 127.0.0.1 {\n check tcp "+
		listener(t)+"\n }\n secondary 127.0.0.2 {\n check tcp "+deadPort(t)+" {\n interval 1s\n fast_interval 100ms\n }\n }\n }\n}\n")
	rec := healthcheck.serving().handlers[0].records[0]
	healthy := func(tier int) string { return rec.tier(tier)[0].verdict().String() }
	r.await("verdicts", func() bool { return healthy(1) == "healthy" && healthy(2) == "unhealthy" })
	if a := rec.answers[policy.IPv4].Load(); a != &rec.first {
		t.Errorf("the answer is %+v, and not the first any more", a.Decision)
	}
}
