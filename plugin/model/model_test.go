package model_test

import (
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
)

func TestMinHealthyOf(t *testing.T) {
	tests := []struct {
		min  model.MinHealthy
		size int
		want int
	}{
		{model.MinHealthy{Count: 1}, 1, 1},
		{model.MinHealthy{Count: 1}, 100, 1},
		{model.MinHealthy{Count: 3}, 4, 3},
		{model.MinHealthy{Percent: 50}, 4, 2},
		{model.MinHealthy{Percent: 50}, 5, 3}, // rounded up
		{model.MinHealthy{Percent: 1}, 3, 1},
		{model.MinHealthy{Percent: 100}, 3, 3},
		{model.MinHealthy{Percent: 67}, 3, 3},
		{model.MinHealthy{Percent: 66}, 3, 2},
		{model.MinHealthy{Percent: 50}, 0, 1}, // an empty tier is never eligible
	}
	for _, tt := range tests {
		if got := tt.min.Of(tt.size); got != tt.want {
			t.Errorf("%+v of %d is %d, want %d", tt.min, tt.size, got, tt.want)
		}
	}
}

func TestWildcard(t *testing.T) {
	tests := map[string]bool{
		"*.example.org.":     true,
		"*.":                 true,
		"www.example.org.":   false,
		"www.*.example.org.": false,
		"*a.example.org.":    false,
		".":                  false,
		"":                   false,
	}
	for name, want := range tests {
		if got := (&model.Record{Name: name}).Wildcard(); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}
