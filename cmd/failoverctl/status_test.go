package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

func TestStatus(t *testing.T) {
	f := newFake(t, "127.0.0.1:0", drained("a.example.org"), failedOver("b.example.org"), sampleRecord("c.example.org"))
	stdout, stderr, exit := run(t, []*fake{f}, "status")
	mustBe(t, "the status", stdout, `
127.0.0.1:NNNNN  dns-1, CoreDNS 1.15.0, up 1d2h, configuration 0123456789ab
  3 records: 1 normal, 2 failed_over; 1 forced state
  6 checks, 0 unknown, 0 broken; guard: passing

RECORD         STATE               FAMILY  TIER  ANSWERS                   SINCE
a.example.org  failed_over,forced  IPv4    2     192.0.2.20 192.0.2.21 +1  3m12s
b.example.org  failed_over         IPv4    2     192.0.2.20 192.0.2.21 +1  3m12s
`)
	if exit != 0 || stderr != "" {
		t.Errorf("status %d: %s", exit, stderr)
	}
}

func TestStatusOfNormalRecordsAsksOnce(t *testing.T) {
	f := newFake(t, "127.0.0.1:0", sampleRecord("a.example.org"))
	stdout, _, _ := run(t, []*fake{f}, "status")
	if !strings.HasSuffix(stdout, "\nAll records are normal.\n") {
		t.Error(stdout)
	}
	if !slices.Equal(f.asked, []string{"/v1/status"}) {
		t.Errorf("asked for %q", f.asked)
	}
}

func TestStatusFinds(t *testing.T) {
	f := newFake(t, "127.0.0.1:0", failedOver("a.example.org"), sampleRecord("b.example.org"))
	tests := map[string]string{
		"--all":                     "a.example.org b.example.org",
		"--search b.ex":             "b.example.org",
		"--state failed_over":       "a.example.org",
		"--state normal --search a": "b.example.org",
		"--search none":             "",
	}
	for flags, want := range tests {
		stdout, _, _ := run(t, []*fake{f}, append([]string{"status"}, strings.Fields(flags)...)...)
		_, table, _ := strings.Cut(stdout, "\n\n")
		var names []string
		for l := range strings.SplitSeq(table, "\n") {
			if name, _, _ := strings.Cut(l, " "); strings.HasSuffix(name, ".org") {
				names = append(names, name)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", flags, got, want)
		}
		if want == "" && !strings.Contains(stdout, "No such record.") {
			t.Error(stdout)
		}
	}
}

// Replicas that differ are told apart: one has not noticed yet, one is gone, and
// one is configured in another way.
func TestStatusOfSeveral(t *testing.T) {
	one := newFake(t, "127.0.0.1:0", failedOver("a.example.org"), failedOver("b.example.org"))
	two := newFake(t, "127.0.0.2:0", failedOver("a.example.org"), sampleRecord("b.example.org"))
	three := newFake(t, "127.0.0.3:0", failedOver("a.example.org"))
	gone := newFake(t, "127.0.0.4:0")
	gone.Close()
	three.overview.Configuration = "fedcba9876543210"

	stdout, stderr, exit := run(t, []*fake{one, two, three, gone}, "status")
	mustBe(t, "the status", stdout, `
127.0.0.1:NNNNN  dns-1, CoreDNS 1.15.0, up 1d2h, configuration 0123456789ab
  2 records: 2 failed_over
  4 checks, 0 unknown, 0 broken; guard: passing
127.0.0.2:NNNNN  dns-1, CoreDNS 1.15.0, up 1d2h, configuration 0123456789ab
  2 records: 1 normal, 1 failed_over
  4 checks, 0 unknown, 0 broken; guard: passing
127.0.0.3:NNNNN  dns-1, CoreDNS 1.15.0, up 1d2h, configuration fedcba987654
  1 record: 1 failed_over
  2 checks, 0 unknown, 0 broken; guard: passing
127.0.0.4:NNNNN  no status
! The servers are configured differently:
    0123456789ab on 127.0.0.1:NNNNN, 127.0.0.2:NNNNN
    fedcba987654 on 127.0.0.3:NNNNN

RECORD           STATE           FAMILY  TIER  ANSWERS                   SINCE  SERVER
a.example.org    failed_over     IPv4    2     192.0.2.20 192.0.2.21 +1  3m12s  all
! b.example.org  failed_over     IPv4    2     192.0.2.20 192.0.2.21 +1  3m12s  127.0.0.1:NNNNN
! b.example.org  normal          IPv4    1     192.0.2.10                2h0m   127.0.0.2:NNNNN
! b.example.org  no such record  -       -     -                         -      127.0.0.3:NNNNN
`)
	if exit != statusFailed || !strings.HasPrefix(stderr, "failoverctl: 127.0.0.4:NNNNN: dial tcp 127.0.0.4:NNNNN: connect") {
		t.Errorf("status %d: %s", exit, stderr)
	}
}

// A name with several addresses stands for a server at each.
func TestHeadlessService(t *testing.T) {
	one := newFake(t, "127.0.0.2:0", failedOver("a.example.org"))
	two := newFake(t, "127.0.0.3:"+one.port(), failedOver("a.example.org"))
	w := newWorld()
	w.resolver = addresses{"127.0.0.3", "127.0.0.2"}
	if exit := w.run(t.Context(), "drain", "a.example.org", "--reason", "x", "-s", "failover-admin.example:"+one.port()); exit != 0 {
		t.Errorf("status %d: %s", exit, w.stderr)
	}
	if len(one.actions()) != 1 || len(two.actions()) != 1 {
		t.Errorf("acted %q and %q", one.actions(), two.actions())
	}
	if out := w.stdout.String(); strings.Index(out, "127.0.0.2") > strings.Index(out, "127.0.0.3") {
		t.Errorf("servers have no order:\n%s", out)
	}
}

func TestStatusAsJSON(t *testing.T) {
	f := newFake(t, "127.0.0.1:0", failedOver("a.example.org"))
	gone := newFake(t, "127.0.0.2:0")
	gone.Close()

	stdout, _, _ := run(t, []*fake{f}, "status", "-o", "json")
	var one view
	if err := json.Unmarshal([]byte(stdout), &one); err != nil || one.Overview.Server != "dns-1" || one.Records[0].Name != "a.example.org" {
		t.Errorf("%v\n%s", err, stdout)
	}
	stdout, stderr, exit := run(t, []*fake{f, gone}, "status", "-o", "json")
	var both []replied[view]
	if err := json.Unmarshal([]byte(stdout), &both); err != nil || len(both) != 2 || both[0].Result == nil || both[1].Error == "" {
		t.Errorf("%v\n%s", err, stdout)
	}
	if exit != statusFailed || stderr == "" {
		t.Errorf("status %d: %s", exit, stderr)
	}
}

// watching runs a command until the test ends it.
func watching(t *testing.T, w *world, args ...string) (end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	exit := make(chan int, 1)
	go func() { exit <- w.run(ctx, append([]string{"status", "-w"}, args...)...) }()
	return func() int {
		cancel()
		return <-exit
	}
}

var switched = status.Transition{
	At: now, Kind: status.RecordChanged, Name: "www.example.org", Family: "IPv4",
	From: "normal, tier 1", To: "failed_over, tier 2", Reason: "refused\x1b[2J",
}

func TestWatchWithoutTerminal(t *testing.T) {
	for flags, want := range map[string]string{
		"-o table": "2026-01-02T12:00:00Z www.example.org IPv4: normal, tier 1 -> failed_over, tier 2: refused\\x1b[2J\n",
		"-o json":  `{"at":"2026-01-02T12:00:00Z","kind":"record","record":"","name":"www.example.org","family":"IPv4","from":"normal, tier 1","to":"failed_over, tier 2","reason":"refused\u001b[2J"}` + "\n",
	} {
		w, f := newWorld(), newFake(t, "127.0.0.1:0")
		end := watching(t, w, append(strings.Fields(flags), "-s", f.address())...)
		f.events <- switched
		w.stdout.await(t, "\n")
		if exit := end(); exit != 0 || w.stdout.String() != want || w.stderr.String() != "" {
			t.Errorf("status %d\n%s%s", exit, w.stdout, w.stderr)
		}
	}
}

// A server that ends its stream is asked again, and told of once.
func TestWatchGoesOn(t *testing.T) {
	f := newFake(t, "127.0.0.1:0")
	w := newWorld()
	end := watching(t, w, "-s", f.address())
	f.events <- switched
	w.stdout.await(t, "www.example.org")
	f.CloseClientConnections()
	again := switched
	again.Name = "again.example.org"
	ended := make(chan struct{})
	go func() {
		for { // what has just ended may still take one
			select {
			case f.events <- again:
			case <-ended:
				return
			}
		}
	}()
	w.stderr.await(t, "failoverctl: "+f.address())
	w.stdout.await(t, "again.example.org")
	close(ended)
	if exit := end(); exit != 0 || strings.Count(w.stderr.String(), "\n") != 1 {
		t.Errorf("status %d: %s", exit, w.stderr)
	}
}

func TestWatchOnTerminal(t *testing.T) {
	f := newFake(t, "127.0.0.1:0", sampleRecord("www.example.org"))
	w := newWorld()
	w.screen = func() (int, int, bool) { return 60, 24, true }
	end := watching(t, w, "-s", f.address())
	w.stdout.await(t, clearScreen+"127.0.0.1")
	w.stdout.await(t, "All records are normal.\n")
	f.mu.Lock()
	f.records[0] = failedOver("www.example.org")
	f.overview.Records = map[string]int{"failed_over": 1}
	f.mu.Unlock()
	f.events <- switched
	w.stdout.await(t, "www.example.org  failed_over  IPv4    2")
	if exit := end(); exit != 0 {
		t.Errorf("status %d: %s", exit, w.stderr)
	}
}

func TestFit(t *testing.T) {
	if got := fit("one\ntwo\nthree\nfour\n", 4, 4); got != "one\ntwo\n... \n" {
		t.Errorf("got %q", got)
	}
	if got := fit("one\ntwo\n", 80, 24); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

// A fleet of ten thousand records, a hundredth of which is not normal.
func fleet(b testing.TB) *fake {
	var records []status.Record
	for i := range 10_000 {
		name := fmt.Sprintf("host-%05d.example.org", i)
		if i%100 == 0 {
			records = append(records, failedOver(name))
		} else {
			records = append(records, sampleRecord(name))
		}
	}
	return newFake(b, "127.0.0.1:0", records...)
}

// The status of 10,000 records is to take less than a second.
func BenchmarkStatus(b *testing.B) {
	f := fleet(b)
	for _, flags := range [][]string{{"status"}, {"status", "--all"}} {
		b.Run(strings.Join(flags, " "), func(b *testing.B) {
			for b.Loop() {
				if _, stderr, exit := run(b, []*fake{f}, flags...); exit != 0 {
					b.Fatal(stderr)
				}
			}
		})
	}
}

func TestStatusOfManyRecordsPages(t *testing.T) {
	f := fleet(t)
	began := time.Now()
	stdout, _, _ := run(t, []*fake{f}, "status", "--all")
	if rows := strings.Count(stdout, "host-"); rows != 10_000 {
		t.Errorf("got %d rows", rows)
	}
	if len(f.asked) != 11 {
		t.Errorf("asked %d times", len(f.asked))
	}
	t.Log(time.Since(began))
}

// Replicas that listen on addresses of their own have the same records.
func TestRecordsOfReplicas(t *testing.T) {
	for _, same := range [][2]string{
		{"www.example.org@10.0.0.1:53@example.org", "www.example.org@10.0.0.2:53@example.org"},
		{"www.example.org@:53@example.org@inside", "www.example.org@[2001:db8::1]:53@example.org@inside"},
		{"www.example.org@10.0.0.1:53,10.0.1.1:53@.", "www.example.org@10.0.0.2:53@."},
		{"www.example.org@tls://10.0.0.1:853@.", "www.example.org@tls://:853@."},
	} {
		if a, b := replica(same[0]), replica(same[1]); a != b {
			t.Errorf("%s and %s are not the same: %s, %s", same[0], same[1], a, b)
		}
	}
	for _, other := range [][2]string{
		{"www.example.org@:53@example.org", "www.example.org@:5353@example.org"},
		{"www.example.org@:53@example.org", "www.example.org@:53@example.org@inside"},
		{"www.example.org@tls://:853@.", "www.example.org@:853@."},
		{"www.example.org", "api.example.org"},
	} {
		if replica(other[0]) == replica(other[1]) {
			t.Errorf("%s and %s are the same", other[0], other[1])
		}
	}
}
