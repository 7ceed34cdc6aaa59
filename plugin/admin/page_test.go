package admin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/coredns-failover/failover/plugin/status"
)

// shown is a part of the page, as a browser reads it.
type shown struct {
	*html.Node
	source string
}

// get asks the page of s, and returns what it shows to one who may look.
func get(t *testing.T, s Source, path string) shown {
	t.Helper()
	code, v := try(t, s, path, identity{role: roleRead})
	if code != http.StatusOK {
		t.Fatalf("%s answers %d: %s", path, code, v.source)
	}
	return v
}

func try(t *testing.T, s Source, path string, id identity) (code int, v shown) {
	t.Helper()
	mux := http.NewServeMux()
	newPage(s).register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, id.with(httptest.NewRequest(http.MethodGet, path, nil)))
	v.source = w.Body.String()
	var err error
	if v.Node, err = html.Parse(strings.NewReader(v.source)); err != nil {
		t.Fatal(err)
	}
	return w.Code, v
}

// all lists the elements for which is is true.
func (v shown) all(is func(*html.Node) bool) (found []shown) {
	for n := range v.Descendants() {
		if n.Type == html.ElementNode && is(n) {
			found = append(found, shown{n, v.source})
		}
	}
	return found
}

func (v shown) withClass(class string) []shown {
	return v.all(func(n *html.Node) bool {
		return strings.Contains(" "+attribute(n, "class")+" ", " "+class+" ")
	})
}

// record returns the record of a name.
func (v shown) record(t *testing.T, name string) shown {
	t.Helper()
	for _, r := range v.withClass("record") {
		if r.withClass("name")[0].text() == name {
			return r
		}
	}
	t.Fatalf("the page does not show %s", name)
	return shown{}
}

// text is what one reads, with its white space made one.
func (v shown) text() string {
	var all strings.Builder
	for n := range v.Descendants() {
		if n.Type == html.TextNode {
			all.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(all.String()), " ")
}

func (v shown) mustSay(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if text := v.text(); !strings.Contains(text, w) {
			t.Errorf("%q is not said by:\n%s", w, text)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// What a record answers, and why, can be read without any script.
func TestPageSaysEverything(t *testing.T) {
	t.Parallel()
	p := get(t, newFakeSource(everything()...), "/")
	p.mustSay(t, "ns1.example.net", "Configuration 9f2c41d0", "1 unknown", "1 broken", "Guard passing", "CoreDNS 1.15.0",
		"6 records need attention", "2 forced states", "9 records")

	p.record(t, "api.example.org").mustSay(t,
		"Failed over", "IPv4 tier 2 198.51.100.2", "1 h 11 min",
		"Tier 1 primary unhealthy 192.0.2.2", "http :80/healthz", "connection refused", "1.8 ms , 3 s ago",
		"Tier 2 secondary answers IPv4 healthy 198.51.100.2",
		"IPv4 failed over to tier 2 (was normal, tier 1)", "target 192.0.2.2 is unhealthy (was healthy) connection refused",
		"Types A AAAA TTL 30s Policy all Fail open Failback auto Server dns://:53 Zone example.org.")
	p.record(t, "db.example.org").mustSay(t, "Fail closed", "an error", "IPv4 fails closed")
	p.record(t, "legacy.example.org").mustSay(t, "Fail next", "what the next plugin says")
	p.record(t, "mail.example.org").mustSay(t, "Fail open", "tier 1 192.0.2.5", "IPv4 fails open on tier 1")
	p.record(t, "*.apps.example.org").mustSay(t, "Normal", "None since this server has started.")
	p.record(t, "rehearsal.example.org").mustSay(t, "observe", "healthy 198.51.100.7 no check")
	p.record(t, "plain.example.org").mustSay(t,
		"1 forced", "forced healthy by alice for 12 min , ends in 47 min : kernel update, CHG-4711")
	p.record(t, "shop.example.org").mustSay(t,
		"failback waits", "192.0.2.8 not eligible drained by alice for 12 min", "ends in 47 min : kernel update, CHG-4711")
	p.record(t, "www.example.org").mustSay(t,
		"No data IPv6", "View internal", "Failback after 5m0s", "pool.example.net",
		"unhealthy 203.0.113.9 a.apps.example.org", "24 more addresses", "tcp :443 not probed",
		"192.0.2.77 weight 3 icmp broken ICMP is not permitted",
		"gone.example.net weight 0 drained in the Corefile no answer from the plugins after this one: SERVFAIL",
		"target 192.0.2.10 is drained kernel update, CHG-4711 by alice", "6 older")
}

// The records that are not normal are open, and told first: the worst on top.
func TestPageShowsWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	p := get(t, newFakeSource(everything()...), "/")
	for _, r := range p.withClass("record") {
		details := r.all(func(n *html.Node) bool { return n.Data == "details" })[0]
		_, open := strings.CutPrefix(fmt.Sprint(details.Attr), "[{ open ")
		if state := attribute(r.Node, "data-state"); open != (state != "normal") {
			t.Errorf("%s is %s, and open: %v", attribute(r.Node, "data-id"), state, open)
		}
	}
	var order []string
	for _, badge := range p.withClass("attention")[0].withClass("badge") {
		order = append(order, badge.text())
	}
	const want = "[Fail closed Fail open Fail next Failed over Failed over Failed over]"
	if got := fmt.Sprint(order); got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	calm := get(t, newFakeSource(aRecord("www.example.org", "normal", 1)), "/")
	calm.mustSay(t, "Every record is normal.")
	if title := calm.all(func(n *html.Node) bool { return n.Data == "title" })[0]; strings.Contains(title.text(), "(") {
		t.Errorf("the title counts what is calm: %s", title.text())
	}
	get(t, newFakeSource(), "/").mustSay(t, "There are no records.")
}

// The page of one record shows what the list has no room for.
func TestPageOfOneRecord(t *testing.T) {
	t.Parallel()
	s := newFakeSource(append(everything(), aRecord("www.example.com", "normal", 3))...)
	p := get(t, s, "/?id=www.example.org")
	p.mustSay(t, "One record")
	www := p.record(t, "www.example.org")
	www.mustSay(t, "203.0.113.10", "20 more addresses", "target 192.0.2.10 is drained")
	if n := len(www.withClass("t-forced")); n != 12 {
		t.Errorf("%d forced states are in the history, want 12", n)
	}
	if strings.Contains(www.text(), "older") {
		t.Error("something is left out")
	}

	code, none := try(t, s, "/?id=nothing.example.org", identity{role: roleRead})
	if none.mustSay(t, "No such record", "there is no record nothing.example.org"); code != http.StatusNotFound {
		t.Errorf("no such record: %d", code)
	}
}

// What can be done depends on who looks; who may not even look gets a form.
func TestPageByRole(t *testing.T) {
	t.Parallel()
	s := newFakeSource(everything()...)
	for _, c := range []struct {
		id                        identity
		code                      int
		door, in, out, steer, all bool
	}{
		{identity{}, http.StatusUnauthorized, true, true, false, false, false},
		{identity{"pod", roleHeartbeat}, http.StatusUnauthorized, true, true, false, false, false},
		{identity{role: roleRead}, http.StatusOK, false, true, false, false, false},
		{identity{"monitoring", roleRead}, http.StatusOK, false, true, true, false, false},
		{identity{"deploy", roleDrain}, http.StatusOK, false, false, true, true, false},
		{identity{"alice", roleAll}, http.StatusOK, false, false, true, true, true},
	} {
		code, p := try(t, s, "/", c.id)
		text := p.text()
		got := []bool{
			!strings.Contains(text, "records"),
			strings.Contains(text, "Sign in"), strings.Contains(text, "Sign out"),
			strings.Contains(text, "Steer"), strings.Contains(text, "Force unhealthy"),
		}
		want := []bool{c.door, c.in, c.out, c.steer, c.all}
		if code != c.code || !slices.Equal(got, want) {
			t.Errorf("%+v: %d, %v; want %d, %v", c.id, code, got, c.code, want)
		}
		mustNest(t, "/", p.source)
	}
}

// A name may stand for several records: the page leads to each.
func TestPageOfAnAmbiguousName(t *testing.T) {
	t.Parallel()
	here, there := aRecord("www.example.org", "normal", 1), aRecord("www.example.org", "normal", 2)
	there.ID = "www.example.org@dns://:54@example.org."
	code, p := try(t, newFakeSource(here, there), "/?id=www.example.org", identity{role: roleRead})
	if code != http.StatusConflict {
		t.Errorf("answers %d", code)
	}
	links := p.withClass("candidates")[0].all(func(n *html.Node) bool { return n.Data == "a" })
	if len(links) != 2 || attribute(links[1].Node, "href") != "/?id=www.example.org%40dns%3A%2F%2F%3A54%40example.org." {
		t.Errorf("leads to %v", links)
	}
}

// Whatever a name, an error, or a reason holds, it is text.
func TestPageEscapes(t *testing.T) {
	t.Parallel()
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>javascript:alert(1)`
	r := aRecord("www.example.org", "failed_over", 1)
	force(&r, true, status.ForcedDrained)
	r.ID, r.Name, r.Server, r.Zone, r.View = evil, evil, evil, evil, evil
	r.Types, r.Policy, r.Fail, r.Failback = []string{evil}, evil, evil, evil
	r.Families[0].Family, r.Families[0].Answers = evil, []string{evil}
	r.Tiers[0].Active = []string{evil}
	target := &r.Tiers[0].Targets[0]
	target.Target, target.Verdict, target.Unresolved = evil, evil, evil
	*target.Force = status.Forced{Record: evil, Target: evil, State: evil, Reason: evil, By: evil}
	a := &target.Addresses[0]
	a.Address, a.Host, a.Verdict = evil, evil, evil
	a.Checks[0].Check, a.Checks[0].Verdict, a.Checks[0].LastError = evil, evil, evil
	r.History = append(r.History,
		status.Transition{Kind: status.Steered, Target: evil, From: evil, To: evil, Reason: evil, By: evil},
		status.Transition{Kind: status.RecordChanged, Family: evil, From: evil, To: evil, Reason: evil})

	s := newFakeSource(r)
	for _, path := range []string{
		"/", "/record?id=" + url.QueryEscape(evil), "/overview",
		"/?q=" + url.QueryEscape(evil) + "&state=" + url.QueryEscape(evil) + "&after=" + url.QueryEscape(evil),
		"/?id=" + url.QueryEscape(evil+"!"),
	} {
		_, p := try(t, s, path, identity{evil, roleAll})
		mustBeStrict(t, path, p)
		if path == "/" {
			p.record(t, evil)
		}
	}
}

// mustBeStrict is what the server's content security policy asks for: no
// script, style or handler but in files of their own.
func mustBeStrict(t *testing.T, path string, p shown) {
	t.Helper()
	for _, e := range p.all(func(*html.Node) bool { return true }) {
		if e.Data == "script" && !strings.HasPrefix(attribute(e.Node, "src"), "/static/page-") || e.Data == "style" {
			t.Errorf("%s has an inline <%s>: %s", path, e.Data, e.text())
		}
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("%s has <%s %s=%q>", path, e.Data, a.Key, a.Val)
			}
			if (a.Key == "src" || a.Key == "href" || a.Key == "action") && !regexp.MustCompile(`^([/#].*)?$`).MatchString(a.Val) {
				t.Errorf("%s asks for something elsewhere: %s", path, a.Val)
			}
		}
	}
}

// The page is well-formed: each element is closed by its own end, and an ID
// stands once.
func TestPageIsWellFormed(t *testing.T) {
	t.Parallel()
	s := newFakeSource(everything()...)
	for _, path := range []string{"/", "/?id=www.example.org", "/overview", "/record?id=www.example.org"} {
		p := get(t, s, path)
		mustBeStrict(t, path, p)
		mustNest(t, path, p.source)
		ids := make(map[string]bool)
		for _, e := range p.all(func(n *html.Node) bool { return attribute(n, "id") != "" }) {
			id := attribute(e.Node, "id")
			if ids[id] {
				t.Errorf("%s has two elements %q", path, id)
			}
			ids[id] = true
		}
		for _, e := range p.all(func(n *html.Node) bool { return attribute(n, "aria-labelledby") != "" }) {
			if label := attribute(e.Node, "aria-labelledby"); !ids[label] {
				t.Errorf("%s is labelled by %q, which is not there", path, label)
			}
		}
	}
}

func mustNest(t *testing.T, path, source string) {
	t.Helper()
	void := regexp.MustCompile(`^(meta|link|img|input|br)$`)
	var open []string
	for in := html.NewTokenizer(strings.NewReader(source)); ; {
		kind := in.Next()
		tag, _ := in.TagName()
		name := string(tag)
		switch {
		case kind == html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("%s leaves open: %q", path, open)
			}
			return
		case kind == html.StartTagToken && !void.MatchString(name):
			open = append(open, name)
		case kind == html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != name {
				t.Fatalf("%s closes %s within %q", path, name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func TestPagesAndFilters(t *testing.T) {
	t.Parallel()
	var all []status.Record
	for i := range 120 {
		all = append(all, aRecord(fmt.Sprintf("w%03d.example.org", i), []string{"normal", "failed_over"}[i%2], i))
	}
	s := newFakeSource(all...)
	link := func(p shown, rel string) string {
		for _, e := range p.all(func(n *html.Node) bool { return attribute(n, "rel") == rel && n.Data == "a" }) {
			return attribute(e.Node, "href")
		}
		return ""
	}

	p := get(t, s, "/?q=w")
	p.mustSay(t, "120 records with “w”", "Page 1 of 3")
	if n := len(p.withClass("record")); n != perPage {
		t.Errorf("a page has %d records", n)
	}
	if link(p, "first") != "" {
		t.Error("the first page leads to itself")
	}
	p = get(t, s, link(p, "next"))
	p.mustSay(t, "Page 2 of 3", "w050.example.org", "w099.example.org")
	p = get(t, s, link(p, "next"))
	p.mustSay(t, "Page 3 of 3", "w119.example.org")
	if next, first := link(p, "next"), link(p, "first"); next != "" || first != "/?q=w" {
		t.Errorf("the last page leads to %q and %q", next, first)
	}

	p = get(t, s, "/?q=w00&state=failed_over")
	p.mustSay(t, "5 failed over records with “w00”", "w001.example.org")
	for _, e := range p.all(func(n *html.Node) bool { return attribute(n, "aria-current") == "true" }) {
		if got := attribute(e.Node, "href"); got != "/?q=w00&state=failed_over" {
			t.Errorf("the filter that holds is %s", got)
		}
		e.mustSay(t, "Failed over 60")
	}
	for _, q := range s.queries {
		if q.Limit < 1 || q.Limit > perPage {
			t.Errorf("%+v asks for too much", q)
		}
	}
	get(t, s, "/?q=nothing").mustSay(t, "0 records with “nothing”", "No record is like that.", "Show all 120")
}

// The parts that the script asks for are those of the page.
func TestPageParts(t *testing.T) {
	t.Parallel()
	s := newFakeSource(everything()...)
	all := get(t, s, "/")
	id := attribute(all.record(t, "www.example.org").Node, "data-id")
	part := get(t, s, "/record?id="+url.QueryEscape(id))
	if got, want := part.record(t, "www.example.org").text(), all.record(t, "www.example.org").text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	get(t, s, "/record?full&id="+url.QueryEscape(id)).mustSay(t, "203.0.113.10")
	if code, _ := try(t, s, "/record?id=nothing.example.org", identity{role: roleRead}); code != http.StatusNotFound {
		t.Errorf("a record that is gone answers %d", code)
	}

	overview := get(t, s, "/overview?q=example&state=normal").withClass("attention")[0]
	if got, want := overview.text(), all.withClass("attention")[0].text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if p := get(t, s, "/overview?state=failed_over"); !strings.Contains(p.source, `data-total="3"`) {
		t.Errorf("the overview does not count the list:\n%s", p.source)
	}
}

// A file is kept for good under a name that changes with it.
func TestPageFiles(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	newPage(newFakeSource()).register(mux)
	home := get(t, newFakeSource(), "/")
	files := 0
	for _, e := range home.all(func(n *html.Node) bool { return n.Data == "script" || n.Data == "link" || n.Data == "img" }) {
		files++
		w := httptest.NewRecorder()
		path := attribute(e.Node, "src") + attribute(e.Node, "href")
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK || w.Body.Len() == 0 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if files < 4 {
		t.Errorf("the page has %d files", files)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/static/page.go", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("another file answers %d", w.Code)
	}
}

func TestSpark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		recent        []float64
		bars, crosses int
		label         string
	}{
		{[]float64{0.001, 0.002, 0.012}, 3, 0, "last 3 probes, none failed; 1.0 ms to 12 ms, typically 2.0 ms"},
		{[]float64{0.001, -4, 1.5}, 2, 1, "last 3 probes, 1 failed; 1.0 ms to 1.5 s, typically 1.5 s"},
		{[]float64{-0.001, -4}, 0, 2, "last 2 probes, all failed"},
		{[]float64{0, 0}, 2, 0, "last 2 probes, none failed; 0.0 ms to 0.0 ms, typically 0.0 ms"},
		{make([]float64, 99), sparkBars, 0, "last 24 probes, none failed; 0.0 ms to 0.0 ms, typically 0.0 ms"},
	} {
		s := newSpark(c.recent)
		bars, crosses := strings.Count(s.Bars, "z"), strings.Count(s.Crosses, "m")
		if bars != c.bars || crosses != c.crosses || s.Label != c.label {
			t.Errorf("%v: %d bars, %d crosses, %q", c.recent, bars, crosses, s.Label)
		}
	}
}

// A transition is a sentence, whatever words its states have.
func TestSentence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		transition status.Transition
		want       string
	}{
		{status.Transition{Kind: status.RecordChanged, Family: "IPv4", To: "failed_over, tier 2"}, "IPv4 failed over to tier 2"},
		{status.Transition{Kind: status.RecordChanged, Family: "IPv6", To: "normal, tier 1 answers"}, "IPv6 is normal on tier 1"},
		{status.Transition{Kind: status.RecordChanged, Family: "any", To: "normal, tier 1"}, "is normal on tier 1"},
		{status.Transition{Kind: status.RecordChanged, Family: "IPv4", To: "fail_closed, SERVFAIL is answered"}, "IPv4 fails closed"},
		{status.Transition{Kind: status.RecordChanged, Family: "IPv4", To: "fail_open, tier 1"}, "IPv4 fails open on tier 1"},
		{status.Transition{Kind: status.RecordChanged, Family: "IPv4", To: "fail_next"}, "IPv4 is left to the next plugin"},
		{status.Transition{Kind: status.RecordChanged, Family: "IPv4", To: "normal, tier 0"}, "IPv4 is normal on no tier"},
		{status.Transition{Kind: status.RecordChanged, Family: "IPv4", To: "new_state"}, "IPv4 is new state"},
		{status.Transition{Kind: status.TargetChanged, Target: "192.0.2.1", To: "unhealthy"}, "target 192.0.2.1 is unhealthy"},
		{status.Transition{Kind: status.Steered, Target: "192.0.2.1", To: "drained"}, "target 192.0.2.1 is drained"},
		{status.Transition{Kind: status.Steered, To: "healthy"}, "the record is forced healthy"},
		{status.Transition{Kind: status.Steered, From: "drained"}, "the record is no longer drained"},
	} {
		if got := sentence(c.transition); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if got := before("failed_over, tier 2 answers"); got != "failed over, tier 2" {
		t.Errorf("got %q", got)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for d, want := range map[time.Duration]string{
		0: "0 s", 59 * time.Second: "59 s", 61 * time.Second: "1 min", time.Hour: "1 h 0 min",
		-90 * time.Second: "in 1 min", 49*time.Hour + time.Minute: "2 d 1 h",
	} {
		if got := age(now.Add(-d), now); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := count(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

// The page of 10,000 records costs no more than the records that it shows.
func BenchmarkPage(b *testing.B) {
	all := make([]status.Record, 0, 10_000)
	for i := range cap(all) {
		all = append(all, aRecord(fmt.Sprintf("w%05d.example.org", i), "normal", i))
	}
	mux := http.NewServeMux()
	newPage(newFakeSource(all...)).register(mux)
	for b.Loop() {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		b.ReportMetric(float64(w.Body.Len()), "B/page")
	}
}
