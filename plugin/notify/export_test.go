package notify

import (
	"context"
	"net/http"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// The bounds.
const (
	MaxQueued = maxQueued
	MaxBatch  = maxBatch
)

// Reply is what came of an attempt.
type Reply struct {
	Err   error
	Final bool
	After time.Duration
}

// NewWith is New with another way to send.
func NewWith(c Config, send func(ctx context.Context, id string, body []byte) Reply) *Notifier {
	n := newNotifier(c)
	n.start(func(ctx context.Context, b batch) reply {
		r := send(ctx, b.id, b.body)
		return reply{r.Err, r.Final, r.After}
	})
	return n
}

// Send makes one attempt.
func Send(ctx context.Context, settings model.Notify, id string, body []byte) Reply {
	r, err := newReceiver(settings)
	if err != nil {
		return Reply{Err: err}
	}
	made := r.send(ctx, batch{id, body})
	return Reply{made.err, made.final, made.after}
}

// Sign returns the headers of a batch.
func Sign(id string, body []byte, secretFile string, now time.Time) (http.Header, error) {
	h := http.Header{}
	return h, sign(h, batch{id, body}, secretFile, now)
}

// RetryAfter is retryAfter.
var RetryAfter = retryAfter
