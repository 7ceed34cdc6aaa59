// Package table numbers names, so that what belongs to one is found at once.
//
// It takes the place of a map, where a look-up goes from a directory to a group, from there
// to a key, and to its value at last: places in memory that are waited for one after the
// other, since of many names the one that is asked for is in no cache of the processor.
// Here the number of a name is known before anything has been read that lies far away.
package table

import (
	"cmp"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
)

// Table is a perfect hash function of names, by "hash, displace and compress" (Belazzougui,
// Botelho, Dietzfelbinger 2009): it gives each name a number of its own, which a displacement
// for every few of them settles. It is read-only, and safe for concurrent use.
type Table struct {
	seed maphash.Seed
	// displaced is how far the names of a bucket are moved. It is read for each name, and
	// small enough to stay in the caches.
	displaced []uint16
	size      int
}

// perBucket is how many names share a displacement, on average. More make a smaller table,
// which takes longer to make.
const perBucket = 5

// spare is the share of the numbers that no name has, one in so many: with none the last
// names would have to be moved very far.
const spare = 32

// New returns a table of names, each of which is there once.
func New(names []string) *Table {
	for {
		t := &Table{maphash.MakeSeed(), make([]uint16, len(names)/perBucket+1), len(names) + len(names)/spare + 1}
		if t.number(names) {
			return t
		}
	}
}

// Size is above every number.
func (t *Table) Size() int { return t.size }

// Number returns the number of a name, 0 or more. One that is not in the table gets that
// of another, or one that no name has.
func (t *Table) Number(name []byte) int {
	hash := maphash.Bytes(t.seed, name)
	return place(hash, t.displaced[t.bucket(hash)], t.size)
}

// bucket returns that of a hash.
func (t *Table) bucket(hash uint64) int { return scale(hash, len(t.displaced)) }

// place returns which of n numbers a hash has once it is moved.
func place(hash uint64, moved uint16, n int) int {
	hash = (hash ^ uint64(moved)*0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93
	return scale(hash^hash>>32, n)
}

// scale maps a hash to 0..n-1.
func scale(hash uint64, n int) int {
	scaled, _ := bits.Mul64(hash, uint64(n))
	return int(scaled)
}

// number gives each name its number, and reports whether that could be done. The largest
// buckets come first, while most numbers are free.
func (t *Table) number(names []string) bool {
	buckets := make([][]uint64, len(t.displaced))
	for _, name := range names {
		hash := maphash.String(t.seed, name)
		b := t.bucket(hash)
		buckets[b] = append(buckets[b], hash)
	}
	order := make([]int, len(buckets))
	for b := range order {
		order[b] = b
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(len(buckets[b]), len(buckets[a])) })
	taken := make([]bool, t.size)
	for _, b := range order {
		moved, ok := move(buckets[b], taken)
		if !ok {
			return false
		}
		t.displaced[b] = moved
	}
	return true
}

// move returns how far the hashes of a bucket are to be moved so that they have numbers
// which are free, and takes these.
func move(bucket []uint64, taken []bool) (moved uint16, ok bool) {
	numbers := make([]int, len(bucket))
	for moved = range uint16(math.MaxUint16) {
		n := 0
		for ; n < len(bucket); n++ {
			numbers[n] = place(bucket[n], moved, len(taken))
			if taken[numbers[n]] {
				break
			}
			taken[numbers[n]] = true
		}
		if n == len(bucket) {
			return moved, true
		}
		for _, number := range numbers[:n] {
			taken[number] = false
		}
	}
	return 0, false
}
