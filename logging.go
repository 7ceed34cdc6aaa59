package failover

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/engine"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/policy"
	"github.com/coredns-failover/failover/plugin/resolve"
	"github.com/coredns-failover/failover/plugin/status"
	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/miekg/dns"
)

// logTransition says that a check's verdict changed: one line, however many
// records share the check.
func logTransition(owners []owner, t engine.Transition) {
	from := t.From.String()
	line := subject(owners) + ": " + from + " -> " + t.To.String() +
		" (was " + from + " for " + rounded(t.Held).String() + "): " + reason(owners[0], t)
	if t.To == verdict.Unhealthy {
		log.Warning(line)
		return
	}
	log.Info(line)
}

// reason is what the last probe found.
func reason(o owner, t engine.Transition) string {
	switch {
	case t.Reason != nil:
		return t.Reason.Error()
	case o.check().Invert:
		return "the check failed, and invert makes that a success"
	default:
		return "the check succeeded"
	}
}

// logBroken says that a check can not run on this machine, or runs again.
func logBroken(owners []owner, err error) {
	if err != nil {
		log.Errorf("%s: broken, its verdict stays as it is: %v", subject(owners), err)
		return
	}
	log.Infof("%s: runs again", subject(owners))
}

// subject names the target and check that a line is about, and the other
// records that share the check.
func subject(owners []owner) string {
	o := owners[0]
	check := o.check().String()
	if host := o.address.host(); host != "" {
		check += " for " + host
	}
	return o.address.String() + ", check " + check + others(owners)
}

// String names the target, and the address where the target is not itself one.
func (a *address) String() string {
	s := a.target.String()
	if a.target.Kind != model.Address {
		s += " (" + a.Addr.String() + ")"
	}
	return s
}

// String names the target and its record.
func (t *target) String() string {
	return "record " + display(t.record.Name) + ", tier " + strconv.Itoa(t.tier) + ", target " + t.Text
}

// mostNamed bounds the records that one line names.
const mostNamed = 3

// others names the records that share the check with the first.
func others(owners []owner) string {
	first := display(owners[0].address.target.record.Name)
	var names []string
	for _, o := range owners {
		if n := display(o.address.target.record.Name); n != first && !slices.Contains(names, n) {
			if len(names) == mostNamed {
				return fmt.Sprintf(" (shared with %s and more)", strings.Join(names, ", "))
			}
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (shared with %s)", strings.Join(names, ", "))
}

// logChange says that a record's active tier or state changed. What changed of a
// target has been said of its check.
func logChange(c change) {
	if c.Kind != status.RecordChanged {
		return
	}
	line := "record " + c.Name + ", " + c.Family + ": " + c.To + ", was " + c.From
	if c.state == policy.Normal {
		log.Info(line)
		return
	}
	log.Warning(line)
}

// logAlias says what a name stands for that targets are aliases of, or that
// nobody knows. It is one line, however many they are.
func logAlias(targets []*target, c resolve.Change) {
	line := targets[0].String()
	if more := len(targets) - 1; more > 0 {
		line += fmt.Sprintf(" (and %d more)", more)
	}
	switch c.Kind {
	case resolve.Resolved:
		log.Infof("%s: %s, was %s", line, listed(c.To.Addrs), listed(c.From.Addrs))
	case resolve.Answered:
		log.Infof("%s: resolves again", line)
	case resolve.Emptied:
		log.Warningf("%s: has no address, was %s", line, listed(c.From.Addrs))
	case resolve.Silent:
		log.Warningf("%s: no answer, it stays %s for now: %v", line, listed(c.To.Addrs), c.To.Err)
	case resolve.Expired:
		log.Warningf("%s: there has been no answer for too long, it has no address, was %s: %v",
			line, listed(c.From.Addrs), c.To.Err)
	}
}

// mostListed bounds the addresses that one line lists.
const mostListed = 8

func listed(addrs []netip.Addr) string {
	if len(addrs) == 0 {
		return "nothing"
	}
	var words []string
	for _, a := range addrs[:min(len(addrs), mostListed)] {
		words = append(words, a.String())
	}
	if more := len(addrs) - len(words); more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, " ")
}

// logLoop says that an alias of the record leads back to it.
func logLoop(r *record) {
	log.Errorf("record %s: an alias of it leads back to it through what other plugins answer, "+
		"so it is answered with SERVFAIL there", display(r.Name))
}

// logSigned says that replies of the next plugins can not be filtered.
func logSigned(r *record) {
	log.Warningf("record %s: what the next plugins answer comes signed, and is passed on as it is to those who ask "+
		"for signatures, healthy or not", display(r.Name))
}

// logGuard says how the guard of this server's uplink fares.
func logGuard(s engine.GuardState, err error) {
	switch s {
	case engine.GuardFailing:
		log.Errorf("guard: this server has lost its uplink, no verdict changes until it is back: %v", err)
	case engine.GuardBroken:
		log.Errorf("guard: broken, verdicts change without it: %v", err)
	default:
		log.Infof("guard: %v", s)
	}
}

// logState says that what is known can not be kept, or can again.
func logState(err error) {
	if err != nil {
		stateFileErrors.Inc()
		log.Errorf("state_file: it can not be written, a restart would know nothing newer: %v", err)
		return
	}
	log.Info("state_file: it is written again")
}

// logNotify says that a receiver does not take notifications, or does again. Its
// path and query may be a secret.
func logNotify(receiver string, err error) {
	host := "receiver"
	if u, parseErr := url.Parse(receiver); parseErr == nil {
		host = u.Scheme + "://" + u.Host
	}
	if err != nil {
		log.Errorf("notify %s: %v", host, err)
		return
	}
	log.Infof("notify %s: it takes them again", host)
}

// words puts what is told of a decision into words.
func (r *record) words(t told) string {
	switch t.kind {
	case policy.Answer:
		return t.state.String() + ", tier " + strconv.Itoa(int(t.tier)) + " answers"
	case policy.NoData:
		return t.state.String() + ", no data"
	case policy.Next:
		return t.state.String() + ", the next plugin answers"
	default:
		return t.state.String() + ", " + dns.RcodeToString[r.Fail.Rcode] + " is answered"
	}
}

// rounded cuts a duration to what an operator wants to read.
func rounded(d time.Duration) time.Duration {
	if d < time.Minute {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
