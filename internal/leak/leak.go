// Package leak is for tests that leave no goroutine behind.
package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is far more than a goroutine takes to end, even on a busy machine; the 0.4 s
// that goleak waits for are not.
const patience = 20 * time.Second

// Find waits until there are no goroutines but those that may be there. After 20 seconds
// it says which others there are.
func Find(but ...goleak.Option) error {
	for deadline := time.Now().Add(patience); ; {
		if err := goleak.Find(but...); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// Main runs the tests of a package. It returns their exit status, which is 1 where they
// leave goroutines behind, but for those that may be there.
func Main(m *testing.M, but ...goleak.Option) int {
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := Find(but...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
