package admin

import (
	"cmp"
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// pageWords are what the templates say things with.
var pageWords = template.FuncMap{
	"age":        age,
	"checks":     newChecksView,
	"clock":      clock,
	"count":      count,
	"iso":        func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"utc":        func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
	"forcedMark": forcedMark,
	"join":       strings.Join,
	"first":      first,
	"link":       linkToOne,
	"lower":      strings.ToLower,
	"marks":      marks,
	"mark":       mark,
	"before":     before,
	"probed":     probed,
	"seconds":    seconds,
	"sentence":   sentence,
	"short":      short,
	"spark":      newSpark,
	"state":      stateWords,
	"tierName":   tierName,
	"took":       took,
	"when":       func(at, now time.Time) when { return when{at, now} },
	"withNow":    func(it any, now time.Time) withNow { return withNow{it, now} },
}

// when is a time as seen from now.
type when struct{ At, Now time.Time }

// withNow is something to be shown whose times are seen from now.
type withNow struct {
	It  any
	Now time.Time
}

// age says how long ago a time is, or in how long, as page.js does.
func age(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return "in " + length(-d)
	}
	return length(d)
}

func length(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	}
}

// clock is the time of the day, or the day where that is another one.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("Jan 2 15:04")
}

// count writes a number with its thousands apart.
func count(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// took writes how long a probe took.
func took(s float64) string {
	switch {
	case s < 0.0095:
		return strconv.FormatFloat(s*1000, 'f', 1, 64) + " ms"
	case s < 1:
		return strconv.FormatFloat(s*1000, 'f', 0, 64) + " ms"
	default:
		return strconv.FormatFloat(s, 'f', 1, 64) + " s"
	}
}

// seconds writes a duration of the Corefile.
func seconds(s float64) string { return time.Duration(s * float64(time.Second)).String() }

// short cuts a hash to what tells two apart.
func short(hash string) string {
	const enough = 8
	if len(hash) <= enough {
		return hash
	}
	return hash[:enough]
}

// some is the begin of a list, and how many are left out.
type some struct {
	Of   []string
	More int
}

func first(all []string) some {
	n := min(answersShown, len(all))
	return some{all[:n], len(all) - n}
}

// stateWords are the words for a state that a record is in.
func stateWords(state string) string {
	switch state {
	case "":
		return "All"
	case "normal":
		return "Normal"
	case "failed_over":
		return "Failed over"
	case "fail_open":
		return "Fail open"
	case "fail_closed":
		return "Fail closed"
	case "fail_next":
		return "Fail next"
	case "forced":
		return "Forced"
	default:
		return strings.ReplaceAll(state, "_", " ")
	}
}

func tierName(tier int) string {
	switch tier {
	case 1:
		return "primary"
	case 2:
		return "secondary"
	default:
		return ""
	}
}

// probed is what a check is to those who look for its verdict.
func probed(c status.Check) string {
	switch {
	case c.Broken:
		return "broken"
	case !c.Probed:
		return "not probed"
	default:
		return c.Verdict
	}
}

// mark is the symbol for a target: what an operator has decided comes before
// what probes have found.
func mark(t status.Target) string {
	switch {
	case t.Drained:
		return status.ForcedDrained
	case t.Force != nil:
		return forcedMark(t.Force.State)
	default:
		return t.Verdict
	}
}

func forcedMark(state string) string {
	if state == status.ForcedDrained {
		return state
	}
	return "forced " + state
}

// tierMarks are the symbols of a tier in a row.
type tierMarks struct {
	Tier   int
	Active bool
	Marks  []string
	More   int
}

// checksView are the checks of an address. Where there is only one, its verdict
// has been said before.
type checksView struct {
	All  []status.Check
	Said string
	Now  time.Time
}

func newChecksView(all []status.Check, verdict string, now time.Time) checksView {
	if len(all) > 1 {
		verdict = ""
	}
	return checksView{all, verdict, now}
}

// marks sums up the tiers of a record in a row of symbols.
func marks(tiers []status.Tier) []tierMarks {
	const atMost = 8
	all := make([]tierMarks, len(tiers))
	for i, t := range tiers {
		m := tierMarks{Tier: t.Tier, Active: len(t.Active) > 0}
		for _, target := range t.Targets[:min(atMost, len(t.Targets))] {
			m.Marks = append(m.Marks, mark(target))
		}
		m.More = len(t.Targets) - len(m.Marks)
		all[i] = m
	}
	return all
}

// sentence says a transition in words, as page.js does.
func sentence(t status.Transition) string {
	switch t.Kind {
	case status.RecordChanged:
		return strings.TrimPrefix(t.Family+" "+change(t.To), "any ")
	case status.TargetChanged:
		return "target " + t.Target + " is " + t.To
	default:
		return steered(t)
	}
}

var tierNumber = regexp.MustCompile(`tier [1-9]\d*`)

// change says what became of a record: "failed_over, tier 2" is the form of To.
func change(to string) string {
	state, _, _ := strings.Cut(to, ", ")
	tier := cmp.Or(tierNumber.FindString(to), "no tier")
	switch state {
	case "normal":
		return "is normal on " + tier
	case "failed_over":
		return "failed over to " + tier
	case "fail_open":
		return "fails open on " + tier
	case "fail_closed":
		return "fails closed"
	case "fail_next":
		return "is left to the next plugin"
	default:
		return "is " + before(to)
	}
}

// before says which state a transition left.
func before(from string) string {
	return strings.TrimSuffix(strings.ReplaceAll(from, "_", " "), " answers")
}

func steered(t status.Transition) string {
	who := "the record"
	if t.Target != "" {
		who = "target " + t.Target
	}
	if t.To == "" {
		return who + " is no longer " + forcedMark(t.From)
	}
	return who + " is " + forcedMark(t.To)
}
