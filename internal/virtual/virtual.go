// Package virtual is for tests whose time is virtual: that of a bubble of
// testing/synctest.
package virtual

import "time"

// began is long after the time of any bubble, which begins in 2000, and before that of
// any machine.
var began = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// Sleep lets the time of a bubble pass, once all that goes on in it waits. Outside of
// one to sleep would be to hope: it panics.
func Sleep(d time.Duration) {
	if time.Now().After(began) {
		panic("slept outside of a bubble: wait for a condition, as package eventually does")
	}
	time.Sleep(d) //nolint:forbidigo // in a bubble time is virtual
}
