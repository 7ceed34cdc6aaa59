package table

import (
	"fmt"
	"testing"
)

func names(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("n%d.example.org.", i))
	}
	return names
}

// Every name has a number of its own, whatever their number is.
func TestEveryNameHasANumberOfItsOwn(t *testing.T) {
	sizes := []int{1000, 100_000}
	for n := range 50 {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		names := names(n)
		table := New(names)
		had := make([]string, table.Size())
		for _, name := range names {
			number := table.Number([]byte(name))
			if had[number] != "" {
				t.Fatalf("of %d names %s and %s have the number %d", n, name, had[number], number)
			}
			had[number] = name
		}
	}
}

// A name that is not in the table has the number of another one.
func TestOtherNamesHaveANumber(t *testing.T) {
	table := New(names(10))
	for _, name := range names(1000) {
		if number := table.Number([]byte(name)); number < 0 || number >= table.Size() {
			t.Errorf("%s has the number %d", name, number)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		names := names(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				New(names)
			}
		})
	}
}
