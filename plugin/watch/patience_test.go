package watch_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/coredns-failover/failover/plugin/watch"
)

const interval = 10 * time.Second

// probes says for n probes that succeed whether the connection of each is kept; the
// peer ends each that is after idle, and the next probe finds that out.
func probes(p *Patience, n int, idle time.Duration) string {
	kept := ""
	for range n {
		if !p.Keep() {
			kept += "."
			continue
		}
		kept += "k"
		p.Ended(idle, interval)
	}
	return kept
}

func TestPatience(t *testing.T) {
	for _, test := range []struct {
		idle time.Duration
		want string
	}{
		{time.Minute, "kkkkkkkkkkkkkkkk"},
		{interval / 3, "kkkkkkkkkkkkkkkk"},
		{interval/3 - 1, "k.k...k.......k..............."},
		{0, "k.k...k.......k..............."},
	} {
		t.Run(fmt.Sprint(test.idle), func(t *testing.T) {
			if got := probes(new(Patience), len(test.want), test.idle); got != test.want {
				t.Errorf("kept are\n%s, want\n%s", got, test.want)
			}
		})
	}
}

func TestPatienceHasAnEnd(t *testing.T) {
	p := new(Patience)
	kept := 0
	for _, k := range probes(p, 6400, 0) {
		if k == 'k' {
			kept++
		}
	}
	if kept < 95 || kept > 110 {
		t.Errorf("of 6400 connections %d are kept, want every 64th", kept)
	}
}

func TestPatienceForgets(t *testing.T) {
	p := new(Patience)
	probes(p, 100, 0)
	p.Lasted()
	if got := probes(p, 3, time.Minute); got != "kkk" {
		t.Errorf("after a connection that lasted: %s", got)
	}
}
