package failover

import (
	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/notify"

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
