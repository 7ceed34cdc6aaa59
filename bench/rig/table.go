package rig

import (
	"fmt"
	"math"
	"strings"
)

// Measure is one thing that was measured of several programs in one run.
type Measure struct {
	What string
	// Show puts a figure into words, with its unit.
	Show func(float64) string
	// Figures are ours first, then those of the peers.
	Figures []Figure
	// Goal is what ours had to be, and whether it is; "" where there is none.
	Goal string
}

// Figure is what was measured of one program.
type Figure struct {
	Program string
	Value   float64
	// Ratio is ours / theirs where both were measured at once: the median of the rounds.
	// 0 is that of the values.
	Ratio float64
}

// Table is the Markdown of measures, a row for each program. Where a peer is
// better the ratio is above 1, since less is better; measures of which more is
// better say so in What.
func Table(measures []Measure) string {
	if len(measures) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| what | program | measured | ours / theirs | goal |\n|---|---|--:|--:|---|\n")
	for _, m := range measures {
		for i, f := range m.Figures {
			what, ratio, goal := m.What, "", m.Goal
			if i > 0 {
				what, ratio, goal = "", f.beside(m.Figures[0]), ""
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", what, f.Program, m.Show(f.Value), ratio, goal)
		}
	}
	return b.String()
}

func (f Figure) beside(ours Figure) string {
	if f.Ratio != 0 {
		return Ratio(f.Ratio, 1)
	}
	return Ratio(ours.Value, f.Value)
}

// Ratio is ours / theirs with two digits, or "-" where theirs is nothing.
func Ratio(ours, theirs float64) string {
	if theirs == 0 || math.IsNaN(ours) || math.IsNaN(theirs) {
		return "-"
	}
	return fmt.Sprintf("%.2f", ours/theirs)
}

// AtMost is the goal that a value is at most a limit, in words.
func AtMost(value, limit float64, inWords string) string {
	if value <= limit {
		return inWords + ": met"
	}
	return inWords + ": **missed**"
}

// AtLeast is the goal that a value is at least a limit, in words.
func AtLeast(value, limit float64, inWords string) string {
	return AtMost(-value, -limit, inWords)
}

// Microseconds shows seconds.
func Microseconds(seconds float64) string { return fmt.Sprintf("%.1f µs", seconds*1e6) }

// Milliseconds shows seconds.
func Milliseconds(seconds float64) string { return fmt.Sprintf("%.1f ms", seconds*1e3) }

// KiB shows bytes.
func KiB(bytes float64) string { return fmt.Sprintf("%.2f KiB", bytes/1024) }

// MiB shows bytes.
func MiB(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/1024/1024) }

// Percent shows a share.
func Percent(share float64) string { return fmt.Sprintf("%.3f%%", share*100) }

// Count shows a number of things.
func Count(n float64) string { return fmt.Sprintf("%.0f", n) }
