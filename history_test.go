package failover

import (
	"fmt"
	"testing"

	"github.com/coredns-failover/failover/plugin/status"
)

// A record remembers its last transitions, the newest first.
func TestPastRemembersTheLast(t *testing.T) {
	p := new(past)
	if all := p.newest(); all == nil || len(all) != 0 {
		t.Errorf("the past is %v before anything happened", all)
	}
	for i := range 3*mostPast + 7 {
		p.add(status.Transition{Reason: fmt.Sprint(i)})
		all := p.newest()
		if want := min(i+1, mostPast); len(all) != want {
			t.Fatalf("%d of %d are remembered, want %d", len(all), i+1, want)
		}
		for back, one := range all {
			if want := fmt.Sprint(i - back); one.Reason != want {
				t.Fatalf("%d back from %d there is %s, want %s", back, i, one.Reason, want)
			}
		}
	}
}
