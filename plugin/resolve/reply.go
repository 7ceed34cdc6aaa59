package resolve

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// negativeTTL is that of a negative answer without SOA, which should not be
// kept at all (RFC 2308, section 5).
const negativeTTL = 5 * time.Second

// Why a reply is no answer.
var (
	errUnfit     = errors.New("the reply does not fit the question")
	errTruncated = errors.New("the reply is truncated")
	errReferral  = errors.New("the reply is a referral")
	errData      = errors.New("the reply is NXDOMAIN, but has data")
)

// after returns a with what reply adds to it, and whether that is the end; if
// not, the name that a has come to is to be asked for:
//
//	data at the end of its CNAMEs      -> the answer
//	NXDOMAIN                           -> empty: it speaks of that end (RFC 6604)
//	other errors behind CNAMEs         -> ask for their end, of which they speak
//	other errors                       -> no answer
//	SOA of a zone that has that end    -> empty (RFC 2308, section 2.2)
//	CNAMEs, nothing else               -> ask for their end
//	NS, not authoritative              -> a referral: no answer
//	only records of other names, types -> no answer
//	nothing                            -> empty (RFC 2308, section 2.2, type 3)
//
// Records of other names and types are passed over: nobody asked for them.
func (a Answer) after(reply *dns.Msg, qtype uint16) (Answer, bool, error) {
	unfit := fits(reply, a.Name, qtype)
	if _, failed := errors.AsType[errorCode](unfit); unfit != nil && !failed {
		return a, false, unfit
	}
	next, err := a.chase(reply.Answer, qtype)
	switch {
	case err != nil:
		return a, false, err
	case unfit != nil:
		return next.past(a, unfit)
	default:
		return next.end(a, reply)
	}
}

// end reports whether reply, which has led from one answer to a, is the end.
func (a Answer) end(from Answer, reply *dns.Msg) (Answer, bool, error) {
	a.Rcode = reply.Rcode
	soa, referred := authority(reply.Ns, a.Name)
	switch {
	case len(a.RRs) > 0:
		if reply.Rcode != dns.RcodeSuccess {
			return from, false, errData
		}
		return a, true, nil
	case soa != nil:
		a.TTL = min(a.TTL, ttl(soa), seconds(soa.Minttl))
		return a, true, nil
	case reply.Rcode == dns.RcodeNameError:
	case len(a.CNAMEs) > len(from.CNAMEs):
		return a, false, nil
	case referred && !reply.Authoritative:
		return from, false, errReferral
	case len(reply.Answer) > 0:
		return from, false, errUnfit
	}
	a.TTL = min(a.TTL, negativeTTL)
	return a, true, nil
}

// fits says why reply cannot answer the question for name, or nil. What is
// truncated lacks addresses, which must not look as if they had vanished.
func fits(reply *dns.Msg, name string, qtype uint16) error {
	switch {
	case reply == nil:
		return errSilence
	case !repeats(reply, name, qtype):
		return errUnfit
	case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		return errorCode(reply.Rcode)
	case reply.Truncated:
		return errTruncated
	default:
		return nil
	}
}

// errorCode is a code other than NOERROR and NXDOMAIN.
type errorCode int

// Error returns its name.
func (c errorCode) Error() string { return rcode(int(c)) }

// past goes on from where a reply that failed leads to: a plugin gives it that
// can not follow a CNAME out of its own data.
func (a Answer) past(from Answer, err error) (Answer, bool, error) {
	if len(a.CNAMEs) == len(from.CNAMEs) {
		return from, false, err
	}
	a.RRs = nil
	return a, false, nil
}

// repeats reports whether reply is one to the question for name.
func repeats(reply *dns.Msg, name string, qtype uint16) bool {
	if !reply.Response || len(reply.Question) != 1 {
		return false
	}
	q := reply.Question[0]
	return q.Qtype == qtype && q.Qclass == dns.ClassINET && same(q.Name, name)
}

// chase follows the CNAMEs among rrs from a, and takes the data at their end.
func (a Answer) chase(rrs []dns.RR, qtype uint16) (Answer, error) {
	for {
		if a.RRs = owned(rrs, a.Name, qtype); len(a.RRs) > 0 {
			a.TTL = min(a.TTL, smallest(a.RRs))
			return a, nil
		}
		cname := alias(rrs, a.Name)
		if cname == nil {
			return a, nil
		}
		if len(a.CNAMEs) == maxHops {
			return a, fmt.Errorf("more than %d CNAMEs in a row, at %s", maxHops, a.Name)
		}
		a.CNAMEs = append(a.CNAMEs, cname)
		a.Name = dns.CanonicalName(cname.Target)
		a.TTL = min(a.TTL, ttl(cname))
		if a.visited(a.Name) {
			return a, fmt.Errorf("CNAME loop at %s", a.Name)
		}
	}
}

// visited reports whether the chain has come by name.
func (a Answer) visited(name string) bool {
	for _, cname := range a.CNAMEs {
		if same(cname.Header().Name, name) {
			return true
		}
	}
	return false
}

// owned returns what name has of a type.
func owned(rrs []dns.RR, name string, qtype uint16) []dns.RR {
	var found []dns.RR
	for _, rr := range rrs {
		if is(rr, name, qtype) {
			found = append(found, rr)
		}
	}
	return found
}

// alias returns the CNAME of name, or nil. There can be but one (RFC 2181,
// section 10.1): of several, the first. One without a target (RDLENGTH 0, as in
// an update) is none.
func alias(rrs []dns.RR, name string) *dns.CNAME {
	for _, rr := range rrs {
		if cname, ok := rr.(*dns.CNAME); ok && cname.Target != "" && is(rr, name, dns.TypeCNAME) {
			return cname
		}
	}
	return nil
}

// authority returns the SOA of a zone that name is in, or nil, and whether
// there are name servers in its place.
func authority(rrs []dns.RR, name string) (soa *dns.SOA, referred bool) {
	for _, rr := range rrs {
		switch rr := rr.(type) {
		case *dns.SOA:
			if dns.IsSubDomain(rr.Hdr.Name, name) {
				return rr, false
			}
		case *dns.NS:
			referred = true
		}
	}
	return nil, referred
}

func is(rr dns.RR, name string, rrtype uint16) bool {
	h := rr.Header()
	return h.Rrtype == rrtype && h.Class == dns.ClassINET && same(h.Name, name)
}

// same compares names as RFC 4343 does.
func same(a, b string) bool { return strings.EqualFold(a, b) }

func smallest(rrs []dns.RR) time.Duration {
	least := ttl(rrs[0])
	for _, rr := range rrs[1:] {
		least = min(least, ttl(rr))
	}
	return least
}

func ttl(rr dns.RR) time.Duration { return seconds(rr.Header().Ttl) }

// seconds reads a TTL; one with the highest bit set is 0 (RFC 2181, section 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}

func rcode(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return fmt.Sprintf("RCODE%d", code)
}
