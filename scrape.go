package failover

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
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
	s := scrape{ch: ch, pairs: make(map[label]*dto.LabelPair)}
	s.gauge(checksDesc, float64(stats.Checks), nil)
	s.gauge(brokenDesc, float64(stats.Broken), nil)
	s.gauge(watchedDesc, float64(healthcheck.lines.Len()), nil)
	for one := engine.NoGuard; one <= engine.GuardBroken; one++ {
		s.gauge(guardDesc, number(one == stats.Guard), s.with(nil, label{"state", one.String()}))
	}
	serving := healthcheck.serving()
	s.configuration(serving)
	records := serving.records()
	s.learned = serving.learned()
	// In the order that the registry wants: to sort them costs it more than all
	// the rest.
	for _, key := range slices.SortedFunc(maps.Keys(records), recordKey.compare) {
		s.record(records[key], s.with(nil, label{"record", display(key.name)},
			label{"server", key.server}, label{"view", key.view}, label{"zone", key.zone}))
	}
}

// scrape is one reading of all metrics.
type scrape struct {
	ch      chan<- prometheus.Metric
	learned map[*target][]*address
	pairs   map[label]*dto.LabelPair // that are made
}

func (s *scrape) gauge(d *prometheus.Desc, v float64, of labels) {
	s.ch <- &sample{d, of, prometheus.GaugeValue, v}
}

func (s *scrape) counter(d *prometheus.Desc, v uint64, of labels) {
	s.ch <- &sample{d, of, prometheus.CounterValue, float64(v)}
}

func (s *scrape) configuration(c *configuration) {
	if c == nil {
		return
	}
	s.gauge(configurationDesc, 1, s.with(nil, label{"hash", c.hash()}))
	if notifiers := c.operation.notifiers; len(notifiers) > 0 {
		queued := 0
		for _, n := range notifiers {
			queued += n.Queued()
		}
		s.gauge(queuedDesc, float64(queued), nil)
	}
	if file := healthcheck.file.Load(); file != nil {
		s.gauge(writtenDesc, timestamp(file.Written()), nil)
	}
}

func (s *scrape) record(r *record, its labels) {
	for tier := range len(r.Tiers) + 1 {
		s.counter(answersDesc, r.answered(tier), s.with(its, label{"tier", strconv.Itoa(tier)}))
	}
	for _, f := range r.families() {
		family := s.with(its, label{"family", f.String()})
		if a := r.answers[f].Load(); a != nil {
			s.gauge(activeTierDesc, float64(a.actual().Tier), family)
		}
		if r.Failback.Mode != model.FailbackAuto {
			s.gauge(heldDesc, number(r.waits(f)), family)
		}
	}
	state := r.state()
	for _, one := range policy.States {
		s.gauge(stateDesc, number(one == state), s.with(its, label{"state", one.String()}))
	}
	for t := range r.targets.each() {
		s.target(t, s.with(its, label{"target", t.Text}, label{"tier", strconv.Itoa(t.tier)}))
	}
}

func (s *scrape) target(t *target, its labels) {
	healthy, oldest := 0, time.Duration(0)
	addresses := slices.Concat(t.list(), s.learned[t])
	for _, a := range addresses {
		if a.verdict().Eligible() {
			healthy++
		}
		oldest = max(oldest, a.age())
	}
	s.gauge(healthyDesc, number(healthy > 0), its)
	s.gauge(addressesDesc, float64(len(addresses)), its)
	s.gauge(healthyAddressesDesc, float64(healthy), its)
	if t.naming != nil {
		known := t.naming.name.State()
		s.gauge(resolvedDesc, number(known.Err == nil), its)
		s.gauge(silentDesc, silence(known.Silent()), its)
	}
	if forced := t.forced(); forced != "" {
		s.gauge(forcedDesc, 1, s.with(its, label{"state", forced}))
	}
	if oldest > 0 {
		s.gauge(ageDesc, oldest.Seconds(), its)
	}
	for _, to := range []verdict.Verdict{verdict.Healthy, verdict.Unhealthy} {
		s.counter(transitionsDesc, uint64(t.transitions.to(to).Load()), s.with(its, label{"to", to.String()}))
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
