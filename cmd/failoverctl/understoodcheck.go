package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

func understandCheck(c *model.Check) understoodCheck {
	return understoodCheck{
		Check:      checkName(c),
		Asks:       asks(c),
		Schedule:   schedule(c),
		Thresholds: fmt.Sprintf("unhealthy after %d, healthy after %d", c.Threshold.Fall, c.Threshold.Rise),
	}
}

// checkName is the check in a few words; a check without a port has its address
// nowhere else.
func checkName(c *model.Check) string {
	if c.Port == 0 && c.Address != "" {
		return c.String() + " " + c.Address
	}
	return c.String()
}

// schedule says when a check is probed.
func schedule(c *model.Check) string {
	s := c.Schedule
	parts := []string{"every " + wait(s.Interval)}
	if s.FastInterval != s.Interval {
		parts = append(parts, wait(s.FastInterval)+" while in doubt")
	}
	if s.DownInterval != s.Interval {
		parts = append(parts, wait(s.DownInterval)+" while unhealthy")
	}
	parts = append(parts, "timeout "+wait(s.Timeout), fmt.Sprintf("jitter %d%%", s.Jitter))
	return strings.Join(parts, ", ")
}

// asks says what a check sends and what it takes for healthy, in the words of a
// Corefile.
func asks(c *model.Check) []string {
	var all []string
	add := func(set bool, format string, args ...any) {
		if set {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	r, e := c.Request, c.Expect
	add(c.Host != "", "host %s", c.Host)
	add(r.Method != "" && r.Method != http.MethodGet, "method %s", r.Method)
	for _, name := range headerNames(r.Header) {
		add(true, "header %s", name)
	}
	add(e.Status != model.StatusSet{}, "status %s", e.Status)
	add(e.Body != "", "body %s", strconv.Quote(e.Body))
	add(e.BodyRegexp != "", "body_regexp %s", strconv.Quote(e.BodyRegexp))
	add(r.FollowRedirects, "follow_redirects")
	add(r.Send != "", "send of %d bytes", len(r.Send))
	add(e.Banner != "", "expect %s", strconv.Quote(e.Banner))
	add(r.QueryType != 0, "type %s", typeName(r.QueryType))
	add(e.ExpiresIn != 0, "expires_in %s", wait(e.ExpiresIn))
	all = append(all, secured(c.TLS)...)
	return append(all, named([]flag{{"invert", c.Invert}, {"disabled", c.Disabled}, {"watch", c.Watch}})...)
}

// secured says how the peer of a check that speaks TLS is verified.
func secured(o model.TLSOptions) []string {
	if !o.Enabled {
		return nil
	}
	all := []string{"tls_servername " + o.ServerName}
	for _, file := range []struct{ word, path string }{
		{"certificate", o.CertFile}, {"key", o.KeyFile}, {"authorities", o.CAFile},
	} {
		if file.path != "" {
			all = append(all, file.word+" "+file.path)
		}
	}
	return append(all, named([]flag{{"insecure_skip_verify", o.InsecureSkipVerify}})...)
}

// safeURL leaves the password, and what a webhook often has for one, out of a
// URL: its query.
func safeURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "?"
	}
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.Redacted()
}
