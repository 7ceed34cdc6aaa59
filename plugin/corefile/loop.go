package corefile

import (
	"github.com/coredns/caddy/caddyfile"

	"github.com/coredns-failover/failover/plugin/model"
)

// alias is a target that is one.
type alias struct {
	name string          // lower case and fully qualified
	text string          // as written
	line caddyfile.Token // the first word of its line
}

// aliases returns the record's.
func (r *record) aliases() []alias {
	var aliases []alias
	for _, t := range r.targets() {
		if t.answer.Kind == model.Alias {
			aliases = append(aliases, alias{t.answer.Name, t.answer.Text, t.line.words[0]})
		}
	}
	return aliases
}

// loops looks for aliases that lead back to themselves through records of the
// server block. It works on directives: all names of one have the same aliases.
type loops struct {
	named  map[string]*directive
	exists map[string]bool // every name of a record, what is above one, and every zone
	state  map[*directive]visit
}

// visit says how far a directive has been followed.
type visit uint8

const (
	onPath visit = iota + 1
	done
)

// refuseLoops finds the first alias that leads back to itself.
func (s *serverBlock) refuseLoops() error {
	if len(s.aliased) == 0 {
		return nil
	}
	l := loops{named: s.named, exists: map[string]bool{}, state: map[*directive]visit{}}
	for name := range s.named {
		for ; name != "" && !l.exists[name]; name = parent(name) {
			l.exists[name] = true
		}
	}
	for _, zone := range s.block.Zones {
		l.exists[zone] = true
	}
	for _, d := range s.aliased {
		if err := l.follow(d); err != nil {
			return err
		}
	}
	return nil
}

// follow goes where the directive's aliases lead. It recurses at most once for
// each directive.
func (l *loops) follow(d *directive) error {
	if l.state[d] == done {
		return nil
	}
	l.state[d] = onPath
	for _, a := range d.aliases {
		next := l.find(a.name)
		if next == nil {
			continue
		}
		if l.state[next] == onPath {
			return about(line{words: d.head}, leadsBack(a, next == d))
		}
		if err := l.follow(next); err != nil {
			return err
		}
	}
	l.state[d] = done
	return nil
}

// find returns the directive of the record that answers for the name, or nil: the
// exact name, or the wildcard below the closest name that exists (RFC 4592, 3.3.1).
func (l *loops) find(name string) *directive {
	if d := l.named[name]; d != nil || l.exists[name] {
		return d
	}
	for !l.exists[name] && name != "" {
		name = parent(name)
	}
	if name == "." {
		return l.named["*."]
	}
	return l.named["*."+name]
}

func leadsBack(a alias, itself bool) error {
	if itself {
		return at(a.line, `alias %s leads back to this record; for what the next plugins say, write "next"`,
			quoted(a.text))
	}
	return at(a.line, "alias %s leads back to this record through its own aliases", quoted(a.text))
}
