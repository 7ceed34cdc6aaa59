package corefile

import (
	"net/netip"
	"slices"
	"strings"
)

// refusals are the words that the grammar has and this version does not do
// yet. Each looks at a line that begins with the word, and says what of it is
// not done, or "". They hold in blocks of any kind, since no word of the
// grammar means two things. To let a word through, delete its line.
var refusals = map[string]func(line) string{
	"primary":                firstAlias,
	"secondary":              firstAlias,
	"tier":                   firstAlias,
	"check":                  among("tls", "grpc", "dns", "icmp", "heartbeat"),
	"policy":                 among("weighted", "sticky", "clients", "nearest", "fastest"),
	"failback":               among("after", "manual"),
	"types":                  firstOtherType,
	"ttl":                    minimum,
	"trickle":                wholly,
	"probe":                  wholly,
	"evaluate_target_health": wholly,
	"cname":                  wholly,
	"weight":                 wholly,
	"clients":                wholly,
	"location":               wholly,
	"watch":                  wholly,
	"guard":                  wholly,
	"resolver":               wholly,
	"stale":                  wholly,
	"status_to":              wholly,
	"admin":                  wholly,
	"state_file":             wholly,
	"notify":                 wholly,
}

// notYet refuses what is right but not done yet. It comes last, so that what is
// wrong is found all the same.
func notYet(directives []line) error {
	for _, d := range directives {
		if err := refuse(d.block); err != nil {
			return about(d, err)
		}
	}
	return nil
}

func refuse(block []line) error {
	for _, l := range block {
		if refused, found := refusals[l.name()]; found {
			if what := refused(l); what != "" {
				return at(l.words[0], "%s is not supported yet", what)
			}
		}
		if err := refuse(l.block); err != nil {
			return err
		}
	}
	return nil
}

// wholly refuses the word whatever stands behind it.
func wholly(l line) string { return quoted(l.name()) }

// among returns a function that refuses a first argument of these.
func among(words ...string) func(line) string {
	return func(l line) string {
		if slices.Contains(words, l.arg(0)) {
			return l.name() + " " + quoted(l.arg(0))
		}
		return ""
	}
}

// firstAlias refuses targets that are no address.
func firstAlias(l line) string {
	targets := l.args()
	if l.name() == "tier" {
		targets = targets[1:]
	}
	for _, word := range targets {
		if _, err := netip.ParseAddr(word); err != nil {
			return "target " + quoted(word)
		}
	}
	return ""
}

// firstOtherType refuses types that are not those of addresses.
func firstOtherType(l line) string {
	for _, word := range l.args() {
		if upper := strings.ToUpper(word); upper != "A" && upper != "AAAA" {
			return "type " + quoted(word)
		}
	}
	return ""
}

// minimum refuses the MIN of a ttl.
func minimum(l line) string {
	if len(l.args()) > 1 {
		return "minimum " + quoted(l.arg(1)) + " of ttl"
	}
	return ""
}
