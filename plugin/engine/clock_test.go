package engine

import (
	"testing"
	"time"
)

// What is told of an instant comes back as the same, however far the clock was set.
func TestClockTakesBackWhatItTold(t *testing.T) {
	c := clock{time.Now()}
	for _, shift := range []time.Duration{0, time.Hour, -time.Hour} {
		for _, instant := range []time.Duration{-time.Hour, 0, 1, time.Minute} {
			told := c.told(instant, shift)
			if want := c.began.Add(instant + shift); !told.Equal(want) {
				t.Errorf("with a shift of %v, %v is told as %v, want %v", shift, instant, told, want)
			}
			if got := c.instant(told, shift); got != instant {
				t.Errorf("with a shift of %v, %v is told as %v and comes back as %v", shift, instant, told, got)
			}
		}
		if told := c.told(never, shift); !told.IsZero() || c.instant(told, shift) != never {
			t.Errorf("with a shift of %v, never is told as %v", shift, told)
		}
	}
	if shift := c.shift(time.Now()); shift != 0 {
		t.Errorf("nobody sets the clock, and it is shifted by %v", shift)
	}
}
