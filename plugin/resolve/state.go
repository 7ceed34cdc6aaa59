package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// State is what is known of a name. The zero value is honest: nothing. What is
// not exported is what a Resolver needs to go on after a reload.
type State struct {
	// Addrs are those of both families, IPv4 first, sorted, each once. They must
	// not be changed.
	Addrs []netip.Addr
	// TTL is the smallest that Addrs were learned with; 0 without any.
	TTL time.Duration
	// Known is set once the name has had an address, or none by Threshold answers
	// without data. Until then nothing can be said of it.
	Known bool
	// Err is why the last look-up had no answer for one family or both; nil where
	// it had.
	Err error

	families [2]family // IPv4, IPv6
	tries    int       // look-ups in a row that had no answer for a family
	due      time.Time // when to look up next
}

// family is the state of one address family; its addresses are a part of
// State.Addrs.
type family struct {
	ttl    time.Duration // that its addresses were learned with
	run    int           // answers without data in a row, up to the threshold
	silent time.Time     // since when there has been no answer; zero while there is
}

// types are those that the addresses of each family are asked for with.
var types = [2]uint16{dns.TypeA, dns.TypeAAAA}

// finding is what one look-up found out about one family: addresses, which may
// be none, or why there was no answer.
type finding struct {
	addrs []netip.Addr
	ttl   time.Duration
	err   error
}

func (f finding) empty() bool { return f.err == nil && len(f.addrs) == 0 }

// Silent returns since when no answer has come for one family or both; zero
// while answers come.
func (s State) Silent() time.Time {
	since := s.families[0].silent
	if six := s.families[1].silent; since.IsZero() || !six.IsZero() && six.Before(since) {
		since = six
	}
	return since
}

// addrs returns the addresses of one family.
func (s State) addrs(i int) []netip.Addr {
	six := slices.IndexFunc(s.Addrs, netip.Addr.Is6)
	if six < 0 {
		six = len(s.Addrs)
	}
	if i == 0 {
		return s.Addrs[:six:six]
	}
	return s.Addrs[six:]
}

// after returns the state after a look-up at now. Empty answers are counted only
// where counts is set.
func (s State) after(found [2]finding, threshold int, counts bool, now time.Time) State {
	next := s
	next.Err = failure(found)
	next.tries = 0
	if next.Err != nil {
		next.tries = s.tries + 1
	}
	var addrs [2][]netip.Addr
	for i, f := range found {
		next.families[i], addrs[i] = s.families[i].after(f, s.addrs(i), threshold, counts, now)
	}
	none := next.families[0].run >= threshold && next.families[1].run >= threshold
	next.Known = s.Known || len(addrs[0])+len(addrs[1]) > 0 || none
	return next.with(addrs)
}

// after returns a family that had addrs, and what it has now. Each family is for
// itself, so that one that is missing once does not flap:
//
//	addresses -> these, and no others
//	empty     -> as before; none once threshold of them came in a row
//	no answer -> as before, and the run too: nothing is said by it
func (f family) after(found finding, addrs []netip.Addr, threshold int, counts bool, now time.Time) (
	family, []netip.Addr,
) {
	if found.err != nil {
		if f.silent.IsZero() {
			f.silent = now
		}
		return f, addrs
	}
	f.silent = time.Time{}
	if !found.empty() {
		f.run, f.ttl = 0, found.ttl
		return f, found.addrs
	}
	if counts {
		f.run = min(f.run+1, threshold)
	}
	if f.run >= threshold {
		return f, nil
	}
	return f, addrs
}

// failure says why there was no answer, for all families that had none.
func failure(found [2]finding) error {
	four, six := found[0].err, found[1].err
	switch {
	case four == nil:
		return six
	case six == nil:
		return four
	default:
		return fmt.Errorf("%w; %w", four, six)
	}
}

// with returns s with other addresses, and their TTL.
func (s State) with(addrs [2][]netip.Addr) State {
	all := slices.Concat(addrs[0], addrs[1])
	if !slices.Equal(all, s.Addrs) {
		s.Addrs = all
	}
	s.TTL = 0
	for i, f := range s.families {
		if len(addrs[i]) > 0 && (i == 0 || len(addrs[0]) == 0 || f.ttl < s.TTL) {
			s.TTL = f.ttl
		}
	}
	return s
}

// expiry returns when the first addresses expire for want of an answer; zero
// where none do.
func (s State) expiry(stale time.Duration) time.Time {
	var first time.Time
	for i, f := range s.families {
		if f.silent.IsZero() || len(s.addrs(i)) == 0 {
			continue
		}
		if at := f.silent.Add(stale); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// expired returns s without the addresses that have expired by now.
func (s State) expired(stale time.Duration, now time.Time) State {
	addrs := [2][]netip.Addr{s.addrs(0), s.addrs(1)}
	for i, f := range s.families {
		if !f.silent.IsZero() && !now.Before(f.silent.Add(stale)) {
			addrs[i] = nil
		}
	}
	return s.with(addrs)
}

// Remembered returns what is known of a name that had addrs, of both families,
// when somebody last looked.
func Remembered(addrs []netip.Addr, ttl time.Duration) State {
	sorted := slices.Compact(slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare))
	return State{Addrs: sorted, TTL: ttl, Known: len(sorted) > 0, families: [2]family{{ttl: ttl}, {ttl: ttl}}}
}
