package queue_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/queue"
)

type item struct {
	name  int
	place queue.Place
}

func (i *item) Place() *queue.Place { return &i.place }

func TestOrder(t *testing.T) {
	var q queue.Queue[*item]
	if _, ok := q.Next(); ok {
		t.Error("an empty queue has a next item")
	}
	a, b, c := &item{name: 1}, &item{name: 2}, &item{name: 3}
	q.Set(a, 3)
	q.Set(b, 1)
	q.Set(c, 2)
	q.Set(b, 4)
	if due, ok := q.Next(); due != 2 || !ok {
		t.Errorf("next is %d, %t", due, ok)
	}
	if !q.Remove(a) || q.Remove(a) {
		t.Error("an item is removed other than once")
	}
	if _, ok := q.Take(1); ok {
		t.Error("an item is taken before it is due")
	}
	for _, want := range []*item{c, b} {
		if got, ok := q.Take(4); got != want || !ok {
			t.Errorf("took %v, want %v", got, want)
		}
	}
}

// Whatever is set, moved and removed, items come out as a sorted list has them.
func TestAgainstAList(t *testing.T) {
	var q queue.Queue[*item]
	due := make(map[*item]time.Duration)
	items := make([]*item, 100)
	for i := range items {
		items[i] = &item{name: i}
	}
	for range 10_000 {
		i := items[rand.IntN(len(items))]
		if _, in := due[i]; rand.IntN(3) == 0 {
			if q.Remove(i) != in {
				t.Fatalf("item %d: want %t", i.name, in)
			}
			delete(due, i)
			continue
		}
		due[i] = time.Duration(rand.IntN(50))
		q.Set(i, due[i])
	}
	var want, got []time.Duration
	for _, d := range due {
		want = append(want, d)
	}
	slices.Sort(want)
	for i, ok := q.Take(50); ok; i, ok = q.Take(50) {
		got = append(got, due[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
