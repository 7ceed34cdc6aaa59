package corefile

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// property is a word that may begin a line of a block, and what the line does
// to the T that the block describes.
type property[T any] struct {
	name     string
	usage    string // the arguments, as errors show them
	min, max int    // how many of them; many for any number
	block    bool   // may open a block
	repeats  bool   // may stand more than once
	set      func(*T, line) error
}

// many is as many arguments as one likes.
const many = math.MaxInt

// given holds the line of each property of a block, the last one of those that
// repeat.
type given map[string]line

// at returns an error about a property that was given, at its line. What is
// wrong with a record or a check as a whole is always due to one: the defaults
// fit each other.
func (g given) at(property, format string, args ...any) error {
	return at(g[property].words[0], property+": "+format, args...)
}

// apply reads the lines of a block into t. A word that is not in the table is
// refused with the error that other gives for it.
func apply[T any](t *T, table []property[T], block []line, other func(word string) error) (given, error) {
	seen := make(given, len(block))
	for _, l := range block {
		p, err := find(table, l, other)
		if err != nil {
			return nil, err
		}
		if first, found := seen[p.name]; found && !p.repeats {
			return nil, at(l.words[0], "%s stands here a second time, after %s", quoted(p.name), place(first.words[0]))
		}
		seen[p.name] = l
		if err := p.apply(t, l); err != nil {
			return nil, in(l, err)
		}
	}
	return seen, nil
}

// find returns the property that the line sets.
func find[T any](table []property[T], l line, other func(word string) error) (*property[T], error) {
	for i := range table {
		if table[i].name == l.name() {
			return &table[i], nil
		}
	}
	if l.name() == "import" {
		return nil, at(l.words[0], "caddy leaves an import in the first line of a snippet as it is: "+
			"put it behind another line of the snippet, or import both snippets here")
	}
	return nil, at(l.words[0], "%v", other(l.name()))
}

// apply checks the form of the line before its words are read.
func (p *property[T]) apply(t *T, l line) error {
	if l.hasBlock && !p.block {
		return errors.New("it has no options; leave out the block")
	}
	if err := arity(p.name+" "+p.usage, p.min, p.max, l.args()); err != nil {
		return err
	}
	return p.set(t, l)
}

// arity checks the number of arguments. Usage is what the error shows.
func arity(usage string, low, high int, args []string) error {
	usage = strings.TrimSpace(usage)
	if len(args) > high {
		return fmt.Errorf("unexpected %s; write %q", quoted(args[high]), usage)
	}
	if len(args) < low {
		return fmt.Errorf("an argument is missing; write %q", usage)
	}
	return nil
}

// names returns the words of a table.
func names[T any](table []property[T]) []string {
	words := make([]string, 0, len(table))
	for _, p := range table {
		words = append(words, p.name)
	}
	return words
}

// flag is a property without arguments: it sets the bool that field points to.
func flag[T any](name string, field func(*T) *bool) property[T] {
	return property[T]{name: name, set: func(t *T, _ line) error {
		*field(t) = true
		return nil
	}}
}
