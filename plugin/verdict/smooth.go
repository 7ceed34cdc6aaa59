package verdict

import "time"

// weight is the share of a new sample: 1/weight. A lasting change is followed
// by two thirds after four samples, while a single outlier moves the whole by a
// quarter only.
const weight = 4

// Smooth returns the exponentially weighted average of durations that is known
// as average (0: nothing yet) when the next sample comes in. A sample of 0 or
// less is none.
func Smooth(average, sample time.Duration) time.Duration {
	switch {
	case sample <= 0:
		return average
	case average == 0:
		return sample
	default:
		return average + (sample-average)/weight
	}
}
