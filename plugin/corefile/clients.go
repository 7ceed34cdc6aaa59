package corefile

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// The options of a target that policies look at.

const (
	maxLatitude  = 90
	maxLongitude = 180
	maxBias      = 99 // Route 53's geoproximity bias
	maxWeight    = 255
)

func setWeight(t *target, l line) (err error) {
	t.options.Weight, err = integer(l.arg(0), 0, maxWeight)
	return err
}

func setLocation(t *target, l line) (err error) {
	var at model.Location
	if at.Latitude, err = degrees(l.arg(0), maxLatitude); err != nil {
		return err
	}
	if at.Longitude, err = degrees(l.arg(1), maxLongitude); err != nil {
		return err
	}
	if len(l.args()) > 2 {
		at.Bias, err = integer(l.arg(2), -maxBias, maxBias)
	}
	t.options.Location = &at
	return err
}

func setClients(t *target, l line) error {
	t.options.Clients = l.args()
	seen := make(map[string]bool, len(l.args())) // there may be thousands of networks
	for _, word := range l.args() {
		if err := clientsValue(word); err != nil {
			return err
		}
		if seen[word] {
			return fmt.Errorf("%s stands here twice", quoted(word))
		}
		seen[word] = true
	}
	return nil
}

// regions are the forms of a region's code, by what stands before its colon:
// ISO 3166-2, ISO 3166-1 alpha-2, and the seven of geoip.
var regions = map[string]struct {
	code    *regexp.Regexp
	example string
}{
	"subdivision": {regexp.MustCompile(`^[A-Z]{2}-[A-Z0-9]{1,3}$`), "subdivision:GB-ENG"},
	"country":     {regexp.MustCompile(`^[A-Z]{2}$`), "country:DE"},
	"continent":   {regexp.MustCompile(`^(AF|AN|AS|EU|NA|OC|SA)$`), "continent:EU"},
}

// clientsValue checks one value of clients: a region, a network, or "*".
func clientsValue(word string) error {
	if word == "*" {
		return nil
	}
	level, code, _ := strings.Cut(word, ":")
	region, found := regions[level]
	if !found {
		return clientsNetwork(word)
	}
	if region.code.MatchString(code) {
		return nil
	}
	if upper := strings.ToUpper(code); region.code.MatchString(upper) {
		return fmt.Errorf("%s has small letters; did you mean %q?", quoted(word), level+":"+upper)
	}
	return fmt.Errorf("%s is no %s; write it like %q", quoted(word), level, region.example)
}

func clientsNetwork(word string) error {
	_, err := cidr(word)
	if _, noAddress := netip.ParseAddr(word); err != nil && noAddress != nil {
		return fmt.Errorf(`%w; there are also regions, like "country:DE", and "*"`, err)
	}
	return err
}

// firstRegion returns the front of an error about the first region that decides
// an answer: under another policy nothing looks at it. Whether the server block
// can tell a client's region is not seen from here.
func (r *record) firstRegion() string {
	if r.answer.Policy != model.Clients {
		return ""
	}
	for _, t := range r.targets() {
		if i := slices.IndexFunc(t.options.Clients, isRegion); i >= 0 {
			word := t.given["clients"].words[0]
			return about(r.head, at(word, "clients %s", quoted(t.options.Clients[i]))).Error()
		}
	}
	return ""
}

// isRegion reports whether a value of clients, which is right, is a region.
func isRegion(word string) bool {
	level, _, _ := strings.Cut(word, ":")
	_, found := regions[level]
	return found
}
