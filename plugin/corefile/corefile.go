// Package corefile reads the failover directives of a Corefile into the model.
//
// It reads the tokens of caddy's lexer with a reader of its own (see line.go
// for why), gives each word to one small function, and checks the whole against
// the rules of DESIGN.md, section "Configuration errors". Every error has one
// form:
//
//	FILE:LINE: record "NAME": MESSAGE
//	FILE:LINE: failover: MESSAGE       for the directive without a name
//
// where the message quotes the offending word and says what would be right.
package corefile

import (
	"iter"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"

	"github.com/coredns-failover/failover/plugin/model"
)

// Parse reads all failover directives of one server block. Tokens are those of
// the directives in order, each directive beginning with its own name, with
// File and Line set and environment variables already replaced, as caddy does.
// Zones are those of the server block, lower case and fully qualified.
func Parse(tokens iter.Seq[caddyfile.Token], zones []string) (model.Block, error) {
	s := newServerBlock(zones)
	for d, err := range readDirectives(tokens) {
		if err == nil {
			err = s.add(d)
		}
		if err != nil {
			return model.Block{}, about(d, err)
		}
	}
	if err := s.refuseLoops(); err != nil {
		return model.Block{}, err
	}
	s.block.Records = slices.Clone(s.block.Records) // without the room for more
	joinNames(s.block.Records)
	return s.block, nil
}

// joinNames has the names of records be of one string: a garbage collector would go to
// each of many.
func joinNames(records []model.Record) {
	var all strings.Builder
	for i := range records {
		all.WriteString(records[i].Name)
	}
	rest := all.String()
	for i := range records {
		n := len(records[i].Name)
		records[i].Name, rest = rest[:n], rest[n:]
	}
}

// serverBlock is what the directives read so far say.
type serverBlock struct {
	block   model.Block
	named   map[string]*directive // by each of their names
	aliased []*directive          // those that have aliases
	known   *known
}

func newServerBlock(zones []string) *serverBlock {
	return &serverBlock{
		block: model.Block{Zones: zones, Records: []model.Record{}},
		named: map[string]*directive{},
		known: newKnown(),
	}
}

// directive is what is kept of one with a name until all are read. The rest is in the
// model by then.
type directive struct {
	head    []caddyfile.Token // its first line, without the brace
	aliases []alias
}

// add reads one directive.
func (s *serverBlock) add(l line) error {
	if len(l.words) == 1 {
		return s.addProcess(l)
	}
	r, err := parseRecord(l, s.block.Zones)
	if err != nil {
		return err
	}
	if err := s.addNames(r); err != nil {
		return err
	}
	if s.block.Region == "" {
		s.block.Region = r.firstRegion()
	}
	if s.block.Heartbeat == "" {
		s.block.Heartbeat = r.firstHeartbeat()
	}
	return s.build(r)
}

// addNames makes the record known by its names, each of which must be new.
func (s *serverBlock) addNames(r *record) error {
	d := &directive{head: slices.Clone(r.head.words), aliases: r.aliases()}
	if len(d.aliases) > 0 {
		s.aliased = append(s.aliased, d)
	}
	for i, name := range r.names {
		word := r.head.words[i+1]
		if first, found := s.named[name]; found {
			return at(word, "%s is a record already, at %s", quoted(word.Text), place(first.head[0]))
		}
		s.named[name] = d
	}
	return nil
}

// build adds what the directive says to the model: one record for each of its names.
func (s *serverBlock) build(r *record) error {
	for _, name := range r.names {
		built, err := r.build(name, s.known)
		if err != nil {
			return err
		}
		s.block.Records = append(s.block.Records, built)
	}
	return nil
}
