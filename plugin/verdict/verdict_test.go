package verdict_test

import (
	"testing"

	. "github.com/coredns-failover/failover/plugin/verdict"
)

// run feeds results ("+" healthy, "-" not) to a check that starts at from and
// returns the verdicts after each: "?" unknown, "H" healthy, "U" unhealthy.
func run(from Verdict, results string, t Threshold) string {
	s := State{Verdict: from}
	out := ""
	for _, r := range results {
		s = s.After(r == '+', t)
		out += map[Verdict]string{Unknown: "?", Healthy: "H", Unhealthy: "U"}[s.Verdict]
	}
	return out
}

func TestAfter(t *testing.T) {
	three := Threshold{Fall: 3, Rise: 3}
	tests := []struct {
		name    string
		from    Verdict
		t       Threshold
		results string
		want    string
	}{
		{"first success decides", Unknown, three, "+", "H"},
		{"first failure only counts", Unknown, three, "---", "??U"},
		{"success after first failures", Unknown, three, "--+", "??H"},
		{"fall of one decides at once", Unknown, Threshold{Fall: 1, Rise: 1}, "-+-", "UHU"},
		{"fall in a row", Healthy, three, "---", "HHU"},
		{"flapping below the threshold", Healthy, three, "--+--+--+", "HHHHHHHHH"},
		{"rise in a row", Unhealthy, three, "+++", "UUH"},
		{"a failure ends the rise", Unhealthy, three, "++-++-+++", "UUUUUUUUH"},
		{"rise of its own", Healthy, Threshold{Fall: 2, Rise: 4}, "--++++", "HUUUUH"},
		{"agreeing results change nothing", Healthy, three, "++++", "HHHH"},
		{"agreeing failures change nothing", Unhealthy, three, "----", "UUUU"},
	}
	for _, tt := range tests {
		if got := run(tt.from, tt.results, tt.t); got != tt.want {
			t.Errorf("%s: %q gives %q, want %q", tt.name, tt.results, got, tt.want)
		}
	}
}

func TestPace(t *testing.T) {
	tests := []struct {
		state State
		want  Pace
	}{
		{State{}, Steady},
		{State{Verdict: Unknown, Run: 1}, Fast},
		{State{Verdict: Healthy}, Steady},
		{State{Verdict: Healthy, Run: 2}, Fast},
		{State{Verdict: Unhealthy}, Down},
		{State{Verdict: Unhealthy, Run: 1}, Fast},
	}
	for _, tt := range tests {
		if got := tt.state.Pace(); got != tt.want {
			t.Errorf("pace of %+v is %d, want %d", tt.state, got, tt.want)
		}
	}
}

func TestRequire(t *testing.T) {
	const u, h, n = Unknown, Healthy, Unhealthy
	tests := []struct {
		n      int
		checks []Verdict
		want   Verdict
	}{
		{0, nil, Healthy},
		{1, []Verdict{u}, Unknown},
		{1, []Verdict{h}, Healthy},
		{1, []Verdict{n}, Unhealthy},
		{2, []Verdict{h, u}, Unknown},
		{2, []Verdict{n, u}, Unhealthy},
		{1, []Verdict{n, u}, Unknown},
		{1, []Verdict{n, h}, Healthy},
		{2, []Verdict{n, u, h}, Unknown},
		{2, []Verdict{n, h, h}, Healthy},
		{2, []Verdict{n, n, h}, Unhealthy},
	}
	for _, tt := range tests {
		if got := Require(tt.n, tt.checks...); got != tt.want {
			t.Errorf("%d of %v is %v, want %v", tt.n, tt.checks, got, tt.want)
		}
	}
}

func TestZeroValueIsUnknownAndEligible(t *testing.T) {
	var v Verdict
	if v != Unknown || !v.Eligible() || v.String() != "unknown" {
		t.Errorf("the zero verdict is %v, eligible %v", v, v.Eligible())
	}
	if !Healthy.Eligible() || Unhealthy.Eligible() {
		t.Error("healthy must be eligible, unhealthy must not")
	}
}
