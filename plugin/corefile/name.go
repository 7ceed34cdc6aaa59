package corefile

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// maxName is the longest name as text, with its final dot (RFC 1035, 2.3.4:
// 255 bytes on the wire, where each label has a byte of its own).
const maxName = 254

// domainName returns a name lower case and fully qualified.
func domainName(text string) (string, error) {
	name := dns.CanonicalName(text)
	if _, ok := dns.IsDomainName(name); !ok || len(name) > maxName {
		return "", fmt.Errorf("%s is no domain name: each label has 1..63 letters, and all have 253 at most", quoted(text))
	}
	for _, r := range name {
		if r > '~' {
			return "", fmt.Errorf("%s is no domain name in ASCII; write its xn-- form", quoted(text))
		}
		if !isNameRune(r) {
			return "", fmt.Errorf("%s is no domain name: %q can not stand in one", quoted(text), r)
		}
	}
	if endsInDigits(name) {
		return "", fmt.Errorf("%s is neither an address nor a name: the last label of a name is not all digits", quoted(text))
	}
	return name, nil
}

// isNameRune reports whether the rune may stand in a canonical name. More may
// in the DNS, but in a Corefile it is a mistake.
func isNameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.", r)
}

// endsInDigits reports whether a name looks like an IPv4 address that is none:
// the top level domain has a letter (RFC 3696, 2).
func endsInDigits(name string) bool {
	name = strings.TrimSuffix(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// recordName returns the name of a record, which may be a wildcard, lower case
// and fully qualified.
func recordName(text string, zones []string) (string, error) {
	name, err := wildcardName(text)
	if err != nil {
		return "", err
	}
	if name == "." {
		return "", fmt.Errorf("%s is the root, which has no addresses", quoted(text))
	}
	if len(name) > maxName {
		return "", fmt.Errorf("%s is too long: a name has 253 letters at most", quoted(text))
	}
	for _, zone := range zones {
		if isBelow(name, zone) {
			return name, nil
		}
	}
	return "", outside(text, name, zones)
}

// outside is the error for a name in none of the zones, which may be meant
// relative to one.
func outside(text, name string, zones []string) error {
	if !strings.Contains(text, ".") && len(zones) > 0 {
		return fmt.Errorf("%s is not inside a zone of the server block; did you mean %q?",
			quoted(text), strings.TrimSuffix(name+zones[0], "."))
	}
	has := make([]string, 0, len(zones))
	for _, zone := range zones {
		has = append(has, quoted(zone))
	}
	return fmt.Errorf("%s is not inside a zone of the server block, which has %s",
		quoted(text), strings.Join(has, " and "))
}

func wildcardName(text string) (string, error) {
	if text == "*" {
		return "*.", nil
	}
	parent, wildcard := strings.CutPrefix(text, "*.")
	if strings.Contains(parent, "*") {
		return "", fmt.Errorf(`%s has a "*" that is not its whole first label`, quoted(text))
	}
	if !wildcard {
		return domainName(text)
	}
	if parent == "" {
		return "*.", nil
	}
	name, err := domainName(parent)
	return "*." + name, err
}

// isBelow reports whether the name is the zone or ends in it.
func isBelow(name, zone string) bool {
	return zone == "." || name == zone || strings.HasSuffix(name, "."+zone)
}

// parent cuts off the first label of a fully qualified name; it is "" for the
// root.
func parent(name string) string {
	if name == "." {
		return ""
	}
	if _, rest, _ := strings.Cut(name, "."); rest != "" {
		return rest
	}
	return "."
}

// usable refuses addresses that are none for a client, or not in their normal
// form.
func usable(addr netip.Addr) error {
	if addr.Zone() != "" {
		return fmt.Errorf("%s has a zone, which means something on one machine only", quoted(addr.String()))
	}
	if addr.Is4In6() {
		return fmt.Errorf("%s is an IPv4 address in IPv6 form; write %q", quoted(addr.String()), addr.Unmap())
	}
	return nil
}

// host reads an IP address or a host name, and returns it in its normal form:
// lower case, without the final dot.
func host(text string) (string, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.String(), usable(addr)
	}
	if strings.Contains(text, ":") {
		return "", fmt.Errorf("%s is neither an address nor a name; a port does not belong here", quoted(text))
	}
	name, err := domainName(text)
	if name == "." {
		err = fmt.Errorf("%s is no host name", quoted(text))
	}
	return strings.TrimSuffix(name, "."), err
}
