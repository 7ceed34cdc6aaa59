package corefile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// processProperties are the words of the directive without a name.
var processProperties = []property[model.Process]{
	{name: "guard", usage: checkUsage, min: 1, max: many, block: true, set: setGuard},
	{name: "resolver", usage: "ADDRESS...", min: 1, max: many, set: setResolver},
	{name: "stale", usage: "DURATION", min: 1, max: 1, set: setStale},
	{name: "status_to", usage: "CIDR...", min: 1, max: many, set: setStatusTo},
	{name: "admin", usage: "ADDR", min: 1, max: 1, block: true, set: setAdmin},
	{name: "state_file", usage: "PATH", min: 1, max: 1, block: true, set: setStateFile},
	{name: "notify", usage: "URL", min: 1, max: 1, block: true, repeats: true, set: addNotify},
}

// addProcess reads the directive without a name, which stands once.
func (s *serverBlock) addProcess(directive line) error {
	word := directive.words[0]
	if !directive.hasBlock {
		return at(word, `it has neither a name nor a block; write "failover NAME... {"`)
	}
	if s.block.Process != nil {
		return at(word, "the settings of the process stand at %s already", s.block.Process.Place)
	}
	s.block.Process = &model.Process{Place: place(word), Stale: model.DefaultStale, StatusTo: model.DefaultStatusTo}
	_, err := apply(s.block.Process, processProperties, directive.block, unknownSetting)
	return err
}

// unknownSetting is the error for a word that is no setting of the process.
func unknownSetting(word string) error {
	if slices.Contains(names(recordProperties), word) {
		return fmt.Errorf(`%q is a property of a record; put it into a block with a name: "failover NAME... {"`, word)
	}
	for _, o := range processOptions {
		if slices.Contains(o.names, word) {
			return fmt.Errorf("%q is an option of %s; put it into its block", word, o.of)
		}
	}
	return unknown("property of the process", word, names(processProperties))
}

// processOptions are the words of the blocks that settings of the process open.
var processOptions = []struct {
	of    string
	names []string
}{
	{"admin", names(adminOptions)},
	{"state_file", names(stateFileOptions)},
	{"notify", names(notifyOptions)},
}

// unknownOptionOf returns the error for a word that is no option of a setting.
func unknownOptionOf[T any](setting string, options []property[T]) func(word string) error {
	return func(word string) error { return unknown("option of "+setting, word, names(options)) }
}

// maxStale is the most that RFC 8767, 4 recommends for a TTL: what is older than
// a week was kept by mistake.
const maxStale = 7 * 24 * time.Hour

func setStale(p *model.Process, l line) (err error) {
	p.Stale, err = duration(l.arg(0), 0, maxStale)
	return err
}

func setResolver(p *model.Process, l line) error {
	for _, word := range l.args() {
		server, err := serverAddress(word)
		if err != nil {
			return err
		}
		if slices.Contains(p.Resolver, server) {
			return fmt.Errorf("%s stands here twice", quoted(word))
		}
		p.Resolver = append(p.Resolver, server)
	}
	return nil
}

// dnsPort is the port of a resolver that gives none (RFC 1035, 4.2).
const dnsPort = 53

// serverAddress reads an address with or without a port. An IPv6 address with
// one stands in brackets.
func serverAddress(text string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(addr, dnsPort), usable(addr)
	}
	colon := strings.LastIndexByte(text, ':') // of the port, if there is one
	hostText, portText := text[:max(0, colon)], text[colon+1:]
	addr, found := hostAddress(hostText)
	if !found {
		return netip.AddrPort{}, fmt.Errorf(
			`%s is no address; write it like "192.0.2.53", "192.0.2.53:5353" or "[2001:db8::53]:5353"`, quoted(text))
	}
	number, err := port(portText)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %w", err)
	}
	return netip.AddrPortFrom(addr, number), usable(addr)
}

// hostAddress reads the address that stands in front of a port: one of IPv6 in
// brackets.
func hostAddress(text string) (addr netip.Addr, found bool) {
	v6, opened := strings.CutPrefix(text, "[")
	v6, closed := strings.CutSuffix(v6, "]")
	addr, err := netip.ParseAddr(v6)
	return addr, err == nil && opened == closed && opened == addr.Is6()
}

func setStatusTo(p *model.Process, l line) error {
	p.StatusTo = nil
	for _, word := range l.args() {
		network, err := cidr(word)
		if err != nil {
			return err
		}
		if slices.Contains(p.StatusTo, network) {
			return fmt.Errorf("%s stands here twice", quoted(word))
		}
		p.StatusTo = append(p.StatusTo, network)
	}
	return nil
}

// stateFileOptions are the words of state_file's block.
var stateFileOptions = []property[model.StateFile]{
	{name: "max_age", usage: "DURATION", min: 1, max: 1, set: setMaxAge},
}

// The range of max_age: what is older than a week says nothing about now.
const (
	minMaxAge = time.Second
	maxMaxAge = 7 * 24 * time.Hour
)

func setStateFile(p *model.Process, l line) error {
	file := model.StateFile{Path: l.arg(0), MaxAge: model.DefaultMaxAge}
	_, err := apply(&file, stateFileOptions, l.block, unknownOptionOf("state_file", stateFileOptions))
	p.StateFile = &file
	return err
}

func setMaxAge(f *model.StateFile, l line) (err error) {
	f.MaxAge, err = duration(l.arg(0), minMaxAge, maxMaxAge)
	return err
}
