package corefile

import "github.com/coredns-failover/failover/plugin/model"

// loops looks for aliases that lead back to themselves through records of the
// server block. It works on directives: all names of one have the same aliases.
type loops struct {
	named  map[string]*record
	exists map[string]bool // every name of a record, what is above one, and every zone
	state  map[*record]visit
}

// visit says how far a record has been followed.
type visit uint8

const (
	onPath visit = iota + 1
	done
)

// refuseLoops finds the first alias that leads back to itself.
func (s *serverBlock) refuseLoops() error {
	l := loops{named: s.named, exists: map[string]bool{}, state: map[*record]visit{}}
	for name := range s.named {
		for ; name != "" && !l.exists[name]; name = parent(name) {
			l.exists[name] = true
		}
	}
	for _, zone := range s.zones {
		l.exists[zone] = true
	}
	for _, r := range s.records {
		if err := l.follow(r); err != nil {
			return err
		}
	}
	return nil
}

// follow goes where the record's aliases lead. It recurses at most once for
// each directive.
func (l *loops) follow(r *record) error {
	if l.state[r] == done {
		return nil
	}
	l.state[r] = onPath
	for _, t := range r.targets() {
		next := l.find(t)
		if next == nil {
			continue
		}
		if l.state[next] == onPath {
			return about(r.head, leadsBack(t, next == r))
		}
		if err := l.follow(next); err != nil {
			return err
		}
	}
	l.state[r] = done
	return nil
}

// find returns the record that answers for the target, or nil: the exact name,
// or the wildcard below the closest name that exists (RFC 4592, 3.3.1).
func (l *loops) find(t *target) *record {
	if t.answer.Kind != model.Alias {
		return nil
	}
	name := t.answer.Name
	if r := l.named[name]; r != nil || l.exists[name] {
		return r
	}
	for !l.exists[name] && name != "" {
		name = parent(name)
	}
	if name == "." {
		return l.named["*."]
	}
	return l.named["*."+name]
}

func leadsBack(t *target, itself bool) error {
	word := t.line.words[0]
	if itself {
		return at(word, `alias %s leads back to this record; for what the next plugins say, write "next"`,
			quoted(t.answer.Text))
	}
	return at(word, "alias %s leads back to this record through its own aliases", quoted(t.answer.Text))
}
