package corefile

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// Whom a check speaks to, and the arguments of all types but http and https.

func noArguments(*check, []string) error { return nil }

func portArgument(c *check, args []string) (err error) {
	c.model.Port, err = port(args[0])
	return err
}

func grpcArguments(c *check, args []string) error {
	if len(args) > 1 {
		c.model.Request.Service = args[1]
	}
	return portArgument(c, args)
}

func dnsArguments(c *check, args []string) (err error) {
	if err = portArgument(c, args); err != nil {
		return err
	}
	if c.model.Request.Name, err = domainName(args[1]); err != nil {
		return err
	}
	c.model.Request.QueryType = dns.TypeA
	if len(args) > 2 {
		c.model.Request.QueryType, err = queryType(args[2])
	}
	return err
}

// heartbeatID fits into a URL and a metric's label as it is.
var heartbeatID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func heartbeatArgument(c *check, args []string) error {
	if !heartbeatID.MatchString(args[0]) {
		return fmt.Errorf(`%s is no ID of a heartbeat: it has 1..128 letters, digits, "-", "_" and "."`, quoted(args[0]))
	}
	if strings.Trim(args[0], ".") == "" {
		return fmt.Errorf("%s is no ID of a heartbeat: as a part of a URL it would mean another path", quoted(args[0]))
	}
	c.model.Request.Name = args[0]
	return nil
}

func setAddress(c *check, l line) (err error) {
	c.model.Address, err = host(l.arg(0))
	return err
}

func setHost(c *check, l line) (err error) {
	c.model.Host, err = host(l.arg(0))
	return err
}

// setTLS takes its files as the plugin forward does: CA, CERT KEY or CERT KEY
// CA. They are read whenever they are needed, since they may change.
func setTLS(t *model.TLSOptions, files []string) {
	t.Enabled = true
	if len(files) == 1 || len(files) == 3 {
		t.CAFile = files[len(files)-1]
	}
	if len(files) > 1 {
		t.CertFile, t.KeyFile = files[0], files[1]
	}
}

// maxExpiry: no certificate is valid for longer than some years.
const maxExpiry = 10 * 365 * 24 * time.Hour

func setExpiresIn(c *check, l line) (err error) {
	c.model.Expect.ExpiresIn, err = duration(l.arg(0), 0, maxExpiry)
	return err
}

func setSend(c *check, l line) (err error) {
	c.model.Request.Send, err = unescape(l.arg(0))
	return err
}

func setExpect(c *check, l line) (err error) {
	if c.model.Expect.Banner, err = unescape(l.arg(0)); err != nil {
		return err
	}
	return readable(c.model.Expect.Banner)
}
