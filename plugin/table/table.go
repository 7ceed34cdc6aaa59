// Package table numbers names, so that what belongs to one is found at once.
//
// It takes the place of a map, where a look-up goes from a directory to a group, from there
// to a key, and to its value at last: places in memory that are waited for one after the
// other, since of many names the one that is asked for is in no cache of the processor.
// Here the number of a name is known before anything that lies far away has been read; the
// name itself and what belongs to it are waited for together.
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
	// displaced is how the names of a bucket are: moved by so much, or where it is
	// negative, the only one there has the number ^displaced.
	displaced []int32
	// text is all names in the order of their numbers, side by side, each with a terminator
	// behind it; the name of number n begins at begins[n].
	text   []byte
	begins []uint32
}

// terminator is in no domain name: there it would be written "\000" (RFC 1035, 5.1).
const terminator = 0

// perBucket is how many names share a displacement. More make a smaller table, which takes
// longer to make.
const perBucket = 3

// mostMoves is how far a bucket is moved at most. It is only ever reached where two names
// have one hash.
const mostMoves = 1 << 24

// New returns a table of names, each of them once. They are domain names in their
// presentation format, less than 4 GiB in all.
func New(names []string) *Table {
	for {
		t := &Table{seed: maphash.MakeSeed(), displaced: make([]int32, len(names)/perBucket+1)}
		if numbers, ok := t.number(names); ok {
			t.write(names, numbers)
			return t
		}
	}
}

// Len returns how many names there are.
func (t *Table) Len() int { return len(t.begins) }

// Find returns the number of a name, and whether it is in the table.
func (t *Table) Find(name []byte) (number int, ok bool) {
	if t.Len() == 0 {
		return 0, false
	}
	hash := maphash.Bytes(t.seed, name)
	if number = int(^t.displaced[t.bucket(hash)]); number < 0 {
		number = place(hash, ^number, t.Len())
	}
	text := t.text[t.begins[number]:]
	return number, len(name) < len(text) && text[len(name)] == terminator && string(text[:len(name)]) == string(name)
}

// bucket returns that of a hash.
func (t *Table) bucket(hash uint64) int { return scale(hash, len(t.displaced)) }

// place returns which of n numbers a hash gets that is moved.
func place(hash uint64, moved, n int) int {
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
func (t *Table) number(names []string) (numbers []int, ok bool) {
	buckets := make([][]int, len(t.displaced))
	hashes := make([]uint64, len(names))
	for i, name := range names {
		hashes[i] = maphash.String(t.seed, name)
		b := t.bucket(hashes[i])
		buckets[b] = append(buckets[b], i)
	}
	order := make([]int, len(buckets))
	for b := range order {
		order[b] = b
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(len(buckets[b]), len(buckets[a])) })
	numbers, taken, free := make([]int, len(names)), make([]bool, len(names)), 0
	for _, b := range order {
		switch bucket := buckets[b]; len(bucket) {
		case 0:
			return numbers, true
		case 1:
			for taken[free] {
				free++
			}
			t.displaced[b], numbers[bucket[0]], taken[free] = int32(^free), free, true
		default:
			if t.displaced[b], ok = move(bucket, hashes, numbers, taken); !ok {
				return nil, false
			}
		}
	}
	return numbers, true
}

// move finds out how far the names of a bucket are to be moved so that the numbers of all
// of them are free, and takes these.
func move(bucket []int, hashes []uint64, numbers []int, taken []bool) (moved int32, ok bool) {
	for ; moved < mostMoves; moved++ {
		n := 0
		for ; n < len(bucket); n++ {
			number := place(hashes[bucket[n]], int(moved), len(taken))
			if taken[number] {
				break
			}
			numbers[bucket[n]], taken[number] = number, true
		}
		if n == len(bucket) {
			return moved, true
		}
		for _, i := range bucket[:n] {
			taken[numbers[i]] = false
		}
	}
	return 0, false
}

// write writes down the names in the order of their numbers.
func (t *Table) write(names []string, numbers []int) {
	ordered := make([]string, len(names))
	for i, name := range names {
		ordered[numbers[i]] = name
	}
	t.begins = make([]uint32, len(names))
	for number, name := range ordered {
		t.begins[number] = uint32(len(t.text))
		t.text = append(append(t.text, name...), terminator)
	}
}
