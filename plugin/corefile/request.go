package corefile

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// What http and https checks send, and what they want to get.

// The defaults of http and https checks.
const (
	defaultMethod = http.MethodGet
	defaultPath   = "/"
	defaultStatus = "200-399"
)

func webArguments(c *check, args []string) (err error) {
	c.model.Request.Method, c.model.Request.Path = defaultMethod, defaultPath
	if c.model.Expect.Status, err = model.ParseStatusSet(defaultStatus); err != nil {
		return err
	}
	if len(args) > 0 {
		c.model.Request.Path, err = path(args[0])
	}
	return err
}

// path reads a path with its query, as it goes on the wire.
func path(text string) (string, error) {
	if !strings.HasPrefix(text, "/") {
		return "", fmt.Errorf(`path %s must begin with "/"`, quoted(text))
	}
	if _, err := url.ParseRequestURI(text); err != nil || strings.ContainsFunc(text, isRaw) {
		return "", fmt.Errorf("path %s has what must be percent-encoded, such as %%20 for a space", quoted(text))
	}
	return text, nil
}

// isRaw reports whether the rune can not stand in a URL as it is.
func isRaw(r rune) bool { return r <= ' ' || r > '~' }

func setPort(c *check, l line) (err error) {
	c.model.Port, err = port(l.arg(0))
	return err
}

// setMethod leaves out CONNECT, which asks for a tunnel.
func setMethod(c *check, l line) (err error) {
	c.model.Request.Method, err = oneOf("method", l.arg(0),
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodTrace)
	return err
}

// fieldName is a token of RFC 9110, 5.6.2.
var fieldName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func addHeader(c *check, l line) error {
	if strings.EqualFold(l.arg(0), "Host") {
		return fmt.Errorf(`%s has an option of its own; write "host NAME"`, quoted(l.arg(0)))
	}
	field, err := header(l)
	c.model.Request.Header += field
	return err
}

// header reads the name and the value of a header, and returns them as they go
// on the wire.
func header(l line) (string, error) {
	name, value := l.arg(0), l.arg(1)
	if !fieldName.MatchString(name) {
		return "", fmt.Errorf("%s is no name of a header", quoted(name))
	}
	if isFraming(name) {
		return "", fmt.Errorf("%s can not be set: it is taken care of", quoted(name))
	}
	isControl := func(r rune) bool { return r < ' ' || r == 0x7f }
	if strings.ContainsFunc(value, isControl) {
		return "", fmt.Errorf("the value %s has a control character", quoted(value))
	}
	return name + ": " + value + "\r\n", nil
}

// isFraming reports whether the header says where the message ends.
func isFraming(name string) bool {
	return slices.ContainsFunc([]string{"Content-Length", "Transfer-Encoding", "Connection"}, func(s string) bool {
		return strings.EqualFold(s, name)
	})
}

func setStatus(c *check, l line) (err error) {
	c.model.Expect.Status, err = model.ParseStatusSet(l.arg(0))
	if err != nil {
		return fmt.Errorf(`%w; write it like "200" or "200-299,301"`, err)
	}
	return nil
}

func setBody(c *check, l line) error {
	c.model.Expect.Body = l.arg(0)
	return readable(l.arg(0))
}

// readable refuses what is longer than what is read.
func readable(text string) error {
	if len(text) > model.MaxBody {
		return fmt.Errorf("%s has %d bytes, but only %d of the answer are read", quoted(text), len(text), model.MaxBody)
	}
	return nil
}

func setBodyRegexp(c *check, l line) error {
	c.model.Expect.BodyRegexp = l.arg(0)
	if _, err := regexp.Compile(l.arg(0)); err != nil {
		return fmt.Errorf("%s is no regular expression: %w", quoted(l.arg(0)), err)
	}
	return nil
}
