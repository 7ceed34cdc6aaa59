package test_test

import (
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. It is far more than
// anything here takes, even on a busy machine.
const patience = 30 * time.Second

// await waits until missing returns "". Otherwise missing says what is not as
// it should be, which is what the test fails with in the end.
func await(t testing.TB, missing func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		problem := missing()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after %v: %s", patience, problem)
		}
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // it ends
	}
}
