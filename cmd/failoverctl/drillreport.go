package main

import (
	"slices"
	"strings"
	"time"
)

// drillReport is what came of a drill at one DNS server.
type drillReport struct {
	Server string `json:"server"`
	// Switched is whether the answer changed, and SwitchedAfter how long that took
	// from the request to the admin API on. Restored is the same of the way back.
	Switched      bool    `json:"switched"`
	SwitchedAfter float64 `json:"switched_after_seconds"`
	Restored      bool    `json:"restored"`
	RestoredAfter float64 `json:"restored_after_seconds"`
	// Asked and Unanswered count questions, and those without an answer.
	Asked      int `json:"asked"`
	Unanswered int `json:"unanswered"`
	// Meanwhile lists the answers while the primary was forced unhealthy, and
	// Problems what came in place of answers.
	Meanwhile []string `json:"meanwhile"`
	Problems  []string `json:"problems,omitempty"`
}

// reports returns what came of the drill.
func (d *drill) reports() []drillReport {
	forced, restored := d.marks()
	var reports []drillReport
	for _, r := range d.responders {
		reports = append(reports, reportOf(r, forced, restored))
	}
	return reports
}

func reportOf(r *responder, forced, restored time.Time) drillReport {
	during, after := r.between(forced, restored), r.between(restored, time.Time{})
	report := drillReport{Server: r.name, Meanwhile: []string{}}
	report.SwitchedAfter, report.Switched = settledAfter(during, forced, false)
	report.RestoredAfter, report.Restored = settledAfter(after, restored, true)
	for _, s := range slices.Concat(during, after) {
		report.Asked++
		if !s.given() {
			report.Unanswered++
			report.Problems = with(report.Problems, s.answer.problem)
		}
	}
	for _, s := range during {
		if s.given() && !s.before {
			report.Meanwhile = with(report.Meanwhile, strings.Join(s.answer.words, " "))
		}
	}
	return report
}

// settledAfter returns how long after begin the answers were of the wanted kind
// and stayed so: a policy that chooses by chance may show either before.
func settledAfter(samples []sample, begin time.Time, before bool) (seconds float64, settled bool) {
	for _, s := range slices.Backward(samples) {
		if s.given() && s.before != before {
			break
		}
		if s.given() {
			seconds, settled = s.at.Sub(begin).Seconds(), true
		}
	}
	return seconds, settled
}

// with adds a word that is not there yet.
func with(words []string, word string) []string {
	if slices.Contains(words, word) {
		return words
	}
	return append(words, word)
}
