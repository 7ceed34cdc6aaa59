// Package deploy tests what stands in the directory deploy for those who watch
// the plugin: alert rules, their runbook and the dashboard.
package deploy

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write prometheusrule.yaml anew from rules.yaml")

const (
	rulesFile     = "../../deploy/prometheus/rules.yaml"
	rulesTestFile = "../../deploy/prometheus/rules_test.yaml"
	operatorFile  = "../../deploy/prometheus/prometheusrule.yaml"
	dashboardFile = "../../deploy/grafana/dashboard.json"
	runbookFile   = "../../deploy/RUNBOOK.md"
	readmeFile    = "../../deploy/README.md"

	runbookURL = "https://github.com/coredns-failover/failover/blob/main/deploy/RUNBOOK.md#"
)

// Prometheus takes the rules, and each fires when it should.
func TestRules(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", rulesFile)
	promtool(t, "test", "rules", rulesTestFile)
}

// An alert has a test in which it fires and one in which it does not.
func TestRulesAreTested(t *testing.T) {
	t.Parallel()
	tests := read(t, rulesTestFile)
	for _, alert := range alerts(t) {
		cases := regexp.MustCompile(`alertname: `+alert+`\n +exp_alerts:(.*)\n`).FindAllStringSubmatch(tests, -1)
		quiet := 0
		for _, one := range cases {
			if strings.TrimSpace(one[1]) == "[]" {
				quiet++
			}
		}
		if quiet == 0 || quiet == len(cases) {
			t.Errorf("%s: of %d cases it is quiet in %d, want one of either kind", alert, len(cases), quiet)
		}
	}
}

const operatorHead = `# The rules of rules.yaml for the Prometheus Operator. Made from it by
# "go test ./test/deploy -update": change that file, not this one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: coredns-failover
  labels:
    # What your Prometheus selects rules by (its ruleSelector), for example the
    # release of kube-prometheus-stack.
    release: kube-prometheus-stack
spec:
`

// The operator's rules are the same ones.
func TestOperatorRules(t *testing.T) {
	t.Parallel()
	_, groups, found := strings.Cut(read(t, rulesFile), "\ngroups:\n")
	if !found {
		t.Fatalf("%s has no groups", rulesFile)
	}
	want := operatorHead + regexp.MustCompile(`(?m)^(.)`).ReplaceAllString("groups:\n"+groups, "  $1")
	if *update {
		if err := os.WriteFile(operatorFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, operatorFile) != want {
		t.Errorf(`%s is not what %s says: run "go test ./test/deploy -update"`, operatorFile, rulesFile)
	}
}

// Each alert has a section of the runbook, which its annotation leads to, and
// each section is of an alert. No text speaks of an alert that is not there.
func TestRunbook(t *testing.T) {
	t.Parallel()
	all := alerts(t)
	sections := matches(read(t, runbookFile), `(?m)^## (Failover\w+)$`)
	for _, alert := range all {
		if !slices.Contains(sections, alert) {
			t.Errorf("%s has no section in the runbook", alert)
		}
	}
	for _, section := range sections {
		if !slices.Contains(all, section) {
			t.Errorf("there is no alert for the section %s of the runbook", section)
		}
	}
	for _, rule := range strings.Split(read(t, rulesFile), "- alert: ")[1:] {
		alert, _, _ := strings.Cut(rule, "\n")
		if want := "runbook_url: " + runbookURL + strings.ToLower(alert) + "\n"; !strings.Contains(rule, want) {
			t.Errorf("%s lacks %s", alert, want)
		}
		for _, part := range []string{"severity: ", "summary: ", "description: "} {
			if !strings.Contains(rule, part) {
				t.Errorf("%s has no %s", alert, part)
			}
		}
	}
	for _, file := range []string{readmeFile, runbookFile} {
		for _, word := range matches(read(t, file), `\b(Failover[A-Z]\w+)`) {
			if !slices.Contains(all, word) {
				t.Errorf("%s: there is no alert %s", file, word)
			}
		}
	}
}

// What is asked of Prometheus is there to be asked for.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	known := exported(t)
	for _, file := range []string{rulesFile, rulesTestFile, dashboardFile, runbookFile, readmeFile} {
		for _, use := range uses(t, file) {
			labels, exists := known[use.name]
			if !exists {
				t.Errorf("%s: there is no metric %s", file, use.name)
				continue
			}
			for _, label := range use.labels {
				if !slices.Contains(labels, label) && !slices.Contains(ofScrape, label) {
					t.Errorf("%s: %s has no label %s", file, use.name, label)
				}
			}
		}
	}
}

// ofScrape are labels that Prometheus adds to what it scrapes.
var ofScrape = []string{"job", "instance", "pod"}

// use is a selector, with the labels that it selects by.
type use struct {
	name   string
	labels []string
}

// uses returns the selectors of a file.
func uses(t *testing.T, file string) []use {
	t.Helper()
	text := read(t, file)
	if strings.HasSuffix(file, ".json") {
		text = strings.Join(readDashboard(t).strings(), "\n")
	}
	selector := regexp.MustCompile(`\b(coredns_failover_[a-z_]+)(\{[^}]*\})?`)
	var found []use
	for _, match := range selector.FindAllStringSubmatch(text, -1) {
		found = append(found, use{match[1], matches(match[2], `([a-z_]+)(?:=~|!~|!=|=)"`)})
	}
	return found
}

// dashboard is what the tests look at.
type dashboard struct {
	UID        string
	Title      string
	Templating struct {
		List []struct {
			Name, Type, Definition string
			Query                  any
			Datasource             *source
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  *source
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		RefID      string
		Expr       string
		Datasource *source
	}
}

type source struct{ Type, UID string }

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	d := new(dashboard)
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), d); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	return d
}

// strings returns all that is asked of Prometheus.
func (d *dashboard) strings() []string {
	var all []string
	for _, v := range d.Templating.List {
		all = append(all, v.Definition)
	}
	return append(all, d.queries()...)
}

func (d *dashboard) queries() []string {
	var all []string
	for _, p := range d.Panels {
		for _, one := range p.Targets {
			all = append(all, one.Expr)
		}
	}
	return all
}

// The dashboard can be imported anywhere: it asks the source that its variable
// says. Its panels are told apart, explained, and do not lie over one another.
func TestDashboard(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		if v.Type != "datasource" {
			v.Datasource.mustVary(t, "variable "+v.Name)
		}
	}
	if want := map[string]string{"datasource": "datasource", "job": "query", "record": "query"}; !maps.Equal(variables, want) {
		t.Errorf("its variables are %v, want %v", variables, want)
	}
	seen := map[int]bool{}
	cells := map[[2]int]string{}
	for _, p := range d.Panels {
		if p.ID == 0 || seen[p.ID] {
			t.Errorf("%s: id %d is none, or another panel's", p.Title, p.ID)
		}
		seen[p.ID] = true
		p.mustFit(t, cells)
		if p.Type != "row" {
			p.mustAsk(t)
		}
	}
}

func (s *source) mustVary(t *testing.T, what string) {
	t.Helper()
	if s == nil || *s != (source{"prometheus", "${datasource}"}) {
		t.Errorf("%s: its data source is %+v, want that of the variable", what, s)
	}
}

// mustFit puts the panel onto the grid, which is 24 wide.
func (p *panel) mustFit(t *testing.T, cells map[[2]int]string) {
	t.Helper()
	at := p.GridPos
	if at.W == 0 || at.H == 0 || at.X < 0 || at.X+at.W > 24 {
		t.Errorf("%s is at %+v", p.Title, at)
	}
	for x := at.X; x < at.X+at.W; x++ {
		for y := at.Y; y < at.Y+at.H; y++ {
			if other := cells[[2]int{x, y}]; other != "" {
				t.Errorf("%s lies over %s", p.Title, other)
				return
			}
			cells[[2]int{x, y}] = p.Title
		}
	}
}

func (p *panel) mustAsk(t *testing.T) {
	t.Helper()
	if p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
		t.Errorf("panel %d (%s) lacks a title, a description or targets", p.ID, p.Title)
	}
	p.Datasource.mustVary(t, p.Title)
	refs := map[string]bool{}
	for _, one := range p.Targets {
		one.Datasource.mustVary(t, p.Title)
		if one.RefID == "" || refs[one.RefID] {
			t.Errorf("%s: %q is no reference, or another target's", p.Title, one.RefID)
		}
		refs[one.RefID] = true
		if !strings.Contains(one.Expr, `job=~"$job"`) {
			t.Errorf("%s does not go by the chosen job: %s", p.Title, one.Expr)
		}
	}
}

// Prometheus understands what the dashboard, and the runbook, ask it.
func TestQueries(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	queries := d.queries()
	blocks := regexp.MustCompile("(?ms)^~~~ promql\n(.*?)^~~~$").FindAllStringSubmatch(read(t, runbookFile), -1)
	if len(blocks) == 0 {
		t.Error("found no query in the runbook")
	}
	for _, block := range blocks {
		queries = append(queries, block[1])
	}
	var rules strings.Builder
	rules.WriteString("groups:\n- name: queries\n  rules:\n")
	seen := map[string]bool{}
	for _, query := range queries {
		query = strings.ReplaceAll(query, "$__rate_interval", "5m")
		if seen[query] {
			continue
		}
		seen[query] = true
		quoted, err := json.Marshal(query) // which YAML reads, too
		if err != nil {
			t.Fatal(err)
		}
		rules.WriteString("  - record: query_" + strings.Repeat("x", len(seen)) + "\n    expr: " + string(quoted) + "\n")
	}
	file := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

// alerts returns the names of all alerts, each once.
func alerts(t *testing.T) []string {
	t.Helper()
	all := slices.Compact(matches(read(t, rulesFile), `(?m)^ +- alert: (\w+)$`))
	if len(all) == 0 {
		t.Fatalf("found no alert in %s", rulesFile)
	}
	return all
}

// matches returns the first group of each match.
func matches(text, pattern string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// promtool runs Prometheus's own tool. Where it is not installed the test is
// skipped, unless FAILOVER_REQUIRE=1 says that it must not be.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		const hint = "there is no promtool: install Debian's prometheus"
		if os.Getenv("FAILOVER_REQUIRE") == "1" {
			t.Fatal(hint)
		}
		t.Skip(hint)
	}
	if output, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}
