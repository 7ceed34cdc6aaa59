package resolve

import "slices"

// Kind says what has changed.
type Kind uint8

// The kinds of change.
const (
	Resolved Kind = iota // the name has other addresses than before
	Emptied              // it has none, by enough answers without data
	Silent               // there is no answer; addresses are kept until they expire
	Answered             // there are answers again
	Expired              // addresses are gone, since there has been no answer for so long
)

var kinds = [...]string{
	Resolved: "resolved", Emptied: "emptied", Silent: "silent", Answered: "answered", Expired: "expired",
}

// String returns the kind's name.
func (k Kind) String() string { return kinds[k] }

// Change is one change of a name's state. Where several come together, they are
// reported one by one with the same states.
type Change struct {
	Kind     Kind
	From, To State
}

// changes returns what a look-up has changed.
func changes(from, to State) []Change {
	var all []Change
	note := func(k Kind) { all = append(all, Change{k, from, to}) }
	was, is := !from.Silent().IsZero(), !to.Silent().IsZero()
	if was && !is {
		note(Answered)
	}
	switch moved := !slices.Equal(from.Addrs, to.Addrs); {
	case moved && len(to.Addrs) > 0:
		note(Resolved)
	case moved, to.Known && !from.Known:
		note(Emptied)
	}
	if is && !was {
		note(Silent)
	}
	return all
}
