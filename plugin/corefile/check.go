package corefile

import (
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

const checkUsage = "TYPE [ARGUMENT...]"

// check is one check line with its options.
type check struct {
	kind  *checkType
	line  line
	given given
	// model is complete but for the names that come from outside (forName).
	model model.Check
}

// checkType is a word behind "check": its arguments, its options and what it
// is before they are read.
type checkType struct {
	name      string
	usage     string
	min, max  int // number of arguments
	arguments func(c *check, args []string) error
	options   []property[check]
	start     model.Check
	none      bool // always healthy: no check at all
}

// checkTypes are the words of the grammar.
var checkTypes = []checkType{
	{
		name: "http", usage: "[PATH]", max: 1, arguments: webArguments,
		options: slices.Concat(probeOptions, hostOptions, webOptions, watchOptions),
		start:   model.Check{Type: model.HTTP, Port: 80},
	},
	{
		name: "https", usage: "[PATH]", max: 1, arguments: webArguments,
		options: slices.Concat(probeOptions, hostOptions, webOptions, tlsOptions, watchOptions),
		start:   model.Check{Type: model.HTTPS, Port: 443, TLS: model.TLSOptions{Enabled: true}},
	},
	{
		name: "tcp", usage: "PORT", min: 1, max: 1, arguments: portArgument,
		options: slices.Concat(probeOptions, tcpOptions, watchOptions),
		start:   model.Check{Type: model.TCP},
	},
	{
		name: "tls", usage: "PORT", min: 1, max: 1, arguments: portArgument,
		options: slices.Concat(probeOptions, hostOptions, tlsOptions, expiryOptions, watchOptions),
		start:   model.Check{Type: model.TLS, TLS: model.TLSOptions{Enabled: true}},
	},
	{
		name: "grpc", usage: "PORT [SERVICE]", min: 1, max: 2, arguments: grpcArguments,
		options: slices.Concat(probeOptions, hostOptions, tlsOptions, watchOptions),
		start:   model.Check{Type: model.GRPC},
	},
	{
		name: "dns", usage: "PORT NAME [TYPE]", min: 2, max: 3, arguments: dnsArguments,
		options: probeOptions,
		start:   model.Check{Type: model.DNS},
	},
	{
		name: "icmp", arguments: noArguments,
		options: probeOptions,
		start:   model.Check{Type: model.ICMP},
	},
	{
		name: "heartbeat", usage: "ID", min: 1, max: 1, arguments: heartbeatArgument,
		options: verdictOptions,
		start:   model.Check{Type: model.Heartbeat},
	},
	{name: "none", arguments: noArguments, none: true},
}

// The defaults of a check.
const (
	defaultInterval     = 10 * time.Second
	defaultFastInterval = 2 * time.Second
	defaultTimeout      = 4 * time.Second
	defaultJitter       = 10
	defaultThreshold    = 3
)

// parseCheck reads a check line of a record or of a target, or a guard.
func parseCheck(l line) (check, error) {
	kind, err := findCheckType(l.arg(0))
	if err != nil {
		return check{}, err
	}
	c := check{kind: kind, line: l, model: kind.start}
	c.model.Schedule = model.Schedule{Interval: defaultInterval, Jitter: defaultJitter}
	c.model.Threshold = model.Threshold{Fall: defaultThreshold, Rise: defaultThreshold}
	args := l.args()[1:]
	if err := arity(l.name()+" "+kind.name+" "+kind.usage, kind.min, kind.max, args); err != nil {
		return check{}, err
	}
	if err := kind.arguments(&c, args); err != nil {
		return check{}, err
	}
	if c.given, err = apply(&c, kind.options, l.block, kind.unknownOption); err != nil {
		return check{}, err
	}
	c.completeSchedule()
	return c, c.validate()
}

func findCheckType(word string) (*checkType, error) {
	known := make([]string, 0, len(checkTypes))
	for i := range checkTypes {
		if checkTypes[i].name == word {
			return &checkTypes[i], nil
		}
		known = append(known, checkTypes[i].name)
	}
	return nil, unknown("check type", word, known)
}

// forName returns the check with that name as its default host: the record's,
// or the address of a guard.
func (c *check) forName(name string) model.Check {
	m := c.model
	if m.Host == "" && c.kind.has("host") {
		m.Host = strings.TrimSuffix(name, ".")
	}
	if m.TLS.ServerName == "" && m.TLS.Enabled {
		m.TLS.ServerName = m.Host
	}
	return m
}

// has reports whether the type has the option.
func (k *checkType) has(option string) bool {
	return slices.ContainsFunc(k.options, func(p property[check]) bool { return p.name == option })
}
