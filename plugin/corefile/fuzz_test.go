package corefile_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/corefile"
	"github.com/coredns-failover/failover/plugin/model"
)

// errorForm is that of every error of this package.
var errorForm = regexp.MustCompile(`^[^\n]*:\d+: (record "[^\n]*"|failover): [^\n]+$`)

// caddysForm is that of errors of caddy's parser, which may quote anything.
var caddysForm = regexp.MustCompile(`^[^:\n]*:\d+ - `)

// readsFiles finds texts that would make caddy read files of this machine.
var readsFiles = regexp.MustCompile(`import\s+"?[^\s]*[/.*?\[{%]`)

// FuzzParse: any text gives a model that keeps its promises, or an error in the
// one form, and never a panic.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"valid", "invalid"} {
		for _, text := range corefiles(f, dir) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if readsFiles.MatchString(text) {
			t.Skip()
		}
		blocks, err := parse(text)
		checkError(t, err)
		for _, b := range blocks {
			checkBlock(t, b)
		}
		_, err = corefile.Parse(slices.Values(tokens(text)), []string{"."}) // without what caddy refuses
		checkError(t, err)
	})
}

// checkError lets caddy's own errors pass, which name no record.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil || !isOurs(err) {
		return
	}
	if !errorForm.MatchString(err.Error()) {
		t.Errorf("error has another form: %s", err)
	}
}

func isOurs(err error) bool {
	if caddysForm.MatchString(err.Error()) {
		return false
	}
	return strings.Contains(err.Error(), ": record ") || strings.Contains(err.Error(), ": failover: ")
}

func checkBlock(t *testing.T, b model.Block) {
	names := map[string]bool{}
	for _, r := range b.Records {
		if names[r.Name] || r.Name == "." || !strings.HasSuffix(r.Name, ".") {
			t.Errorf("name %q", r.Name)
		}
		names[r.Name] = true
		checkRecord(t, r)
	}
	if b.Region != "" && !errorForm.MatchString(b.Region+": message") {
		t.Errorf("region %q", b.Region)
	}
	if b.Heartbeat != "" && !errorForm.MatchString(b.Heartbeat+": message") {
		t.Errorf("heartbeat %q", b.Heartbeat)
	}
	if b.Process != nil {
		checkProcess(t, *b.Process)
	}
}

func checkProcess(t *testing.T, p model.Process) {
	if p.Place == "" || p.Stale < 0 || p.Stale > 7*24*time.Hour {
		t.Errorf("process out of range: %+v", p)
	}
	for i, server := range p.Resolver {
		a := server.Addr()
		if server.Port() == 0 || !a.IsValid() || a.Is4In6() || a.Zone() != "" || slices.Contains(p.Resolver[:i], server) {
			t.Errorf("resolver %v", server)
		}
	}
	checkOperating(t, p)
	if p.Guard == nil {
		return
	}
	checkCheck(t, *p.Guard)
	if p.Guard.Address == "" || p.Guard.Invert || p.Guard.Disabled || p.Guard.Watch {
		t.Errorf("guard %+v", p.Guard)
	}
}

// listenForm is that of an address to listen on.
var listenForm = regexp.MustCompile(`^(localhost|[0-9.]+|\[[0-9a-f:]+\])?:[+-]?\d+$`)

func checkOperating(t *testing.T, p model.Process) {
	if p.Admin != nil && !listenForm.MatchString(strings.ToLower(p.Admin.Addr)) {
		t.Errorf("admin %+v", p.Admin)
	}
	if f := p.StateFile; f != nil && (f.Path == "" || f.MaxAge < time.Second || f.MaxAge > 7*24*time.Hour) {
		t.Errorf("state file %+v", f)
	}
	for i, network := range p.StatusTo {
		if !network.IsValid() || network != network.Masked() || slices.Contains(p.StatusTo[:i], network) {
			t.Errorf("status to %v", network)
		}
	}
	for i, n := range p.Notify {
		checkNotify(t, n)
		if slices.ContainsFunc(p.Notify[:i], func(other model.Notify) bool { return n.URL == other.URL }) {
			t.Errorf("URL stands twice: %+v", n)
		}
	}
}

func checkNotify(t *testing.T, n model.Notify) {
	to, err := url.Parse(n.URL)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || to.User != nil || to.Fragment != "" {
		t.Errorf("URL of %+v: %v", n, err)
		return
	}
	speaksTLS := to.Scheme == "https"
	ok := n.Timeout >= 100*time.Millisecond && n.Timeout <= time.Minute &&
		speaksTLS == n.TLS.Enabled && speaksTLS == (n.TLS.ServerName != "") &&
		(speaksTLS || n.TLS == model.TLSOptions{}) && (n.TLS.CertFile == "") == (n.TLS.KeyFile == "") &&
		(n.Header == "" || strings.HasSuffix(n.Header, "\r\n"))
	if !ok {
		t.Errorf("notify out of range: %+v", n)
	}
}

func checkRecord(t *testing.T, r model.Record) {
	ok := len(r.Tiers) > 0 && len(r.Types) > 0 && r.Policy != "" &&
		r.TTL.Min >= 0 && r.TTL.Min <= r.TTL.Max && r.TTL.Max <= 24*time.Hour && r.TTL.Max%time.Second == 0 &&
		r.Limit >= 0 && r.Trickle >= 0 && r.Trickle < 100 && r.Fail.Rcode >= 0 && r.Fail.Rcode < 16
	if !ok {
		t.Errorf("record out of range: %+v", r)
	}
	for _, tier := range r.Tiers {
		if n := r.MinHealthy.Of(len(tier)); n < 1 || n > len(tier) {
			t.Errorf("%d of %d targets must be healthy", n, len(tier))
		}
		for _, target := range tier {
			checkTarget(t, target)
		}
	}
}

func checkTarget(t *testing.T, target model.Target) {
	ok := target.Addr.IsValid() == (target.Kind == model.Address) &&
		(target.Name != "") == (target.Kind == model.Alias) &&
		!target.Addr.Is4In6() && target.Addr.Zone() == "" &&
		target.Require <= len(target.Checks) && (target.Require > 0) == (len(target.Checks) > 0) &&
		target.Weight >= 0 && target.Weight <= 255
	if !ok {
		t.Errorf("target out of range: %+v", target)
	}
	for i, c := range target.Checks {
		if slices.Contains(target.Checks[:i], c) {
			t.Errorf("check stands twice: %+v", c)
		}
		checkCheck(t, c)
	}
}

func checkCheck(t *testing.T, c model.Check) {
	s := c.Schedule
	ok := s.Interval >= 100*time.Millisecond && s.FastInterval >= 100*time.Millisecond && s.FastInterval <= s.Interval &&
		s.DownInterval >= 100*time.Millisecond && s.Timeout > 0 && s.Timeout <= s.Interval &&
		s.Jitter >= 0 && s.Jitter <= 100 &&
		c.Threshold.Fall >= 1 && c.Threshold.Fall <= 10 && c.Threshold.Rise >= 1 && c.Threshold.Rise <= 10
	if !ok {
		t.Errorf("check out of range: %+v", c)
	}
	if !completeFor(c) {
		t.Errorf("check of type %s lacks something: %+v", c.Type, c)
	}
}

// completeFor reports whether the check has what its type needs.
func completeFor(c model.Check) bool {
	hasPort := c.Port != 0
	isWeb := c.Type == model.HTTP || c.Type == model.HTTPS
	speaksTLS := c.Type == model.HTTPS || c.Type == model.TLS || c.Type == model.GRPC && c.TLS.Enabled
	return hasPort == (c.Type != model.ICMP && c.Type != model.Heartbeat) &&
		isWeb == strings.HasPrefix(c.Request.Path, "/") &&
		isWeb == (c.Request.Method != "") &&
		isWeb == (c.Expect.Status != model.StatusSet{}) &&
		(isWeb || c.Type == model.TLS || c.Type == model.GRPC) == (c.Host != "") &&
		speaksTLS == c.TLS.Enabled &&
		speaksTLS == (c.TLS.ServerName != "") &&
		(c.TLS.CertFile == "") == (c.TLS.KeyFile == "")
}
