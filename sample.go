package failover

import (
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// sample is one value of one metric. Samples about the same thing share their
// labels: those that prometheus.NewConstMetric makes have each their own, which
// is most of the garbage of a scrape.
type sample struct {
	desc  *prometheus.Desc
	of    labels
	kind  prometheus.ValueType // a counter, or else a gauge
	value float64
}

// Desc implements prometheus.Metric.
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s *sample) Write(out *dto.Metric) error {
	out.Label = s.of
	if s.kind == prometheus.CounterValue {
		out.Counter = &dto.Counter{Value: &s.value}
	} else {
		out.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}

// labels say what a sample is about. They are sorted by name, as the registry
// wants them, and never change.
type labels []*dto.LabelPair

// label is a name and its value.
type label [2]string

// with returns labels and more of them.
func (s *scrape) with(l labels, more ...label) labels {
	all := make(labels, len(l), len(l)+len(more))
	copy(all, l)
	for _, one := range more {
		all = append(all, s.pair(one))
	}
	slices.SortFunc(all, func(a, b *dto.LabelPair) int { return cmp.Compare(*a.Name, *b.Name) })
	return all
}

// pair returns a label as all samples of a scrape share it.
func (s *scrape) pair(of label) *dto.LabelPair {
	made := s.pairs[of]
	if made == nil {
		made = &dto.LabelPair{Name: &of[0], Value: &of[1]}
		s.pairs[of] = made
	}
	return made
}
