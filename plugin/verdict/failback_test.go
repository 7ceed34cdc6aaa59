package verdict_test

import (
	"slices"
	"testing"
	"time"

	. "github.com/coredns-failover/failover/plugin/verdict"
)

// tiers reads one letter per tier: "e" eligible, "-" not; in capitals, or "?"
// for not, those that have never had a verdict.
func tiers(letters string) []Tier {
	var ts []Tier
	for _, l := range letters {
		ts = append(ts, Tier{Eligible: l == 'e' || l == 'E', Decided: l == 'e' || l == '-'})
	}
	return ts
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// moment is one question to a hold, and its answer.
type moment struct {
	second int
	tiers  string
	tier   int // held
	wake   int // in seconds; 0 is never
}

func TestNext(t *testing.T) {
	auto, manual := Failback{}, Failback{Manual: true, After: time.Second}
	after := Failback{After: 60 * time.Second}
	tests := []struct {
		name    string
		f       Failback
		moments []moment
	}{
		{"nothing is eligible", after, []moment{{0, "--", 0, 0}, {99, "--", 0, 0}}},
		{"no tier at all", after, []moment{{0, "", 0, 0}}},
		{"auto goes back at once", auto, []moment{{0, "ee", 1, 0}, {1, "-e", 2, 0}, {2, "ee", 1, 0}}},
		{"after waits from the instant of recovery", after, []moment{
			{0, "ee", 1, 0}, {1, "-e", 2, 0}, {10, "ee", 2, 70}, {30, "ee", 2, 70}, {69, "ee", 2, 70}, {70, "ee", 1, 0},
		}},
		{"a break starts the wait anew", after, []moment{
			{0, "-e", 2, 0}, {10, "ee", 2, 70}, {40, "-e", 2, 0}, {50, "ee", 2, 110}, {109, "ee", 2, 110}, {110, "ee", 1, 0},
		}},
		{"failing over does not wait", after, []moment{{0, "-e", 2, 0}, {10, "ee", 2, 70}, {11, "e-", 1, 0}, {12, "ee", 1, 0}}},
		{"from the held tier to one below it", after, []moment{{0, "-ee", 2, 0}, {1, "--e", 3, 0}, {2, "-ee", 3, 62}, {62, "-ee", 2, 0}}},
		{"the search starts from the top", after, []moment{{0, "--e", 3, 0}, {1, "-ee", 3, 61}, {5, "ee-", 1, 0}}},
		{"nothing eligible ends the hold", after, []moment{{0, "-e", 2, 0}, {1, "ee", 2, 61}, {2, "--", 0, 0}, {3, "ee", 1, 0}}},
		{"the first to be ripe, then the better one", after, []moment{
			{0, "--e", 3, 0}, {10, "-ee", 3, 70}, {20, "eee", 3, 70}, {70, "eee", 2, 80}, {80, "eee", 1, 0},
		}},
		{"the better one first if both are ripe", after, []moment{
			{0, "--e", 3, 0}, {10, "-ee", 3, 70}, {20, "eee", 3, 70}, {90, "eee", 1, 0},
		}},
		{"manual stays", manual, []moment{{0, "ee", 1, 0}, {1, "-e", 2, 0}, {2, "ee", 2, 0}, {9999, "ee", 2, 0}, {10000, "e-", 1, 0}}},
		{"no hold before better tiers have had a verdict", manual, []moment{
			{0, "?e", 0, 0}, {1, "Ee", 1, 0}, {2, "ee", 1, 0}, {3, "-e", 2, 0}, {4, "ee", 2, 0},
		}},
		{"none either if the first verdict is an eligible one", after, []moment{{0, "?e", 0, 0}, {1, "ee", 1, 0}}},
		{"undecided tiers below do not matter", after, []moment{{0, "-e?", 2, 0}, {1, "ee?", 2, 61}}},
		{"a hold is gone when a better tier is undecided", manual, []moment{{0, "-e", 2, 0}, {1, "Ee", 1, 0}}},
		{"part of the better tiers undecided", manual, []moment{
			{0, "--e", 3, 0}, {1, "-Ee", 2, 0}, {2, "?-e", 0, 0}, {3, "--e", 3, 0},
		}},
	}
	for _, tt := range tests {
		var h Hold
		for _, m := range tt.moments {
			var wake time.Time
			h, wake = h.Next(at(m.second), tt.f, tiers(m.tiers))
			want := time.Time{}
			if m.wake > 0 {
				want = at(m.wake)
			}
			if h.Tier != m.tier || !wake.Equal(want) || h.Start() != max(1, m.tier) {
				t.Errorf("%s: at %ds %q: holds %d, starts at %d, wakes at %v, want %d and %v",
					tt.name, m.second, m.tiers, h.Tier, h.Start(), wake, m.tier, want)
			}
		}
	}
}

func TestHoldAcrossReloads(t *testing.T) {
	f := Failback{After: 60 * time.Second}
	tests := []struct {
		name  string
		from  string // the tiers before, at 10s, held since 0s
		to    string // the tiers of the new configuration, at 20s
		f     Failback
		tier  int
		wakes time.Time
	}{
		{"the same", "ee", "ee", f, 2, at(70)},
		{"another duration", "ee", "ee", Failback{After: 5 * time.Second}, 1, time.Time{}},
		{"auto from now on", "ee", "ee", Failback{}, 1, time.Time{}},
		{"manual from now on", "ee", "ee", Failback{Manual: true}, 2, time.Time{}},
		{"more tiers", "ee", "eee", f, 2, at(70)},
		{"fewer tiers", "ee", "e", f, 1, time.Time{}},
		{"none left", "ee", "", f, 0, time.Time{}},
	}
	for _, tt := range tests {
		h, _ := Hold{}.Next(at(0), f, tiers("-e"))
		h, _ = h.Next(at(10), f, tiers(tt.from))
		next, wake := h.Next(at(20), tt.f, tiers(tt.to))
		if next.Tier != tt.tier || !wake.Equal(tt.wakes) {
			t.Errorf("%s: holds %d, wakes at %v, want %d and %v", tt.name, next.Tier, wake, tt.tier, tt.wakes)
		}
	}
}

// A hold handed to a new configuration goes on in the old one too until that
// ends.
func TestNextLeavesTheHoldAlone(t *testing.T) {
	f := Failback{After: 60 * time.Second}
	h, _ := Hold{}.Next(at(0), f, tiers("-e"))
	h, _ = h.Next(at(10), f, tiers("ee"))
	for _, letters := range []string{"-e", "e-", "--", "eee", "e"} {
		h.Next(at(20), f, tiers(letters))
	}
	if next, wake := h.Next(at(30), f, tiers("ee")); next.Tier != 2 || !wake.Equal(at(70)) {
		t.Errorf("holds %d, wakes at %v", next.Tier, wake)
	}
}

func TestBack(t *testing.T) {
	tests := []struct {
		held  int
		tiers string
		to    int
		tier  int
		ok    bool
	}{
		{2, "ee", 0, 1, true},
		{3, "-ee", 0, 2, true},
		{3, "eee", 2, 2, true},
		{3, "e-e", 2, 3, false}, // not eligible
		{2, "eee", 3, 2, false}, // not better
		{2, "eee", 2, 2, false},
		{2, "-e", 0, 2, false},
		{2, "--", 0, 2, false},
		{0, "ee", 0, 0, false}, // nothing is held
	}
	for _, tt := range tests {
		next, ok := Hold{Tier: tt.held}.Back(tt.to, tiers(tt.tiers))
		if next.Tier != tt.tier || ok != tt.ok {
			t.Errorf("%+v: holds %d, %v", tt, next.Tier, ok)
		}
	}
}

func TestZeroHoldStartsAtTheTop(t *testing.T) {
	if got := (Hold{}).Start(); got != 1 {
		t.Errorf("starts at %d", got)
	}
}

func TestSmooth(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		samples []time.Duration
		want    time.Duration
	}{
		{nil, 0},
		{[]time.Duration{0}, 0},
		{[]time.Duration{8 * ms}, 8 * ms},
		{[]time.Duration{8 * ms, 0, -ms}, 8 * ms},
		{[]time.Duration{8 * ms, 16 * ms}, 10 * ms},
		{[]time.Duration{8 * ms, 4 * ms}, 7 * ms},
		{append([]time.Duration{0}, slices.Repeat([]time.Duration{5 * ms}, 9)...), 5 * ms},
		{slices.Repeat([]time.Duration{1}, 9), 1},
	}
	for _, tt := range tests {
		var got time.Duration
		for _, s := range tt.samples {
			got = Smooth(got, s)
		}
		if got != tt.want {
			t.Errorf("%v are %v, want %v", tt.samples, got, tt.want)
		}
	}
}

// Left is the length of the shortest sequence of results after which the
// verdict is another.
func TestLeftIsTheShortestWay(t *testing.T) {
	for fall := 1; fall <= 4; fall++ {
		for rise := 1; rise <= 4; rise++ {
			threshold := Threshold{Fall: fall, Rise: rise}
			for _, v := range []Verdict{Unknown, Healthy, Unhealthy} {
				for run := range 6 { // more than the threshold, after a reload with a lower one
					s := State{Verdict: v, Run: uint16(run)}
					want := min(steps(s, true, threshold), steps(s, false, threshold))
					if got := s.Left(threshold); got != want {
						t.Errorf("%+v with %+v: %d left, want %d", s, threshold, got, want)
					}
				}
			}
		}
	}
}

func steps(s State, healthy bool, t Threshold) int {
	for n := 1; n < 10; n++ {
		next := s.After(healthy, t)
		if next.Verdict != s.Verdict {
			return n
		}
		s = next
	}
	return 10
}
