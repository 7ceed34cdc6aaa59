package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// understood is what a Corefile means, in the words of a Corefile and with every
// default filled in. What may be secret is not in it: values of headers, and
// what a tcp check sends.
type understood struct {
	File    string             `json:"file"`
	Servers []understoodServer `json:"servers"`
}

type understoodServer struct {
	Keys    []string           `json:"keys"`
	Zones   []string           `json:"zones"`
	Process *understoodProcess `json:"process,omitempty"`
	Records []understoodRecord `json:"records"`
}

type understoodProcess struct {
	Guard     *understoodCheck   `json:"guard,omitempty"`
	Resolver  []netip.AddrPort   `json:"resolver,omitempty"`
	Stale     string             `json:"stale"`
	Admin     *understoodAdmin   `json:"admin,omitempty"`
	StateFile string             `json:"state_file,omitempty"`
	MaxAge    string             `json:"max_age,omitempty"`
	Notify    []understoodNotify `json:"notify,omitempty"`
	StatusTo  []netip.Prefix     `json:"status_to,omitempty"`
}

type understoodAdmin struct {
	Address   string `json:"address"`
	TokenFile string `json:"token_file,omitempty"`
	WebConfig string `json:"web_config,omitempty"`
}

type understoodNotify struct {
	URL        string   `json:"url"`
	SecretFile string   `json:"secret_file,omitempty"`
	Headers    []string `json:"headers,omitempty"` // names only
	Timeout    string   `json:"timeout"`
}

type understoodRecord struct {
	Name       string           `json:"name"`
	Types      []string         `json:"types"`
	TTL        string           `json:"ttl"`
	MinTTL     string           `json:"min_ttl"`
	Policy     string           `json:"policy"`
	Limit      int              `json:"limit,omitempty"` // 0 is all
	MinHealthy string           `json:"min_healthy"`
	Fail       string           `json:"fail"`
	Failback   string           `json:"failback"`
	Trickle    int              `json:"trickle_percent,omitempty"`
	Probe      []netip.Prefix   `json:"probe,omitempty"` // none is the default
	Observe    bool             `json:"observe,omitempty"`
	Tiers      []understoodTier `json:"tiers"`
}

type understoodTier struct {
	Tier    int                `json:"tier"`
	Targets []understoodTarget `json:"targets"`
}

type understoodTarget struct {
	Target  string            `json:"target"`
	Options []string          `json:"options,omitempty"` // as the Corefile has them
	Checks  []understoodCheck `json:"checks"`
	Require int               `json:"require"`
}

type understoodCheck struct {
	Check string `json:"check"` // in a few words: "http :80/healthz"
	// Asks says what is asked, and what is healthy.
	Asks []string `json:"asks,omitempty"`
	// Schedule and Thresholds say when it is probed, and what changes a verdict.
	Schedule   string `json:"schedule"`
	Thresholds string `json:"thresholds"`
}

func understand(path string, servers []server) understood {
	u := understood{File: path, Servers: []understoodServer{}}
	for _, s := range servers {
		if len(s.block.Records) == 0 && s.block.Process == nil {
			continue // failover is not told anything there
		}
		records := make([]understoodRecord, 0, len(s.block.Records))
		for i := range s.block.Records {
			records = append(records, understandRecord(&s.block.Records[i]))
		}
		u.Servers = append(u.Servers, understoodServer{
			Keys: s.keys, Zones: s.block.Zones, Process: understandProcess(s.block.Process), Records: records,
		})
	}
	return u
}

func understandProcess(p *model.Process) *understoodProcess {
	if p == nil {
		return nil
	}
	u := &understoodProcess{Resolver: p.Resolver, Stale: wait(p.Stale), StatusTo: p.StatusTo}
	if p.Guard != nil {
		guard := understandCheck(p.Guard)
		u.Guard = &guard
	}
	if p.Admin != nil {
		u.Admin = &understoodAdmin{p.Admin.Addr, p.Admin.TokenFile, p.Admin.WebConfig}
	}
	if p.StateFile != nil {
		u.StateFile, u.MaxAge = p.StateFile.Path, wait(p.StateFile.MaxAge)
	}
	for _, n := range p.Notify {
		u.Notify = append(u.Notify, understoodNotify{
			safeURL(n.URL), n.SecretFile, headerNames(n.Header), wait(n.Timeout),
		})
	}
	return u
}

func understandRecord(r *model.Record) understoodRecord {
	u := understoodRecord{
		Name:       strings.TrimSuffix(r.Name, "."),
		TTL:        wait(r.TTL.Max),
		MinTTL:     wait(r.TTL.Min),
		Policy:     string(r.Policy),
		Limit:      r.Limit,
		MinHealthy: minHealthy(r.MinHealthy),
		Fail:       fail(r.Fail),
		Failback:   failback(r.Failback),
		Trickle:    r.Trickle,
		Probe:      r.Probe,
		Observe:    r.Observe,
	}
	for _, t := range r.Types {
		u.Types = append(u.Types, typeName(t))
	}
	for i, tier := range r.Tiers {
		targets := make([]understoodTarget, 0, len(tier))
		for j := range tier {
			targets = append(targets, understandTarget(&tier[j]))
		}
		u.Tiers = append(u.Tiers, understoodTier{i + 1, targets})
	}
	return u
}

func understandTarget(t *model.Target) understoodTarget {
	u := understoodTarget{Target: t.Text, Options: options(t), Checks: []understoodCheck{}, Require: t.Require}
	for i := range t.Checks {
		u.Checks = append(u.Checks, understandCheck(&t.Checks[i]))
	}
	return u
}

// evaluated is the option of a target whose health is that of what it stands
// for.
const evaluated = "evaluate_target_health"

// options are those of a target that are not the default.
func options(t *model.Target) []string {
	var options []string
	if t.Weight != 1 {
		options = append(options, "weight "+strconv.Itoa(t.Weight))
	}
	if len(t.Clients) > 0 {
		options = append(options, "clients "+strings.Join(t.Clients, " "))
	}
	if l := t.Location; l != nil {
		text := fmt.Sprintf("location %v %v", l.Latitude, l.Longitude)
		if l.Bias != 0 {
			text += " " + strconv.Itoa(l.Bias)
		}
		options = append(options, text)
	}
	return append(options, named([]flag{
		{"cname", t.CNAME}, {evaluated, t.EvaluateTargetHealth}, {"drain", t.Drain},
	})...)
}

// flag is a word that stands in a Corefile or not.
type flag struct {
	name string
	set  bool
}

// named returns the names of flags that are set.
func named(flags []flag) []string {
	var names []string
	for _, f := range flags {
		if f.set {
			names = append(names, f.name)
		}
	}
	return names
}

func minHealthy(m model.MinHealthy) string {
	if m.Percent > 0 {
		return strconv.Itoa(m.Percent) + "%"
	}
	return strconv.Itoa(m.Count)
}

func fail(f model.Fail) string {
	switch f.Mode {
	case model.FailClosed:
		if f.Rcode == dns.RcodeSuccess {
			return "closed NODATA"
		}
		return "closed " + dns.RcodeToString[f.Rcode]
	case model.FailNext:
		return "next"
	}
	return "open"
}

func failback(f model.Failback) string {
	switch f.Mode {
	case model.FailbackAfter:
		return "after " + wait(f.After)
	case model.FailbackManual:
		return "manual"
	}
	return "auto"
}

func typeName(t uint16) string { return dns.Type(t).String() }

// wait is a duration as an operator would write it: "24h", not "24h0m0s".
func wait(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// headerNames returns the names of header lines: the values may be secret.
func headerNames(lines string) []string {
	var names []string
	for l := range strings.Lines(lines) {
		name, _, _ := strings.Cut(l, ":")
		names = append(names, name)
	}
	return slices.Compact(names)
}
