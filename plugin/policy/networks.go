package policy

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// networks of one family, sorted by address and then by length, so that each
// stands behind those that contain it. It is read-only after build.
type networks []network

type network struct {
	address
	bits   int
	parent int // the smallest network that contains it, or none
	refs   []ref
}

// address is one of 128 bits; those of IPv4 have ::ffff:0:0/96 in front, and so
// have their lengths.
type address struct{ high, low uint64 }

func addressOf(a netip.Addr) address {
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// common is how many leading bits two addresses have in common.
func (a address) common(b address) int {
	if a.high != b.high {
		return bits.LeadingZeros64(a.high ^ b.high)
	}
	return 64 + bits.LeadingZeros64(a.low^b.low)
}

func (a address) compare(b address) int {
	return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low))
}

func (n *network) compare(a address, length int) int {
	return cmp.Or(n.address.compare(a), cmp.Compare(n.bits, length))
}

// offset is what lengths of the address's family are counted from.
func offset(a netip.Addr) int {
	if a.Is4() {
		return mapped
	}
	return 0
}

// add notes that a target stands for the network; build must follow.
func (ns *networks) add(p netip.Prefix, r ref) {
	*ns = append(*ns, network{addressOf(p.Masked().Addr()), p.Bits() + offset(p.Addr()), none, []ref{r}})
}

// build sorts the networks, makes one of those that are the same, and links each
// to the one that contains it.
func (ns *networks) build() {
	slices.SortStableFunc(*ns, func(a, b network) int { return a.compare(b.address, b.bits) })
	var built networks
	for _, n := range *ns {
		last := len(built) - 1
		if last >= 0 && built[last].compare(n.address, n.bits) == 0 {
			built[last].refs = append(built[last].refs, n.refs...)
			continue
		}
		n.parent = built.containing(last, n.address)
		built = append(built, n)
	}
	*ns = built
}

// containing returns the i-th network or the next larger one around it that
// contains the address, or none.
func (ns networks) containing(i int, a address) int {
	for i != none && ns[i].common(a) < ns[i].bits {
		i = ns[i].parent
	}
	return i
}

// find returns the smallest network that contains all of p, and how many leading
// bits of its address that depends on: all networks that an address with these
// bits is in are the same. If that is more than p has, more bits could lead to a
// smaller network.
func (ns networks) find(p netip.Prefix) (smallest, scope int) {
	if len(ns) == 0 {
		return none, 0
	}
	a, from := addressOf(p.Addr()), offset(p.Addr())
	next := ns.after(a, p.Bits()+from)
	scope = from
	// Of all networks the neighbours have the most bits in common with it.
	if next < len(ns) {
		scope = max(scope, ns[next].border(a))
	}
	if next > 0 {
		scope = max(scope, ns[next-1].border(a))
	}
	return ns.containing(next-1, a), scope - from
}

// border is how many leading bits tell whether an address that begins like a is
// in the network.
func (n *network) border(a address) int { return min(n.common(a)+1, n.bits) }

// after returns the first network that stands behind the one given.
func (ns networks) after(a address, length int) int {
	low, high := 0, len(ns)
	for low < high {
		if middle := (low + high) / 2; ns[middle].compare(a, length) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
