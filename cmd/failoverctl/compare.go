package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

// compared is a record as several servers have it.
type compared struct {
	id, name string
	// each holds what each server has, in the order of the views; nil is a server
	// that has no such record, or that did not reply.
	each []*status.Summary
	// differs is set where servers that replied do not agree.
	differs bool
}

// compare puts together what servers have of the same records, in the order of
// their names.
func compare(views []api.Result[view]) []compared {
	same := map[string]*compared{}
	var all []*compared
	for i, v := range views {
		for j := range v.Value.Records {
			s := &v.Value.Records[j]
			c := same[replica(s.ID)]
			if c == nil || c.each[i] != nil {
				c = &compared{id: s.ID, name: s.Name, each: make([]*status.Summary, len(views))}
				same[replica(s.ID)], all = c, append(all, c)
			}
			c.each[i] = s
		}
	}
	rows := make([]compared, 0, len(all))
	for _, c := range all {
		c.differs = len(views) > 1 && c.disagree(views)
		rows = append(rows, *c)
	}
	slices.SortFunc(rows, func(x, y compared) int {
		return byName(status.Summary{Name: x.name, ID: x.id}, status.Summary{Name: y.name, ID: y.id})
	})
	return rows
}

// replica is what replicas call the same record: its ID without the addresses that
// its server block listens on, which are each server's own where it has "bind".
func replica(id string) string {
	words := strings.Split(id, "@")
	if len(words) < 2 {
		return id
	}
	listeners := strings.Split(words[1], ",")
	for i, l := range listeners {
		scheme, rest, found := strings.Cut(l, "://")
		if !found {
			scheme, rest = "", l
		}
		listeners[i] = scheme + rest[max(0, strings.LastIndexByte(rest, ':')):]
	}
	slices.Sort(listeners)
	words[1] = strings.Join(slices.Compact(listeners), ",")
	return strings.Join(words, "@")
}

// disagree reports whether servers that replied have the record in different
// ways.
func (c *compared) disagree(views []api.Result[view]) bool {
	first := ""
	for i, s := range c.each {
		if views[i].Err != nil {
			continue
		}
		is := essence(s)
		if first != "" && is != first {
			return true
		}
		first = is
	}
	return false
}

// essence is what replicas should have in common: all but times, and the order
// of addresses.
func essence(s *status.Summary) string {
	if s == nil {
		return "none"
	}
	text := fmt.Appendf(nil, "%s %d %t", s.State, s.Forced, s.Observed)
	for _, f := range s.Families {
		answers := slices.Sorted(slices.Values(f.Answers))
		text = fmt.Appendf(text, "; %s %s %s %d %t %q", f.Family, f.Kind, f.State, f.Tier, f.Waiting, answers)
	}
	return string(text)
}
