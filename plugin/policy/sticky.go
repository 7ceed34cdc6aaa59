package policy

import (
	"net/netip"

	"github.com/cespare/xxhash/v2"
)

// Networks of these sizes are one client to policy sticky: those that RFC 7871,
// 11.1, recommends to tell at most.
const (
	stickyBits4 = 24
	stickyBits6 = 56
)

// sticky chooses the target that scores highest together with the client's
// network (rendezvous hashing: Thaler and Ravishankar, 1996). So a client moves
// only when its target fails, and those of that target spread over all others.
// The score depends on nothing but network and word: servers, restarts and
// reloads agree on it.
func (s *step) sticky(q *query) int {
	client := hash(q.network())
	best, highest := none, uint64(0)
	for i := range s.options {
		o := &s.options[i]
		if !o.serves(q) {
			continue
		}
		if score := mix(client ^ s.rules.words[s.at][o.order]); best == none || score > highest {
			best, highest = i, score
		}
	}
	return best
}

// network is the client's network as far as it is known.
func (q *query) network() netip.Prefix {
	prefix := q.prefix()
	if !prefix.IsValid() {
		return prefix
	}
	bits := stickyBits6
	if prefix.Addr().Is4() {
		bits = stickyBits4
	}
	q.depend(bits)
	if prefix.Bits() > bits {
		// It is shorter than the address, so there is no error.
		prefix, _ = prefix.Addr().Prefix(bits)
	}
	return prefix
}

// hash is that of a network, whose length does not matter; 0 where it is not
// known.
func hash(network netip.Prefix) uint64 {
	if !network.IsValid() {
		return 0
	}
	addr := network.Addr().As16()
	return xxhash.Sum64(addr[:])
}

// mix spreads every bit of h over all others: the finalizer of MurmurHash3. XOR
// alone would give two targets scores that differ in the same bits for every
// client.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}
