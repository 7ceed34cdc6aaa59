package admin

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The geometry of a sparkline: a bar for each probe, right-aligned so that the
// last one is always at the same place.
const (
	sparkBars   = 24
	sparkStep   = 4 // from bar to bar
	sparkBar    = 3 // the width of a bar
	sparkHeight = 20
	sparkLeast  = 2 // the height of the quickest probe
	sparkCross  = 6 // the height of a failed one
)

// spark is a row of bars: how long the last probes took. A failed probe is a
// cross and not a bar, so that its shape tells it.
type spark struct {
	Width, Height int
	Bars, Crosses string // paths
	Label         string // the same in words
}

// newSpark draws the durations of probes, oldest first; those that failed are
// negative.
func newSpark(recent []float64) spark {
	recent = recent[max(0, len(recent)-sparkBars):]
	s := spark{Width: sparkBars * sparkStep, Height: sparkHeight}
	var good []float64
	for _, took := range recent {
		if !math.Signbit(took) {
			good = append(good, took)
		}
	}
	slices.Sort(good)
	s.setWords(len(recent), good)

	var bars, crosses strings.Builder
	x := (sparkBars - len(recent)) * sparkStep
	for _, took := range recent {
		if math.Signbit(took) {
			w, h := sparkBar, sparkCross
			fmt.Fprintf(&crosses, "M%d %dl%d %dm0 -%dl-%d %d", x, sparkHeight-h-1, w, h, h, w, h)
		} else {
			h := barHeight(took, good[len(good)-1])
			fmt.Fprintf(&bars, "M%d %dh%dv%dh-%dz", x, sparkHeight-h, sparkBar, h, sparkBar)
		}
		x += sparkStep
	}
	s.Bars, s.Crosses = bars.String(), crosses.String()
	return s
}

// barHeight is in proportion to the slowest probe.
func barHeight(took, most float64) int {
	if most <= 0 {
		return sparkLeast
	}
	return sparkLeast + int(math.Round((sparkHeight-sparkLeast)*took/most))
}

func (s *spark) setWords(probes int, good []float64) {
	failed := probes - len(good)
	s.Label = fmt.Sprintf("last %d probes", probes)
	switch {
	case failed == probes:
		s.Label += ", all failed"
		return
	case failed > 0:
		s.Label += fmt.Sprintf(", %d failed", failed)
	default:
		s.Label += ", none failed"
	}
	s.Label += fmt.Sprintf("; %s to %s, typically %s",
		took(good[0]), took(good[len(good)-1]), took(good[len(good)/2]))
}
