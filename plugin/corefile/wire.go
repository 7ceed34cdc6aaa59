package corefile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Numbers of the DNS protocol by their names.

// queryType reads the name of a type that data can have, in any case. OPT and
// 128..255 are for the protocol itself (RFC 6895, 3.1).
func queryType(word string) (uint16, error) {
	return dataType(word, append(commonTypes(), "NS", "SOA"))
}

// dataType is queryType with the types that an error suggests.
func dataType(word string, common []string) (uint16, error) {
	t, found := dns.StringToType[strings.ToUpper(word)]
	if !found {
		return 0, unknown("type", word, common)
	}
	if t == dns.TypeNone || t == dns.TypeReserved || t == dns.TypeOPT || t >= 128 && t <= 255 {
		return 0, fmt.Errorf("%s is no type that data can have", quoted(word))
	}
	return t, nil
}

// commonTypes are those that an error suggests.
func commonTypes() []string {
	return []string{"A", "AAAA", "CAA", "HTTPS", "MX", "NAPTR", "PTR", "SRV", "SVCB", "TLSA", "TXT"}
}

// recordType reads a type that a record can answer. Not those that describe
// the zone or its signatures: they belong to the plugins that have the zone.
func recordType(word string) (uint16, error) {
	t, err := dataType(word, commonTypes())
	if err == nil && describesZone(t) {
		return 0, fmt.Errorf("%s belongs to the zone; a record can not answer it", quoted(word))
	}
	return t, err
}

func describesZone(t uint16) bool {
	return slices.Contains([]uint16{
		dns.TypeSOA, dns.TypeNS, dns.TypeDS, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY,
		dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM,
	}, t)
}

// failRcodes are what "fail closed" can answer: those that fit into the header
// (RFC 6895, 2.3), and NODATA.
func failRcodes() []string {
	return []string{
		"SERVFAIL", "REFUSED", "NODATA", "NOTIMP", "FORMERR", "NOTAUTH", "NOTZONE",
		"YXDOMAIN", "YXRRSET", "NXRRSET", "DSOTYPENI",
	}
}

// failRcode reads a response code of "fail closed", in any case.
func failRcode(word string) (int, error) {
	name := strings.ToUpper(word)
	if name == "NODATA" {
		return dns.RcodeSuccess, nil
	}
	if name == "NOERROR" {
		return 0, fmt.Errorf(`%s without data has a name of its own; write "NODATA"`, quoted(word))
	}
	if name == "NXDOMAIN" {
		return 0, fmt.Errorf(`%s would be wrong, the name does exist, and would deny all its types; write "NODATA"`,
			quoted(word))
	}
	if !slices.Contains(failRcodes(), name) {
		return 0, unknown("response code", word, failRcodes())
	}
	return dns.StringToRcode[name], nil
}
