package engine

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"
)

type keyed string

func (k keyed) Key() string { return string(k) }

// Keys of the same hash are told apart, whichever comes and goes first.
func TestIndexTellsTwinsApart(t *testing.T) {
	for _, collide := range []bool{false, true} {
		x := newIndex[string, keyed]()
		if collide {
			x.hash = func(string) uint64 { return 7 }
		}
		checks := make(map[string]*Check[keyed])
		add := func(key string) {
			checks[key] = &Check[keyed]{owners: owners[keyed]{oldest: keyed(key)}}
			x.add(key, checks[key])
		}
		remove := func(key string) {
			x.remove(key, checks[key])
			delete(checks, key)
		}
		expect := func() {
			t.Helper()
			for key := range 5 {
				key := fmt.Sprint(key)
				if got := x.find(key); got != checks[key] {
					t.Errorf("collide %v: %s finds %p, want %p", collide, key, got, checks[key])
				}
			}
			if n := len(slices.Collect(x.all)); n != len(checks) {
				t.Errorf("collide %v: %d are in, want %d", collide, n, len(checks))
			}
		}
		expect()
		add("0")
		add("1")
		add("2")
		expect()
		remove("0")
		expect()
		add("3")
		add("0")
		expect()
		remove("1")
		expect()
		x.retain(func(c *Check[keyed]) bool { return c.owners.oldest == "2" })
		checks = map[string]*Check[keyed]{"2": checks["2"]}
		expect()
	}
}

// There are tens of thousands of checks: what is added to one is added to each.
func TestACheckHoldsLittle(t *testing.T) {
	if size := unsafe.Sizeof(Check[keyed]{}); size > 224 {
		t.Errorf("a check has %d bytes, want at most 224, a size that is allocated without waste", size)
	}
}
