package failover

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	probesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: name,
		Name:      "probes_total",
		Help:      "Counter of probes by type of check and result: success, failure, broken or late.",
	}, []string{"type", "result"})
	probeDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace:                   plugin.Namespace,
		Subsystem:                   name,
		Name:                        "probe_duration_seconds",
		Help:                        "Histogram of the time (in seconds) each probe took, by type of check.",
		Buckets:                     plugin.TimeBuckets,
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
	}, []string{"type"})
)

// observe returns the observer of a check's probes.
func observe(t model.CheckType) func(engine.Outcome, time.Duration) {
	seconds := probeDuration.WithLabelValues(string(t))
	return func(o engine.Outcome, took time.Duration) {
		probesTotal.WithLabelValues(string(t), o.String()).Inc()
		seconds.Observe(took.Seconds())
	}
}

// description of a metric that is read from the running configuration at each
// scrape, so that none outlives the record that it is about.
func description(metric, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, name, metric), help, labels, nil)
}

var (
	checksDesc = description("checks", "Number of checks in the engine.")
	brokenDesc = description("checks_broken", "Number of checks that can not run on this machine.")
	guardDesc  = description("guard_state",
		"1 for the state of the guard of this server's uplink, 0 for the others.", "state")

	answersDesc = description("answers_total",
		"Counter of answers by record and tier; tier 0 is those without a tier.",
		"server", "zone", "view", "record", "tier")
	activeTierDesc = description("record_active_tier",
		"Tier that answers by record and address family; 0 is none.",
		"server", "zone", "view", "record", "family")
	stateDesc = description("record_state",
		"1 for the state that a record is in, 0 for the others.",
		"server", "zone", "view", "record", "state")

	healthyDesc = description("target_healthy",
		"Whether a target has a healthy (or unknown) address.",
		"server", "zone", "view", "record", "tier", "target")
	addressesDesc = description("target_addresses",
		"Number of addresses that a target stands for.",
		"server", "zone", "view", "record", "tier", "target")
	healthyAddressesDesc = description("target_addresses_healthy",
		"Number of those that are healthy (or unknown).",
		"server", "zone", "view", "record", "tier", "target")
	resolvedDesc = description("target_resolved",
		"Whether the name that a target stands for gets an answer.",
		"server", "zone", "view", "record", "tier", "target")
	ageDesc = description("target_last_probe_age_seconds",
		"Time since the last probe of the target's check that was probed longest ago.",
		"server", "zone", "view", "record", "tier", "target")
	transitionsDesc = description("target_transitions_total",
		"Counter of changes of verdict of a target's checks, by the verdict they led to.",
		"server", "zone", "view", "record", "tier", "target", "to")
)

func init() { prometheus.MustRegister(collector{}) }

// collector reads the configuration that runs now.
type collector struct{}

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		checksDesc, brokenDesc, guardDesc, answersDesc, activeTierDesc, stateDesc,
		healthyDesc, addressesDesc, healthyAddressesDesc, resolvedDesc, ageDesc, transitionsDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (collector) Collect(ch chan<- prometheus.Metric) {
	stats := healthcheck.engine.Stats()
	s := scrape{ch: ch}
	s.gauge(checksDesc, float64(stats.Checks))
	s.gauge(brokenDesc, float64(stats.Broken))
	for one := engine.NoGuard; one <= engine.GuardBroken; one++ {
		s.gauge(guardDesc, number(one == stats.Guard), one.String())
	}
	newest := healthcheck.newest()
	records := newest.records()
	s.learned = newest.learned()
	// In the order that the registry wants: to sort them costs it more than all
	// the rest.
	for _, key := range slices.SortedFunc(maps.Keys(records), recordKey.compare) {
		s.labels = []string{key.server, key.zone, key.view, display(key.name)}
		s.record(records[key])
	}
}

func (k recordKey) compare(other recordKey) int {
	return cmp.Or(cmp.Compare(k.name, other.name), cmp.Compare(k.server, other.server),
		cmp.Compare(k.view, other.view), cmp.Compare(k.zone, other.zone))
}

// scrape is one reading of all metrics.
type scrape struct {
	ch      chan<- prometheus.Metric
	learned map[*target][]*address
	labels  []string // of the record being read
}

func (s *scrape) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, slices.Concat(s.labels, labels)...)
}

func (s *scrape) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), slices.Concat(s.labels, labels)...)
}

func (s *scrape) record(r *record) {
	for tier, served := range r.served {
		s.counter(answersDesc, served.Load(), strconv.Itoa(tier))
	}
	for _, f := range r.families {
		if a := r.answers[f].Load(); a != nil {
			s.gauge(activeTierDesc, float64(a.measured.Tier), f.String())
		}
	}
	state := r.state()
	for _, one := range policy.States {
		s.gauge(stateDesc, number(one == state), one.String())
	}
	for _, tier := range r.tiers {
		for _, t := range tier {
			s.target(t)
		}
	}
}

func (s *scrape) target(t *target) {
	labels := []string{strconv.Itoa(t.tier), t.Text}
	healthy, oldest := 0, time.Duration(0)
	addresses := slices.Concat(t.list(), s.learned[t])
	for _, a := range addresses {
		if a.verdict().Eligible() {
			healthy++
		}
		oldest = max(oldest, a.age())
	}
	s.gauge(healthyDesc, number(healthy > 0), labels...)
	s.gauge(addressesDesc, float64(len(addresses)), labels...)
	s.gauge(healthyAddressesDesc, float64(healthy), labels...)
	if t.name != nil {
		s.gauge(resolvedDesc, number(t.name.State().Err == nil), labels...)
	}
	if oldest > 0 {
		s.gauge(ageDesc, oldest.Seconds(), labels...)
	}
	for _, to := range []verdict.Verdict{verdict.Healthy, verdict.Unhealthy} {
		s.counter(transitionsDesc, t.transitions[to].Load(), append(labels, to.String())...)
	}
}

// age is the time since the last probe of the check that was probed longest
// ago; 0 where none has been probed.
func (a *address) age() time.Duration {
	oldest := time.Duration(0)
	for _, c := range a.checks {
		if probed := c.Status().Probed; !probed.IsZero() {
			oldest = max(oldest, time.Since(probed))
		}
	}
	return oldest
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
