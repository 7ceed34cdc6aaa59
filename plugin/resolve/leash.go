package resolve

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"
)

// errBusy is why a question is not asked.
var errBusy = errors.New("no reply: the question before is still being answered")

// leash returns when ctx ends, whatever its Asker does: *forward* looks at ctx
// only between tries, and would leave no time for the fallback. An Asker that
// is let go of may go on for a while, but is not asked anew meanwhile, so that
// one that never returns costs one goroutine, and not one per retry.
type leash struct {
	// Read-only after Add.
	asker   Asker
	running *sync.WaitGroup

	out atomic.Bool // a question is being answered
}

type reply struct {
	msg *dns.Msg
	err error
}

// Ask asks one question at a time.
func (l *leash) Ask(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
	if !l.out.CompareAndSwap(false, true) {
		return nil, errBusy
	}
	replies := make(chan reply, 1)
	l.running.Go(func() {
		msg, err := safely(ctx, l.asker, q)
		l.out.Store(false) // first: the next hop is asked as soon as there is a reply
		replies <- reply{msg, err}
	})
	select {
	case r := <-replies:
		return r.msg, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func safely(ctx context.Context, asker Asker, q *dns.Msg) (msg *dns.Msg, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	return asker.Ask(ctx, q)
}
