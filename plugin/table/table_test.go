package table

import (
	"fmt"
	"testing"
)

// Every name has a number of its own, whatever their number is.
func TestEveryNameHasANumberOfItsOwn(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 10, 1000, 100_000} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("n%d.example.org.", i))
		}
		table := New(names)
		if table.Len() != n {
			t.Errorf("of %d names there are %d", n, table.Len())
		}
		had := make(map[int]string)
		for _, name := range names {
			number, ok := table.Find([]byte(name))
			if !ok || number < 0 || number >= n || had[number] != "" {
				t.Fatalf("of %d names %s has the number %d, %v; %q had it", n, name, number, ok, had[number])
			}
			had[number] = name
		}
	}
}

// A name that is not in the table is not taken for one that is, be it a part of one or
// longer by something.
func TestOtherNamesAreNotIn(t *testing.T) {
	names := []string{".", "org.", "example.org.", "www.example.org."}
	table := New(names)
	for _, name := range names {
		for _, other := range []string{"", name[1:], name[:len(name)-1], name + ".", name + "\x00", "\x00" + name, "x" + name[1:]} {
			is := false
			for _, name := range names {
				is = is || name == other
			}
			if _, ok := table.Find([]byte(other)); ok != is {
				t.Errorf("%q is found: %v", other, ok)
			}
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("n%d.example.org.", i))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				New(names)
			}
		})
	}
}
