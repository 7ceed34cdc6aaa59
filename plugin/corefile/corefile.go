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
	"github.com/coredns/caddy/caddyfile"

	"github.com/coredns-failover/failover/plugin/model"
)

// Parse reads all failover directives of one server block. Tokens are those of
// the directives in order, each directive beginning with its own name, with
// File and Line set and environment variables already replaced, as caddy does.
// Zones are those of the server block, lower case and fully qualified.
func Parse(tokens []caddyfile.Token, zones []string) (model.Block, error) {
	directives, err := readDirectives(tokens)
	if err != nil {
		return model.Block{}, err
	}
	s := serverBlock{zones: zones, named: map[string]*record{}}
	for _, d := range directives {
		if err := s.add(d); err != nil {
			return model.Block{}, about(d, err)
		}
	}
	if err := s.refuseLoops(); err != nil {
		return model.Block{}, err
	}
	return s.build()
}

// serverBlock is what the directives read so far say.
type serverBlock struct {
	zones   []string
	records []*record          // one for each directive with a name
	named   map[string]*record // by each of their names
	process *model.Process     // the directive without a name; nil where there is none
}

// add reads one directive.
func (s *serverBlock) add(directive line) error {
	if len(directive.words) == 1 {
		return s.addProcess(directive)
	}
	r, err := parseRecord(directive, s.zones)
	if err != nil {
		return err
	}
	s.records = append(s.records, r)
	return s.addNames(r)
}

// addNames makes the record known by its names, each of which must be new.
func (s *serverBlock) addNames(r *record) error {
	for i, name := range r.names {
		word := r.head.words[i+1]
		if first, found := s.named[name]; found {
			return at(word, "%s is a record already, at %s", quoted(word.Text), place(first.head.words[0]))
		}
		s.named[name] = r
	}
	return nil
}

// build returns the model: one record for each name of each directive.
func (s *serverBlock) build() (model.Block, error) {
	block := model.Block{
		Zones:     s.zones,
		Records:   make([]model.Record, 0, len(s.named)),
		Process:   s.process,
		Region:    s.firstRegion(),
		Heartbeat: s.firstHeartbeat(),
	}
	for _, r := range s.records {
		for _, name := range r.names {
			built, err := r.build(name)
			if err != nil {
				return model.Block{}, about(r.head, err)
			}
			block.Records = append(block.Records, built)
		}
	}
	return block, nil
}
