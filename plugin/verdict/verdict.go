// Package verdict turns the results of probes into verdicts, and verdicts into
// the tier that a record keeps to. It is pure: results and instants go in,
// verdicts come out; it reads no clock and knows no network.
package verdict

// Verdict is what a run of probes adds up to. The zero value is Unknown.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota
	Healthy
	Unhealthy
)

var names = [...]string{Unknown: "unknown", Healthy: "healthy", Unhealthy: "unhealthy"}

// String returns the verdict's name.
func (v Verdict) String() string { return names[v] }

// Eligible reports whether a target with this verdict may be answered: unknown
// counts as healthy, as in Route 53, so that a start serves the primary.
func (v Verdict) Eligible() bool { return v != Unhealthy }

// Threshold is how many results in a row change a verdict, each 1 or more.
type Threshold struct {
	Fall int // to unhealthy
	Rise int // to healthy
}

// State is what a check remembers of its results. The zero value is that of a
// check that has none.
type State struct {
	Verdict Verdict
	// Run is how many results in a row speak against Verdict: failures while
	// it is unknown or healthy, successes while it is unhealthy.
	Run uint16
}

// After returns the state that follows s when the next result comes in.
//
//	            healthy                            Fall failures in a row
//	Unknown --------------> Healthy    Unknown  ---------------------------> Unhealthy
//	        at once                    Healthy  --------------------------->
//	Unhealthy ------------> Healthy
//	        Rise in a row
//
// A result that agrees with the verdict ends the run against it. The first
// success decides an unknown verdict, since a start must serve; a first failure
// only counts, since a pod's network is often not there for the first second.
func (s State) After(healthy bool, t Threshold) State {
	if healthy == (s.Verdict == Healthy) && s.Verdict != Unknown {
		return State{Verdict: s.Verdict}
	}
	to, need := Unhealthy, t.Fall
	if healthy {
		to, need = Healthy, t.Rise
	}
	if s.Verdict == Unknown && healthy {
		need = 1
	}
	if int(s.Run)+1 >= need {
		return State{Verdict: to}
	}
	return State{Verdict: s.Verdict, Run: s.Run + 1}
}

// Left returns how many results in a row it takes at least until the verdict
// changes, 1 or more.
func (s State) Left(t Threshold) int {
	switch s.Verdict {
	case Healthy:
		return max(1, t.Fall-int(s.Run))
	case Unhealthy:
		return max(1, t.Rise-int(s.Run))
	default:
		return 1 // a success
	}
}

// Pace says how soon a check is probed again.
type Pace uint8

// The paces.
const (
	Steady Pace = iota // the verdict is settled
	Fast               // results are under way that could change the verdict
	Down               // the verdict is settled, and unhealthy
)

// Pace returns the pace of a check in state s.
func (s State) Pace() Pace {
	switch {
	case s.Run > 0:
		return Fast
	case s.Verdict == Unhealthy:
		return Down
	default:
		return Steady
	}
}

// Require returns the verdict of a target n of whose checks must be healthy,
// when checks have the verdicts given: unhealthy where the unknown ones could
// not save it, healthy where they are not needed.
func Require(n int, checks ...Verdict) Verdict {
	var healthy, unknown int
	for _, v := range checks {
		switch v {
		case Healthy:
			healthy++
		case Unknown:
			unknown++
		}
	}
	switch {
	case healthy >= n:
		return Healthy
	case healthy+unknown < n:
		return Unhealthy
	default:
		return Unknown
	}
}
