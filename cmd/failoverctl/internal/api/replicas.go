package api

import (
	"context"
	"sync"
	"time"
)

// Replicas are the servers that are asked, in the order that they were given.
type Replicas []*Client

// Result is what one of several servers replied, or why it did not.
type Result[T any] struct {
	Client *Client
	Value  T
	Err    error
}

// atOnce is how many servers are asked at the same time.
const atOnce = 16

// Each asks all servers at the same time, each for at most timeout, and returns
// what they reply in their order.
func Each[T any](
	ctx context.Context, replicas Replicas, timeout time.Duration, ask func(context.Context, *Client) (T, error),
) []Result[T] {
	results := make([]Result[T], len(replicas))
	turns := make(chan struct{}, atOnce)
	var asked sync.WaitGroup
	for i, c := range replicas {
		turns <- struct{}{}
		asked.Go(func() {
			defer func() { <-turns }()
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			value, err := ask(ctx, c)
			results[i] = Result[T]{c, value, err}
		})
	}
	asked.Wait()
	return results
}
