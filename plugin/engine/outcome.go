package engine

import (
	"errors"
	"time"
)

// Outcome is what a probe says about its target. Only Success and Failure say
// anything.
type Outcome uint8

// The outcomes.
const (
	Success Outcome = iota
	Failure
	Broken // it could not run on this machine
	Late   // this process was held up meanwhile, so nobody knows what it means
	Early  // it is too soon to tell
)

var outcomes = [...]string{Success: "success", Failure: "failure", Broken: "broken", Late: "late", Early: "early"}

// String returns the outcome's name.
func (o Outcome) String() string { return outcomes[o] }

// panicked is the error of a prober that panicked.
type panicked struct{ error }

// Broken says that a bug of ours says nothing about the target.
func (panicked) Broken() bool { return true }

func classify(err error, started, ended time.Time, timeout time.Duration) Outcome {
	var b interface{ Broken() bool }
	var e interface{ Early() bool }
	switch {
	case errors.As(err, &b) && b.Broken():
		return Broken
	case errors.As(err, &e) && e.Early():
		return Early
	case heldUp(started, ended, timeout): // first: invert makes a success of a failure
		return Late
	case err == nil:
		return Success
	default:
		return Failure
	}
}

// slack is how much later than its deadline a probe may end on a busy machine.
const slack = 100 * time.Millisecond

// heldUp reports whether this process did not run for a part of the probe: it
// ended well after its deadline (CPU throttling), or more time passed on the
// wall than on the monotonic clock, which stands still while a machine is
// suspended.
func heldUp(started, ended time.Time, timeout time.Duration) bool {
	ran := ended.Sub(started)
	passed := ended.Round(0).Sub(started.Round(0))
	return ran > timeout+timeout/10+slack || passed > ran+time.Second
}
