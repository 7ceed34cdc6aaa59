package engine

import (
	"math"
	"time"
)

// clock counts from when the engine began: there are tens of thousands of checks, and a
// time.Time is three times as large as an instant.
type clock struct {
	began time.Time // read-only
}

// never is the instant of what has not happened.
const never = time.Duration(math.MinInt64)

// now is how long the engine has been there.
func (c clock) now() time.Duration { return time.Since(c.began) }

// since is the instant of a time that was read from the clock of this machine.
func (c clock) since(t time.Time) time.Duration { return t.Sub(c.began) }

// shift is how far the clock has been set since the engine began: it may have been wrong
// when the machine booted. A machine that was suspended looks the same. It is rounded,
// because the clock is never read at the same moment as the monotonic one.
func (c clock) shift(now time.Time) time.Duration {
	return (now.Round(0).Sub(c.began.Round(0)) - c.since(now)).Round(10 * time.Millisecond)
}

// told is the time of an instant, by the clock with that shift.
func (c clock) told(instant, shift time.Duration) time.Time {
	if instant == never {
		return time.Time{}
	}
	return c.began.Round(0).Add(instant + shift)
}

// instant is the instant of a time that was told; the zero time is never.
func (c clock) instant(told time.Time, shift time.Duration) time.Duration {
	if told.IsZero() {
		return never
	}
	return told.Round(0).Sub(c.began.Round(0)) - shift
}
