package corefile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// notifyOptions are the words of notify's block.
var notifyOptions = slices.Concat([]property[model.Notify]{
	{name: "secret_file", usage: "PATH", min: 1, max: 1, set: setSecretFile},
	{name: "header", usage: "NAME VALUE", min: 2, max: 2, repeats: true, set: addNotifyHeader},
	{name: "timeout", usage: "DURATION", min: 1, max: 1, set: setNotifyTimeout},
}, notifyTLSOptions)

var notifyTLSOptions = tlsOptionsOf(func(n *model.Notify) *model.TLSOptions { return &n.TLS })

// The range of the timeout of a delivery. Who takes longer than a minute to take
// a notification in has not taken it in.
const (
	minNotifyTimeout = 100 * time.Millisecond
	maxNotifyTimeout = time.Minute
)

// addNotify reads a receiver of notifications, each of which stands once.
func addNotify(p *model.Process, l line) error {
	n, err := parseNotify(l)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.Notify, func(other model.Notify) bool { return other.URL == n.URL }) {
		return errors.New("another notify has this URL already; write all its options into one block")
	}
	p.Notify = append(p.Notify, n)
	return nil
}

func parseNotify(l line) (model.Notify, error) {
	to, err := receiver(l.arg(0))
	if err != nil {
		return model.Notify{}, err
	}
	n := model.Notify{URL: to.String(), Timeout: model.DefaultNotifyTimeout}
	given, err := apply(&n, notifyOptions, l.block, unknownOptionOf("notify", notifyOptions))
	if err != nil {
		return model.Notify{}, err
	}
	return n, completeTLS(&n, to, given)
}

// completeTLS fills in what follows from the URL.
func completeTLS(n *model.Notify, to *url.URL, given given) error {
	if to.Scheme == "https" {
		name, err := host(to.Hostname())
		n.TLS.Enabled, n.TLS.ServerName = true, cmp.Or(n.TLS.ServerName, name)
		return err
	}
	for _, o := range notifyTLSOptions {
		if _, found := given[o.name]; found {
			return given.at(o.name, "this receiver does not speak TLS; write an https URL, or leave out %s", o.name)
		}
	}
	return nil
}

// receiver reads the URL of a receiver, its host in small letters. What is wrong
// with it may be due to a secret in it, which errors must not show.
func receiver(text string) (*url.URL, error) {
	to, err := url.Parse(text)
	wrong := err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Hostname() == ""
	if strings.Contains(text, "@") && (wrong || to.User != nil) {
		return nil, errors.New("a name or password in the URL gets into logs; " +
			`leave it out, and add "header NAME VALUE" or "secret_file PATH" to its block`)
	}
	if wrong {
		return nil, fmt.Errorf(`%s is no http or https URL; write it like "https://hooks.example.net/failover"`,
			quoted(text))
	}
	if strings.Contains(text, "#") {
		return nil, errors.New(`what follows the "#" never gets to the receiver; leave it out`)
	}
	if strings.ContainsFunc(text, isRaw) {
		return nil, errors.New("the URL has what must be percent-encoded, such as %20 for a space")
	}
	to.Host = strings.ToLower(to.Host)
	return to, isReachable(to)
}

func isReachable(to *url.URL) error {
	_, err := host(to.Hostname())
	if err != nil || to.Port() == "" {
		return err
	}
	if _, err = port(to.Port()); err != nil {
		return fmt.Errorf("port %w", err)
	}
	return nil
}

func setSecretFile(n *model.Notify, l line) error {
	n.SecretFile = l.arg(0)
	return nil
}

func addNotifyHeader(n *model.Notify, l line) error {
	if strings.EqualFold(l.arg(0), "Host") {
		return fmt.Errorf("%s can not be set: it is the host of the URL", quoted(l.arg(0)))
	}
	field, err := header(l)
	n.Header += field
	return err
}

func setNotifyTimeout(n *model.Notify, l line) (err error) {
	n.Timeout, err = duration(l.arg(0), minNotifyTimeout, maxNotifyTimeout)
	return err
}
