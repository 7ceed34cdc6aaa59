package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
	"github.com/coredns-failover/failover/plugin/status"
)

// statusScreen shows people what servers show.
type statusScreen struct {
	views []api.Result[view]
	now   time.Time
	// filtered is set where other records are shown than those not normal.
	filtered bool
}

func (s *statusScreen) write(to io.Writer) error {
	w := bufio.NewWriter(to)
	replies := 0
	for _, v := range s.views {
		if s.writeServer(w, v); v.Err == nil {
			replies++
		}
	}
	s.writeConfigurations(w)
	if replies > 0 {
		fmt.Fprintln(w)
		s.writeRecords(w)
	}
	return w.Flush()
}

// writeServer writes a few lines about a server.
func (s *statusScreen) writeServer(w io.Writer, v api.Result[view]) {
	if v.Err != nil {
		line(w, "%s  no status", v.Client.Name)
		return
	}
	o := v.Value.Overview
	line(w, "%s  %s, CoreDNS %s, up %s, configuration %s",
		v.Client.Name, dash(o.Server), dash(o.Version), age(s.nowOf(v.Value), o.Started), short(o.Configuration))
	total := 0
	for _, n := range o.Records {
		total += n
	}
	line(w, "  %s%s%s", count(total, "record"), states(o.Records), forcedStates(o.Forced))
	line(w, "  %s, %d unknown, %d broken; guard: %s", count(o.Checks, "check"), o.Unknown, o.Broken, dash(o.Guard))
}

// nowOf is the time now by the clock of the server, which its times are of.
func (s *statusScreen) nowOf(v view) time.Time {
	return v.Overview.Now.Add(s.now.Sub(v.seen))
}

// states lists how many records are in which state, the normal ones first.
func states(records map[string]int) string {
	others := slices.Sorted(maps.Keys(records))
	others = slices.DeleteFunc(others, func(state string) bool { return state == normal })
	var parts []string
	for _, state := range append([]string{normal}, others...) {
		if n := records[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func forcedStates(forced []status.Forced) string {
	if len(forced) == 0 {
		return ""
	}
	return "; " + count(len(forced), "forced state")
}

// short is enough of a hash to tell it from others.
func short(hash string) string {
	if len(hash) > 12 {
		hash = hash[:12]
	}
	return dash(hash)
}

// writeConfigurations tells when servers are configured differently: a roll-out
// under way, or a mistake.
func (s *statusScreen) writeConfigurations(w io.Writer) {
	servers := map[string][]string{}
	var hashes []string
	for _, v := range s.views {
		if v.Err != nil {
			continue
		}
		hash := v.Value.Overview.Configuration
		if servers[hash] == nil {
			hashes = append(hashes, hash)
		}
		servers[hash] = append(servers[hash], v.Client.Name)
	}
	if len(hashes) < 2 {
		return
	}
	fmt.Fprintln(w, "! The servers are configured differently:")
	for _, hash := range hashes {
		line(w, "    %s on %s", short(hash), strings.Join(servers[hash], ", "))
	}
}

func (s *statusScreen) writeRecords(w io.Writer) {
	rows := compare(s.views)
	if len(rows) == 0 {
		fmt.Fprintln(w, map[bool]string{true: "No such record.", false: "All records are normal."}[s.filtered])
		return
	}
	names := map[string]int{}
	for _, row := range rows {
		names[row.name]++
	}
	t := table{}
	head := []string{"RECORD", "STATE", "FAMILY", "TIER", "ANSWERS", "SINCE"}
	if len(s.views) > 1 {
		head = append(head, "SERVER")
	}
	t.row(head...)
	for _, row := range rows {
		if names[row.name] > 1 {
			row.name = row.id // the name alone does not say which
		}
		s.addRecord(&t, row)
	}
	t.write(w, "")
}

// addRecord adds the rows of a record: once where servers agree, and else as
// each of them has it.
func (s *statusScreen) addRecord(t *table, row compared) {
	name := row.name
	if row.differs {
		name = "! " + name
	}
	for i, summary := range row.each {
		v := s.views[i]
		if v.Err != nil {
			continue
		}
		var server []string
		switch {
		case row.differs:
			server = []string{v.Client.Name}
		case len(s.views) > 1:
			server = []string{"all"}
		}
		s.addFamilies(t, name, summary, s.nowOf(v.Value), server)
		if !row.differs {
			return
		}
	}
}

// mostAnswers is how many addresses of an answer a row shows.
const mostAnswers = 2

func (s *statusScreen) addFamilies(t *table, name string, summary *status.Summary, now time.Time, server []string) {
	if summary == nil {
		t.row(append([]string{name, "no such record", "-", "-", "-", "-"}, server...)...)
		return
	}
	for _, f := range shown(summary.Families) {
		cells := []string{
			name, stateOf(summary, f), f.Family, tierOf(f), answersOf(f, mostAnswers), age(now, f.Since),
		}
		t.row(append(cells, server...)...)
	}
}

// shown leaves out a family that the record just does not have.
func shown(families []status.Family) []status.Family {
	var some []status.Family
	for _, f := range families {
		if f.Kind != "no_data" || f.State != normal {
			some = append(some, f)
		}
	}
	if some == nil {
		return families
	}
	return some
}

// stateOf is the state of a record in a family, with what else bears on it.
func stateOf(s *status.Summary, f status.Family) string {
	text := f.State
	if s.Forced > 0 {
		text += ",forced"
	}
	if f.Waiting {
		text += ",waiting"
	}
	if s.Observed {
		text += ",observed"
	}
	return text
}

// tierOf is the active tier; none is shown as such.
func tierOf(f status.Family) string {
	if f.Tier == 0 {
		return "-"
	}
	return strconv.Itoa(f.Tier)
}

// answersOf is what is answered: addresses, or in a word why there is none.
func answersOf(f status.Family, most int) string {
	if len(f.Answers) == 0 && f.Kind != "answer" {
		return f.Kind
	}
	return some(f.Answers, most)
}
