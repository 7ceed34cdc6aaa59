package rig

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Figures are what one measurement of one program says, by what they are called.
type Figures map[string]float64

// Alternate measures each of the subjects in turn, and then again, for so many
// rounds: what the machine does besides meets them all alike. It returns the
// median of each figure for each subject, in their order.
func Alternate[S fmt.Stringer](
	ctx context.Context, rounds int, subjects []S, measure func(context.Context, S) (Figures, error),
) ([]Figures, error) {
	samples := make([]map[string][]float64, len(subjects))
	for round := range rounds {
		for i, subject := range subjects {
			figures, err := measure(ctx, subject)
			if err != nil {
				return nil, fmt.Errorf("round %d of %s: %w", round+1, subject, err)
			}
			if samples[i] == nil {
				samples[i] = make(map[string][]float64)
			}
			for name, figure := range figures {
				samples[i][name] = append(samples[i][name], figure)
			}
		}
	}
	medians := make([]Figures, len(subjects))
	for i := range subjects {
		medians[i] = make(Figures)
		for name, of := range samples[i] {
			medians[i][name] = Median(of)
		}
	}
	return medians, nil
}

// Median returns the middle of the samples: half of them are at most as large.
func Median(samples []float64) float64 { return Percentile(samples, 50) }

// Percentile returns the smallest of the samples that p percent of them do not
// exceed (the nearest rank), and 0 of none.
func Percentile(samples []float64, p float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(p/100*float64(len(sorted)) + 0.999999) // rounded up, but not what is no fraction
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Pause waits, or returns the reason why ctx has ended.
func Pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
