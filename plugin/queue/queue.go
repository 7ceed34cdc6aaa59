// Package queue orders what is to happen by when it is due.
package queue

import (
	"container/heap"
	"time"
)

// Item is what waits in a Queue. Its place is the queue's own business: it starts at
// the zero value, and an item is in one queue at a time.
type Item interface{ Place() *Place }

// Place is where in its queue an item is; the zero value is nowhere.
type Place struct{ n int32 }

// Queue holds items by when they are due, which is counted from an instant of the
// caller's choice. All but Next takes O(log n). It must not be used by several
// goroutines at once.
type Queue[T Item] struct{ entries entries[T] }

// Set puts an item in, or moves it where it is in already.
func (q *Queue[T]) Set(item T, due time.Duration) {
	if n := item.Place().n; n > 0 {
		q.entries[n-1].due = due
		heap.Fix(&q.entries, int(n-1))
		return
	}
	heap.Push(&q.entries, entry[T]{due, item})
}

// Remove takes an item out and reports whether it was in.
func (q *Queue[T]) Remove(item T) bool {
	n := item.Place().n
	if n > 0 {
		heap.Remove(&q.entries, int(n-1))
	}
	return n > 0
}

// Next returns when the first item is due; false where there is none.
func (q *Queue[T]) Next() (due time.Duration, ok bool) {
	if len(q.entries) == 0 {
		return 0, false
	}
	return q.entries[0].due, true
}

// Take takes the first item out if it is due by now.
func (q *Queue[T]) Take(now time.Duration) (item T, ok bool) {
	if due, ok := q.Next(); !ok || due > now {
		return item, false
	}
	return heap.Pop(&q.entries).(entry[T]).item, true
}

type entry[T Item] struct {
	due  time.Duration
	item T
}

// entries is a heap.
type entries[T Item] []entry[T]

func (e entries[T]) Len() int           { return len(e) }
func (e entries[T]) Less(i, j int) bool { return e[i].due < e[j].due }

func (e entries[T]) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].item.Place().n, e[j].item.Place().n = int32(i+1), int32(j+1)
}

func (e *entries[T]) Push(x any) {
	*e = append(*e, x.(entry[T]))
	(*e)[len(*e)-1].item.Place().n = int32(len(*e))
}

func (e *entries[T]) Pop() any {
	last := len(*e) - 1
	gone := (*e)[last]
	(*e)[last] = entry[T]{} // for the garbage collector
	*e = (*e)[:last]
	gone.item.Place().n = 0
	return gone
}
