package virtual_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
)

func TestSleepInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		virtual.Sleep(24 * time.Hour)
		if slept := time.Since(start); slept != 24*time.Hour {
			t.Errorf("slept %v, want a day", slept)
		}
	})
}

func TestSleepOutsideOfABubble(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it slept")
		}
	}()
	virtual.Sleep(time.Nanosecond)
}
