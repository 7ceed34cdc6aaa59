package corefile

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// record is what one directive says about all its names.
type record struct {
	head   line
	names  []string // lower case, fully qualified, in the order of the directive
	zones  []string
	given  given
	answer model.Settings
	// tiers by their number, from 1.
	tiers  map[int][]target
	health health
	// evaluate is evaluate_target_health for every target that is no address.
	evaluate bool
}

// recordProperties are the words of a record's block.
var recordProperties = []property[record]{
	{name: "primary", usage: "TARGET...", min: 1, max: many, block: true, repeats: true, set: addPrimary},
	{name: "secondary", usage: "TARGET...", min: 1, max: many, block: true, repeats: true, set: addSecondary},
	{name: "tier", usage: "N TARGET...", min: 2, max: many, block: true, repeats: true, set: addTier},
	{name: "check", usage: checkUsage, min: 1, max: many, block: true, repeats: true, set: addRecordCheck},
	{name: "require", usage: requireUsage, min: 1, max: 1, set: setRecordRequire},
	{name: "policy", usage: "all|weighted|sticky|clients|nearest|fastest", min: 1, max: 1, set: setPolicy},
	{name: "limit", usage: "N", min: 1, max: 1, set: setLimit},
	{name: "min_healthy", usage: "N|PERCENT%", min: 1, max: 1, set: setMinHealthy},
	{name: "ttl", usage: "DURATION [MIN]", min: 1, max: 2, set: setTTL},
	{name: "types", usage: "TYPE...", min: 1, max: many, set: setTypes},
	{name: "fail", usage: "open|closed [RCODE]|next", min: 1, max: 2, set: setFail},
	{name: "failback", usage: "auto|after DURATION|manual", min: 1, max: 2, set: setFailback},
	{name: "trickle", usage: "PERCENT%", min: 1, max: 1, set: setTrickle},
	flag("evaluate_target_health", func(r *record) *bool { return &r.evaluate }),
	{name: "probe", usage: "CIDR...", min: 1, max: many, set: setProbe},
	flag("observe", func(r *record) *bool { return &r.answer.Observe }),
}

// The defaults of a record.
const (
	defaultTTL        = 30 * time.Second
	defaultMinHealthy = 1
)

func newRecord(head line, zones []string) *record {
	return &record{
		head:  head,
		zones: zones,
		tiers: map[int][]target{},
		answer: model.Settings{
			Types:      []uint16{dns.TypeA, dns.TypeAAAA},
			TTL:        model.TTL{Max: defaultTTL, Min: defaultTTL},
			Policy:     model.All,
			MinHealthy: model.MinHealthy{Count: defaultMinHealthy},
		},
	}
}

// parseRecord reads a directive that has a name.
func parseRecord(head line, zones []string) (*record, error) {
	r := newRecord(head, zones)
	for _, w := range head.words[1:] {
		name, err := recordName(w.Text, zones)
		if err != nil {
			return nil, at(w, "%v", err)
		}
		r.names = append(r.names, name)
	}
	var err error
	r.given, err = apply(r, recordProperties, head.block, unknownProperty)
	if err != nil {
		return nil, err
	}
	for _, t := range r.targets() {
		t.options.EvaluateTargetHealth = t.options.EvaluateTargetHealth || r.evaluate && t.answer.Kind != model.Address
	}
	return r, r.validate()
}

// unknownProperty is the error for a word that is none of a record's.
func unknownProperty(word string) error {
	if slices.Contains(names(targetOptions), word) {
		return fmt.Errorf("%q is an option of a target; put it into the block of one", word)
	}
	if len(typesWith(word)) > 0 {
		return fmt.Errorf("%q is an option of a check; put it into the block of one", word)
	}
	if slices.Contains(names(processProperties), word) {
		return fmt.Errorf(`%q is a setting of the process; put it into a block without a name: "failover {"`, word)
	}
	return unknown("property", word, names(recordProperties))
}

// targets returns the targets of all tiers in their order.
func (r *record) targets() []*target {
	var all []*target
	for n := 1; n <= len(r.tiers); n++ {
		for i := range r.tiers[n] {
			all = append(all, &r.tiers[n][i])
		}
	}
	return all
}
