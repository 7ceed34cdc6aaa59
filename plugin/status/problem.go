package status

import "fmt"

// Reason says in which way a request can not be met.
type Reason string

// The reasons.
const (
	Invalid   Reason = "invalid"   // the request makes no sense
	NotFound  Reason = "not_found" // there is no such record, target or heartbeat
	Ambiguous Reason = "ambiguous" // a name stands for several records
	Refused   Reason = "refused"   // it would do harm; see Action.Override
)

// Problem is why a request is not met. It is an error, and its Detail is for
// people.
type Problem struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail"`
	// Candidates are the IDs that an ambiguous name may stand for.
	Candidates []string `json:"candidates,omitempty"`
}

// Problemf returns a problem.
func Problemf(r Reason, format string, args ...any) *Problem {
	return &Problem{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }
