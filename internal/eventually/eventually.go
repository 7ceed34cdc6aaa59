// Package eventually is for tests that wait for what happens elsewhere.
package eventually

import (
	"testing"
	"time"
)

// patience is far more than anything here takes, even on a busy machine.
const patience = 20 * time.Second

// True waits until something has happened. A test in which it does not within 20
// seconds fails.
func True(t testing.TB, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(time.Millisecond) { //nolint:forbidigo // it ends
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Grows waits until a count that grows has reached enough, however long that takes. A
// test in which it does not grow for 20 seconds fails.
func Grows(t testing.TB, what string, enough int64, count func() int64) {
	t.Helper()
	for n := count(); n < enough; n = count() {
		True(t, what, func() bool { return count() > n })
	}
}
