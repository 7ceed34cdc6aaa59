package rig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/bench/rig"
)

func TestPercentileIsTheNearestRank(t *testing.T) {
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(100-i))
	}
	for _, one := range []struct {
		samples []float64
		p, want float64
	}{
		{nil, 50, 0},
		{[]float64{7}, 99, 7},
		{[]float64{3, 1, 2}, 50, 2},
		{[]float64{4, 1, 2, 3}, 50, 2},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.9, 100},
	} {
		if got := rig.Percentile(one.samples, one.p); got != one.want {
			t.Errorf("percentile %v of %v is %v, want %v", one.p, one.samples, got, one.want)
		}
	}
}

type subject string

func (s subject) String() string { return string(s) }

func TestAlternateTakesTurnsAndMedians(t *testing.T) {
	var order strings.Builder
	n := 0.0
	medians, err := rig.Alternate(t.Context(), 3, []subject{"a", "b"},
		func(_ context.Context, s subject) (rig.Figures, error) {
			order.WriteString(s.String())
			n++
			return rig.Figures{"n": n * n}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if got := order.String(); got != "ababab" {
		t.Errorf("the order is %s", got)
	}
	if a, b := medians[0]["n"], medians[1]["n"]; a != 9 || b != 16 {
		t.Errorf("the medians are %v and %v, want 9 and 16", a, b)
	}
}

func TestAlternateSaysWhichRoundFailed(t *testing.T) {
	_, err := rig.Alternate(t.Context(), 2, []subject{"a"},
		func(context.Context, subject) (rig.Figures, error) { return nil, errors.New("no") })
	if fmt.Sprint(err) != "round 1 of a: no" {
		t.Errorf("the error is %v", err)
	}
}

func TestTableHasARatioForEachPeer(t *testing.T) {
	got := rig.Table([]rig.Measure{{
		What: "CPU per probe", Show: rig.Microseconds, Goal: rig.AtMost(40, 50, "at most 50 µs"),
		Figures: []rig.Figure{{"failover", 40e-6, 0}, {"HAProxy", 80e-6, 0}, {"gdnsd", 50e-6, 0.79}},
	}})
	want := `| what | program | measured | ours / theirs | goal |
|---|---|--:|--:|---|
| CPU per probe | failover | 40.0 µs |  | at most 50 µs: met |
|  | HAProxy | 80.0 µs | 0.50 |  |
|  | gdnsd | 50.0 µs | 0.79 |  |
`
	if got != want {
		t.Errorf("the table is\n%s", got)
	}
}

func TestUpdateReplacesASectionAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	update := func(name, note string) {
		t.Helper()
		section := rig.Section{Name: name, Title: name, Notes: []string{note}}
		if err := rig.Update(path, "Title", []rig.Section{section}); err != nil {
			t.Fatal(err)
		}
	}
	update("one", "first")
	update("two", "second")
	update("one", "third")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `# Title

<!-- begin one -->
## one

third
<!-- end one -->

<!-- begin two -->
## two

second
<!-- end two -->
`
	if string(got) != want {
		t.Errorf("the report is\n%s", got)
	}
}

func TestMissingSaysWhatToInstall(t *testing.T) {
	err := rig.Missing([]rig.Need{{"go", "golang"}, {"no-such-program", "its-package"}})
	want := "no-such-program not found; on Debian: apt-get install --no-install-recommends its-package"
	if fmt.Sprint(err) != want {
		t.Errorf("the error is %v", err)
	}
}
