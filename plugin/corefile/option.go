package corefile

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// The options of a check, in tables by what they are for: each check type has
// some of the tables.

// verdictOptions are for every check but none.
var verdictOptions = []property[check]{
	{name: "interval", usage: "DURATION", min: 1, max: 1, set: setInterval},
	{name: "threshold", usage: "FALL [RISE]", min: 1, max: 2, set: setThreshold},
	flag("invert", func(c *check) *bool { return &c.model.Invert }),
	flag("disabled", func(c *check) *bool { return &c.model.Disabled }),
}

// probeOptions are for checks that go out and look.
var probeOptions = slices.Concat(verdictOptions, []property[check]{
	{name: "address", usage: "HOST", min: 1, max: 1, set: setAddress},
	{name: "fast_interval", usage: "DURATION", min: 1, max: 1, set: setFastInterval},
	{name: "down_interval", usage: "DURATION", min: 1, max: 1, set: setDownInterval},
	{name: "timeout", usage: "DURATION", min: 1, max: 1, set: setTimeout},
	{name: "jitter", usage: "PERCENT%", min: 1, max: 1, set: setJitter},
})

// hostOptions are for checks that tell the peer whom they want.
var hostOptions = []property[check]{
	{name: "host", usage: "NAME", min: 1, max: 1, set: setHost},
}

// watchOptions are for checks that can keep a connection open.
var watchOptions = []property[check]{
	flag("watch", func(c *check) *bool { return &c.model.Watch }),
}

var webOptions = []property[check]{
	{name: "port", usage: "N", min: 1, max: 1, set: setPort},
	{name: "method", usage: "METHOD", min: 1, max: 1, set: setMethod},
	{name: "header", usage: "NAME VALUE", min: 2, max: 2, repeats: true, set: addHeader},
	{name: "status", usage: "LIST", min: 1, max: 1, set: setStatus},
	{name: "body", usage: "STRING", min: 1, max: 1, set: setBody},
	{name: "body_regexp", usage: "REGEXP", min: 1, max: 1, set: setBodyRegexp},
	flag("follow_redirects", func(c *check) *bool { return &c.model.Request.FollowRedirects }),
}

var tcpOptions = []property[check]{
	{name: "send", usage: "STRING", min: 1, max: 1, set: setSend},
	{name: "expect", usage: "STRING", min: 1, max: 1, set: setExpect},
}

var tlsOptions = tlsOptionsOf(func(c *check) *model.TLSOptions { return &c.model.TLS })

// tlsOptionsOf are the options of what speaks TLS as the field says.
func tlsOptionsOf[T any](field func(*T) *model.TLSOptions) []property[T] {
	return []property[T]{
		{name: "tls", usage: "[CA | CERT KEY [CA]]", max: 3, set: func(t *T, l line) error {
			setTLS(field(t), l.args())
			return nil
		}},
		{name: "tls_servername", usage: "NAME", min: 1, max: 1, set: func(t *T, l line) (err error) {
			field(t).ServerName, err = host(l.arg(0))
			return err
		}},
		flag("insecure_skip_verify", func(t *T) *bool { return &field(t).InsecureSkipVerify }),
	}
}

var expiryOptions = []property[check]{
	{name: "expires_in", usage: "DURATION", min: 1, max: 1, set: setExpiresIn},
}

// unknownOption is the error for an option that the type does not have.
func (k *checkType) unknownOption(word string) error {
	if k.none {
		return errors.New(`"check none" probes nothing and has no options`)
	}
	if others := typesWith(word); len(others) > 0 {
		return fmt.Errorf("a check of type %s has no option %q; it is for %s", k.name, word, strings.Join(others, ", "))
	}
	return unknown("option of a check of type "+k.name, word, names(k.options))
}

// typesWith returns the check types that have the option.
func typesWith(option string) []string {
	var having []string
	for i := range checkTypes {
		if checkTypes[i].has(option) {
			having = append(having, checkTypes[i].name)
		}
	}
	return having
}

// checkRules are what a check must obey as a whole.
var checkRules = []func(*check) error{
	(*check).timesOutInTime,
	(*check).speedsUp,
	(*check).hasBody,
	(*check).speaksTLS,
}

func (c *check) validate() error {
	for _, rule := range checkRules {
		if err := rule(c); err != nil {
			return err
		}
	}
	return nil
}

// hasBody: the answer to HEAD has none (RFC 9110, 9.3.2).
func (c *check) hasBody() error {
	expects := c.model.Expect.Body != "" || c.model.Expect.BodyRegexp != ""
	if c.model.Request.Method == http.MethodHead && expects {
		return c.given.at("method", `the answer to "HEAD" has no body to search; use "GET"`)
	}
	return nil
}

// speaksTLS: only a grpc check can have options of TLS and not speak it.
func (c *check) speaksTLS() error {
	if c.model.Type != model.GRPC || c.model.TLS.Enabled {
		return nil
	}
	for _, o := range tlsOptions {
		if _, found := c.given[o.name]; found {
			return c.given.at(o.name, `this check does not speak TLS; add "tls"`)
		}
	}
	return nil
}
