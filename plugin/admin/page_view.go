package admin

import (
	"cmp"
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// What a page shows of long lists; the page of one record shows more.
const (
	attentionShown = 12
	forcedShown    = 50
	addressesShown = 6
	answersShown   = 3
	historyShown   = 8
)

// states are those that a record can be in, the worst first.
var states = []string{"fail_closed", "fail_open", "fail_next", "failed_over", "normal"}

// homeView is what the page is made of.
type homeView struct {
	Overview status.Overview
	Now      time.Time
	Query    status.Query

	Who, Role string
	SignedIn  bool

	// Total is how many records the query finds, Number which page of them this
	// is, and Next what the next one begins behind.
	Total, Number int
	Next          string
	Records       []*recordView

	// Attention lists records that are not normal, the worst first.
	Attention []status.Summary
	// Forced is how many records have a forced state.
	Forced int

	// One is the record that was asked for by name, Problem why there is none, and
	// Candidates which ones it may have been.
	One, Problem string
	Candidates   []string
}

func (v *homeView) setFound(found status.Page) { v.Total, v.Next = found.Total, found.Next }

func (v *homeView) setAttention(s Source) {
	for _, state := range states {
		room := attentionShown - len(v.Attention)
		if state == "normal" || v.Overview.Records[state] == 0 || room <= 0 {
			continue
		}
		v.Attention = append(v.Attention, s.Records(status.Query{State: state, Limit: room}).Records...)
	}
	if len(v.Overview.Forced) > 0 {
		v.Forced = s.Records(status.Query{State: "forced", Limit: 1}).Total
	}
}

func (v *homeView) record(r status.Record) *recordView { return newRecordView(r, v.Now, v.Role) }

// Disturbed is how many records are not normal.
func (v *homeView) Disturbed() int { return v.All() - v.Overview.Records["normal"] }

// All is how many records there are.
func (v *homeView) All() (n int) {
	for _, of := range v.Overview.Records {
		n += of
	}
	return n
}

// MoreAttention is how many of the disturbed records are not listed.
func (v *homeView) MoreAttention() int { return v.Disturbed() - len(v.Attention) }

// ForcedStates lists forced states, and MoreForced is how many are left out.
func (v *homeView) ForcedStates() []status.Forced {
	return v.Overview.Forced[:min(forcedShown, len(v.Overview.Forced))]
}

// MoreForced is how many forced states are not listed.
func (v *homeView) MoreForced() int { return len(v.Overview.Forced) - len(v.ForcedStates()) }

// MaySteer is whether the one who looks may do more than that.
func (v *homeView) MaySteer() bool { return role(v.Role).may(drains) }

// MayForce is whether that is anything that can be done.
func (v *homeView) MayForce() bool { return role(v.Role).may(steers) }

// Pages is how many pages there are.
func (v *homeView) Pages() int { return max(1, (v.Total+perPage-1)/perPage) }

// Filtered is whether the page is one of some records only.
func (v *homeView) Filtered() bool { return v.Query.Search != "" || v.Query.State != "" || v.One != "" }

// NextLink leads to the page behind this one.
func (v *homeView) NextLink() string {
	return link(v.Query.Search, v.Query.State, v.Next, v.Number+1)
}

// FirstLink leads to the first page of what is shown.
func (v *homeView) FirstLink() string { return link(v.Query.Search, v.Query.State, "", 1) }

// filter is a link to the records in a state.
type filter struct {
	State   string // empty for all of them
	Count   int
	Link    string
	Current bool
}

// Filters lists what the records can be filtered by: what a search has found is
// kept to.
func (v *homeView) Filters() []filter {
	add := func(state string, count int) filter {
		return filter{state, count, link(v.Query.Search, state, "", 1), v.One == "" && v.Query.State == state}
	}
	all := []filter{add("", v.All())}
	for _, state := range slices.Backward(states) {
		all = append(all, add(state, v.Overview.Records[state]))
	}
	return append(all, add("forced", v.Forced))
}

func link(search, state, after string, number int) string {
	q := make(url.Values)
	for name, value := range map[string]string{"q": search, "state": state, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if number > 1 {
		q.Set("page", strconv.Itoa(number))
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}

// linkToOne leads to the page of one record.
func linkToOne(id string) string { return "/?" + url.Values{"id": {id}}.Encode() }

// recordView is what is shown of a record.
type recordView struct {
	status.Record
	Now  time.Time
	Role string
	Open bool // from the start
	Full bool // with all that is known
}

func newRecordView(r status.Record, now time.Time, role string) *recordView {
	return &recordView{Record: r, Now: now, Role: role, Open: r.State != "normal"}
}

// Anchor is an ID within the page.
func (v *recordView) Anchor() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(v.ID)) // it never fails
	return "r" + strconv.FormatUint(h.Sum64(), 36)
}

// Link leads to the page of the record.
func (v *recordView) Link() string { return linkToOne(v.ID) }

// MaySteer is whether the one who looks may do more than that.
func (v *recordView) MaySteer() bool { return role(v.Role).may(drains) }

// Waiting is whether a better tier could answer again.
func (v *recordView) Waiting() bool {
	return slices.ContainsFunc(v.Families, func(f status.Family) bool { return f.Waiting })
}

// Telling lists the families that a row has room for: those without any target
// are not among them, unless all are.
func (v *recordView) Telling() []status.Family {
	if told := slices.DeleteFunc(slices.Clone(v.Families), isSilent); len(told) > 0 {
		return told
	}
	return v.Families
}

// Silent lists the other families.
func (v *recordView) Silent() (families []string) {
	if len(v.Telling()) == len(v.Families) {
		return nil
	}
	for _, f := range v.Families {
		if isSilent(f) {
			families = append(families, f.Family)
		}
	}
	return families
}

func isSilent(f status.Family) bool { return f.Kind == "no_data" && f.State == "normal" }

// Since is when the record last changed in any family.
func (v *recordView) Since() (last time.Time) {
	for _, f := range v.Families {
		if f.Since.After(last) {
			last = f.Since
		}
	}
	return last
}

// Shown lists the last transitions, and Older is how many are left out.
func (v *recordView) Shown() []status.Transition {
	if v.Full {
		return v.History
	}
	return v.History[:min(historyShown, len(v.History))]
}

// Older is how many of the known transitions are not listed.
func (v *recordView) Older() int { return len(v.History) - len(v.Shown()) }

// targetView is a target with the record and the tier that it belongs to.
type targetView struct {
	status.Target
	Tier   int
	Record *recordView
}

// In returns the targets of a tier.
func (v *recordView) In(t status.Tier) []targetView {
	all := make([]targetView, len(t.Targets))
	for i, target := range t.Targets {
		all[i] = targetView{target, t.Tier, v}
	}
	return all
}

// Plain is whether the target is an address by itself, which need not be said
// twice.
func (t targetView) Plain() bool {
	return len(t.Addresses) == 1 && t.Addresses[0].Address == t.Target.Target && t.Addresses[0].Host == ""
}

// Shown lists addresses: where there is no room for all, those first that are
// not healthy.
func (t targetView) Shown() []status.Address {
	if t.Record.Full || len(t.Addresses) <= addressesShown {
		return t.Addresses
	}
	worst := slices.Clone(t.Addresses)
	slices.SortStableFunc(worst, func(a, b status.Address) int {
		return cmp.Compare(urgency(a.Verdict), urgency(b.Verdict))
	})
	return worst[:addressesShown]
}

// Left is how many addresses are not listed, here or at all.
func (t targetView) Left() int { return len(t.Addresses) - len(t.Shown()) + t.More }

// Outside is whether the target is not eligible although its verdict would let
// it.
func (t targetView) Outside() bool { return !t.Eligible && t.Verdict != "unhealthy" && !t.Drained }

// OwnForce is whether the forced state is that of the target, not of its record.
func (t targetView) OwnForce() bool { return t.Force != nil && t.Force.Target != "" }

func urgency(verdict string) int {
	return slices.Index([]string{"unhealthy", "unknown", "healthy"}, verdict)
}
