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
	"math/bits"
	"slices"
)

// Table is a minimal perfect hash function of names, by "hash, displace and compress"
// (Belazzougui, Botelho, Dietzfelbinger 2009): it gives each of n names a number of its own
// in 0..n-1, which a displacement for every few of them settles. It is read-only, and safe
// for concurrent use.
type Table struct {
	seed maphash.Seed
	// displaced is how far the names of a bucket are moved. Where it is negative there is
	// one name, and it has the number ^displaced.
	displaced []int32
	size      int
}

// perBucket is how many names share a displacement. More make a smaller table, which takes
// longer to make.
const perBucket = 3

// mostMoves is how far the names of a bucket are moved at most. It is reached only where
// two of them have one hash.
const mostMoves = 1 << 24

// New returns a table of names, each of which is there once.
func New(names []string) *Table {
	for {
		t := &Table{maphash.MakeSeed(), make([]int32, len(names)/perBucket+1), len(names)}
		if t.number(names) {
			return t
		}
	}
}

// Number returns the number of a name. One that is not in the table gets that of another.
func (t *Table) Number(name []byte) int {
	hash := maphash.Bytes(t.seed, name)
	moved := t.displaced[t.bucket(hash)]
	if moved < 0 {
		return int(^moved)
	}
	return place(hash, moved, t.size)
}

// bucket returns that of a hash.
func (t *Table) bucket(hash uint64) int { return scale(hash, len(t.displaced)) }

// place returns which of n numbers a hash has once it is moved.
func place(hash uint64, moved int32, n int) int {
	hash = (hash ^ uint64(moved)*0x9e3779b97f4a7c15) * 0xd6e8feb86659fd93
	return scale(hash^hash>>32, n)
}

// scale maps a hash to 0..n-1.
func scale(hash uint64, n int) int {
	scaled, _ := bits.Mul64(hash, uint64(n))
	return int(scaled)
}

// number gives each name its number, and reports whether that could be done. The largest
// buckets come first, while most numbers are free, and those with one name last, which get
// what is left.
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
	taken, free := make([]bool, len(names)), 0
	for _, b := range order {
		switch len(buckets[b]) {
		case 0:
			return true
		case 1:
			free += slices.Index(taken[free:], false)
			t.displaced[b], taken[free] = int32(^free), true
		default:
			moved, ok := move(buckets[b], taken)
			if !ok {
				return false
			}
			t.displaced[b] = moved
		}
	}
	return true
}

// move returns how far the hashes of a bucket are to be moved so that they have numbers
// which are free, and takes these.
func move(bucket []uint64, taken []bool) (moved int32, ok bool) {
	numbers := make([]int, len(bucket))
	for ; moved < mostMoves; moved++ {
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
