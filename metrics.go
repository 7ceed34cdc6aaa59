package failover

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/notify"
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
	probeDelay = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace:                   plugin.Namespace,
		Subsystem:                   name,
		Name:                        "probe_delay_seconds",
		Help:                        "Histogram of the time (in seconds) by which each probe started late, by type of check.",
		Buckets:                     []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10},
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
	}, []string{"type"})
)

var (
	notificationsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: name,
		Name:      "notifications_total",
		Help:      "Counter of notifications by result: delivered, retried or dropped.",
	}, []string{"result"})
	stateFileErrors = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: name,
		Name:      "state_file_errors_total",
		Help:      "Counter of times that writing the state file began to fail.",
	})
)

// Counters begin at 0, so that the first time counts as an increase.
func init() {
	for o := notify.Delivered; o <= notify.Dropped; o++ {
		countNotifications(o, 0)
	}
}

func countNotifications(o notify.Outcome, n int) {
	notificationsTotal.WithLabelValues(o.String()).Add(float64(n))
}

// observe returns the observer of a check's probes.
func observe(t model.CheckType) func(engine.Probed) {
	took, delay := probeDuration.WithLabelValues(string(t)), probeDelay.WithLabelValues(string(t))
	var counted [engine.Late + 1]prometheus.Counter
	for o := range counted {
		counted[o] = probesTotal.WithLabelValues(string(t), engine.Outcome(o).String())
	}
	return func(p engine.Probed) {
		if p.Outcome == engine.Early {
			return // nothing was found out, and nobody is late
		}
		counted[p.Outcome].Inc()
		took.Observe(p.Took.Seconds())
		delay.Observe(p.Delay.Seconds())
	}
}

// description of a metric that is read from the running configuration at each
// scrape, so that none outlives the record that it is about.
func description(metric, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, name, metric), help, labels, nil)
}

var (
	checksDesc  = description("checks", "Number of checks in the engine.")
	brokenDesc  = description("checks_broken", "Number of checks that can not run on this machine.")
	watchedDesc = description("watched_connections",
		"Number of idle connections that checks with watch have open, to notice when a peer ends.")
	guardDesc = description("guard_state",
		"1 for the state of the guard of this server's uplink, 0 for the others.", "state")

	configurationDesc = description("configuration_info",
		"1 for the hash of all that the Corefile says about failover.", "hash")
	queuedDesc  = description("notifications_queued", "Number of notifications that wait to be delivered.")
	writtenDesc = description("state_file_last_write_timestamp_seconds", "When the state file was last written.")

	answersDesc = description("answers_total",
		"Counter of answers by record and tier; tier 0 is those without a tier.",
		"server", "zone", "view", "record", "tier")
	activeTierDesc = description("record_active_tier",
		"Tier that answers by record and address family; 0 is none.",
		"server", "zone", "view", "record", "family")
	stateDesc = description("record_state",
		"1 for the state that a record is in, 0 for the others.",
		"server", "zone", "view", "record", "state")

	heldDesc = description("record_held",
		"Whether a better tier is eligible again and failback holds it back, by record and address family.",
		"server", "zone", "view", "record", "family")

	forcedDesc = description("target_forced",
		"1 for the state that an operator has forced on a target.",
		"server", "zone", "view", "record", "tier", "target", "state")
	silentDesc = description("target_resolve_silent_seconds",
		"Time for which the name that a target stands for has had no answer; 0 while it has.",
		"server", "zone", "view", "record", "tier", "target")
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
		checksDesc, brokenDesc, watchedDesc, guardDesc, configurationDesc, queuedDesc, writtenDesc,
		answersDesc, activeTierDesc, stateDesc, heldDesc,
		forcedDesc, healthyDesc, addressesDesc, healthyAddressesDesc, resolvedDesc, silentDesc, ageDesc, transitionsDesc,
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
	s.gauge(watchedDesc, float64(healthcheck.lines.Len()))
	for one := engine.NoGuard; one <= engine.GuardBroken; one++ {
		s.gauge(guardDesc, number(one == stats.Guard), one.String())
	}
	serving := healthcheck.serving()
	s.configuration(serving)
	records := serving.records()
	s.learned = serving.learned()
	// In the order that the registry wants: to sort them costs it more than all
	// the rest.
	for _, key := range slices.SortedFunc(maps.Keys(records), recordKey.compare) {
		s.labels = []string{key.server, key.zone, key.view, display(key.name)}
		s.record(records[key])
	}
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

func (s *scrape) configuration(c *configuration) {
	if c == nil {
		return
	}
	s.gauge(configurationDesc, 1, c.hash())
	if notifiers := c.operation.notifiers; len(notifiers) > 0 {
		queued := 0
		for _, n := range notifiers {
			queued += n.Queued()
		}
		s.gauge(queuedDesc, float64(queued))
	}
	if file := healthcheck.file.Load(); file != nil {
		s.gauge(writtenDesc, timestamp(file.Written()))
	}
}

func (s *scrape) record(r *record) {
	for tier := range len(r.Tiers) + 1 {
		s.counter(answersDesc, r.answered(tier), strconv.Itoa(tier))
	}
	for _, f := range r.families() {
		if a := r.answers[f].Load(); a != nil {
			s.gauge(activeTierDesc, float64(a.actual().Tier), f.String())
		}
		if r.Failback.Mode != model.FailbackAuto {
			s.gauge(heldDesc, number(r.waits(f)), f.String())
		}
	}
	state := r.state()
	for _, one := range policy.States {
		s.gauge(stateDesc, number(one == state), one.String())
	}
	for t := range r.targets.each() {
		s.target(t)
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
	if t.naming != nil {
		known := t.naming.name.State()
		s.gauge(resolvedDesc, number(known.Err == nil), labels...)
		s.gauge(silentDesc, silence(known.Silent()), labels...)
	}
	if forced := t.forced(); forced != "" {
		s.gauge(forcedDesc, 1, append(labels, forced)...)
	}
	if oldest > 0 {
		s.gauge(ageDesc, oldest.Seconds(), labels...)
	}
	for _, to := range []verdict.Verdict{verdict.Healthy, verdict.Unhealthy} {
		s.counter(transitionsDesc, uint64(t.transitions.to(to).Load()), append(labels, to.String())...)
	}
}

// timestamp is a time in seconds since 1970; 0 is never.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// silence is how long there has been no answer, in seconds.
func silence(since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return time.Since(since).Seconds()
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
