package failover

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// witness is a writer that notes who calls it.
type witness struct {
	sink
	callers []string
}

func (w *witness) WriteMsg(*dns.Msg) error {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		w.callers = append(w.callers, frame.Function)
		if !more {
			return nil
		}
	}
}

// What chose an answer is off the stack when it is written, or every query's stack
// would have to grow.
func TestReplyIsWrittenOnAShortStack(t *testing.T) {
	for _, q := range questions {
		w := new(witness)
		if _, err := q.handler(t).ServeDNS(context.Background(), w, q.msg()); err != nil {
			t.Error(err)
		}
		for _, caller := range w.callers {
			if strings.HasSuffix(caller, ".(*Failover).answer") {
				t.Errorf("%s: written by %s", q.name, strings.Join(w.callers, " <- "))
			}
		}
	}
}
