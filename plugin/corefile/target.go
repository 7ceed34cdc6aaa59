package corefile

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// target is one word of a tier line, with the options of the line.
type target struct {
	answer  model.Target        // but for its options
	options model.TargetOptions // but for Checks, which build adds
	tier    int                 // its number, from 1
	line    line
	given   given
	health  health
}

// targetOptions are the words of a target's block.
var targetOptions = []property[target]{
	{name: "check", usage: checkUsage, min: 1, max: many, block: true, repeats: true, set: addTargetCheck},
	{name: "require", usage: requireUsage, min: 1, max: 1, set: setTargetRequire},
	{name: "weight", usage: "N", min: 1, max: 1, set: setWeight},
	{name: "clients", usage: "VALUE...", min: 1, max: many, set: setClients},
	{name: "location", usage: "LATITUDE LONGITUDE [BIAS]", min: 2, max: 3, set: setLocation},
	flag("cname", func(t *target) *bool { return &t.options.CNAME }),
	flag("evaluate_target_health", func(t *target) *bool { return &t.options.EvaluateTargetHealth }),
	flag("drain", func(t *target) *bool { return &t.options.Drain }),
}

// defaultWeight is Route 53's, too: equal odds for targets that say nothing.
const defaultWeight = 1

func addPrimary(r *record, l line) error   { return r.addTargets(1, l, l.args()) }
func addSecondary(r *record, l line) error { return r.addTargets(2, l, l.args()) }

func addTier(r *record, l line) error {
	n, err := integer(l.arg(0), 1, unlimited)
	if err != nil {
		return err
	}
	return r.addTargets(n, l, l.args()[1:])
}

// addTargets adds the targets of one line, which share its options.
func (r *record) addTargets(tier int, l line, words []string) error {
	shared := target{tier: tier, line: l, options: model.TargetOptions{Weight: defaultWeight}}
	var err error
	shared.given, err = apply(&shared, targetOptions, l.block, unknownTargetOption)
	if err != nil {
		return err
	}
	for _, word := range words {
		t := shared
		if err := t.setWord(word); err != nil {
			return err
		}
		r.tiers[tier] = append(r.tiers[tier], t)
	}
	return nil
}

// unknownTargetOption is the error for a word that is none of a target's.
func unknownTargetOption(word string) error {
	if len(typesWith(word)) > 0 {
		return fmt.Errorf("%q is an option of a check; put it into the block of one", word)
	}
	return unknown("option of a target", word, names(targetOptions))
}

// setWord says what the target is.
func (t *target) setWord(word string) error {
	t.answer.Text = word
	if err := t.setKind(word); err != nil {
		return err
	}
	return t.fitOptions()
}

func (t *target) setKind(word string) (err error) {
	if word == "next" {
		t.answer.Kind = model.Next
		return nil
	}
	if addr, err := netip.ParseAddr(word); err == nil {
		t.answer.Kind, t.answer.Addr = model.Address, addr
		return usable(addr)
	}
	t.answer.Kind = model.Alias
	t.answer.Name, err = aliasName(word)
	return err
}

func aliasName(word string) (string, error) {
	if err := misplaced(word); err != nil {
		return "", err
	}
	if strings.Contains(word, ":") {
		return "", fmt.Errorf("%s is neither an address nor a name; a port belongs to the check", quoted(word))
	}
	if _, err := cidr(word); err == nil {
		return "", fmt.Errorf("%s is a network; a target is an address, a name or next", quoted(word))
	}
	name, err := domainName(word)
	if name == "." {
		err = fmt.Errorf("%s is the root, which has no addresses", quoted(word))
	}
	return name, err
}

// misplaced is the error for a word of the grammar where a target should be.
// As a name it can be written with a final dot.
func misplaced(word string) error {
	if slices.Contains([]string{"primary", "secondary", "tier"}, word) {
		return fmt.Errorf("%q begins a line of its own; "+
			"a snippet of one line, imported twice in a row, looks like one line", word)
	}
	if slices.Contains(names(targetOptions), word) {
		return fmt.Errorf("%q is an option, which goes into a block behind the targets; if it is a name, write %q",
			word, word+".")
	}
	return nil
}

// fitOptions refuses options that the target's kind can not have.
func (t *target) fitOptions() error {
	if t.options.CNAME && t.answer.Kind != model.Alias {
		return t.given.at("cname", "%s is no domain name", quoted(t.answer.Text))
	}
	if t.options.EvaluateTargetHealth && t.answer.Kind == model.Address {
		return t.given.at("evaluate_target_health", "%s is an address, which has no health but by a check",
			quoted(t.answer.Text))
	}
	return nil
}

// key is what makes two targets of a record the same.
func (t *target) key() string {
	if t.answer.Kind == model.Address {
		return t.answer.Addr.String()
	}
	return cmp.Or(t.answer.Name, t.answer.Text)
}
