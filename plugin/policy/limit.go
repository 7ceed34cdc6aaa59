package policy

import (
	"math/rand/v2"
	"slices"
)

// Sample appends to picked limit of the numbers 0..n-1 in random order, each
// selection as likely as any other; or all of them in order, where limit is 0 or
// not below n. Route 53's multivalue answer is a limit of 8.
func Sample(picked []int, n, limit int) []int {
	if limit == 0 || limit >= n {
		for i := range n {
			picked = append(picked, i)
		}
		return picked
	}
	// Floyd's algorithm, which needs no list of all n. A number that comes up
	// twice stands for the last one of its round.
	first := len(picked)
	for last := n - limit; last < n; last++ {
		i := rand.IntN(last + 1)
		if slices.Contains(picked[first:], i) {
			i = last
		}
		picked = append(picked, i)
	}
	mine := picked[first:]
	rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
	return picked
}
