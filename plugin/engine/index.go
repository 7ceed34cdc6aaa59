package engine

import (
	"hash/maphash"
	"slices"
)

// index finds checks by their keys. It holds but a hash of each, since keys may be
// large: the owner of a check tells the key itself.
type index[K comparable, O Owner[K]] struct {
	hash  func(K) uint64
	first map[uint64]*Check[O]
	twins []*Check[O] // whose hash another one had; practically none
}

func newIndex[K comparable, O Owner[K]]() index[K, O] {
	seed := maphash.MakeSeed()
	return index[K, O]{
		hash:  func(key K) uint64 { return maphash.Comparable(seed, key) },
		first: make(map[uint64]*Check[O]),
	}
}

// find returns the check that a key identifies, or nil.
func (x *index[K, O]) find(key K) *Check[O] {
	is := func(c *Check[O]) bool { return c.owners.oldest.Key() == key }
	if c := x.first[x.hash(key)]; c != nil && is(c) {
		return c
	}
	if i := slices.IndexFunc(x.twins, is); i >= 0 {
		return x.twins[i]
	}
	return nil
}

// add adds a check that is not in, and claimed.
func (x *index[K, O]) add(key K, c *Check[O]) {
	if hash := x.hash(key); x.first[hash] == nil {
		x.first[hash] = c
		return
	}
	x.twins = append(x.twins, c)
}

// remove takes a check out that is in.
func (x *index[K, O]) remove(key K, c *Check[O]) {
	if hash := x.hash(key); x.first[hash] == c {
		delete(x.first, hash)
		return
	}
	i := slices.Index(x.twins, c)
	x.twins = slices.Delete(x.twins, i, i+1)
}

// retain takes out those that keep is not true of; it is called once for each.
func (x *index[K, O]) retain(keep func(*Check[O]) bool) {
	for hash, c := range x.first {
		if !keep(c) {
			delete(x.first, hash)
		}
	}
	x.twins = slices.DeleteFunc(x.twins, func(c *Check[O]) bool { return !keep(c) })
}

// all yields those that are in.
func (x *index[K, O]) all(yield func(*Check[O]) bool) {
	for _, c := range x.first {
		if !yield(c) {
			return
		}
	}
	for _, c := range x.twins {
		if !yield(c) {
			return
		}
	}
}
