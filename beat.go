package failover

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// beats are the heartbeats that services have sent, by ID. Like health they
// outlive every configuration.
type beats struct {
	mu   sync.Mutex
	last map[string]beat
}

// beat is the last sign of life of a service.
type beat struct {
	known time.Time // since when there has been a check for it
	at    time.Time // zero before the first
}

// know makes an ID known, so that its beats count.
func (b *beats) know(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = make(map[string]beat)
	}
	if _, known := b.last[id]; !known {
		b.last[id] = beat{known: time.Now()}
	}
}

// retain forgets the IDs that no check has any more.
func (b *beats) retain(has func(id string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.last {
		if !has(id) {
			delete(b.last, id)
		}
	}
}

// beat takes a heartbeat in; it reports false where no check has its ID.
func (b *beats) beat(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, known := b.last[id]
	if !known {
		return false
	}
	last.at = time.Now()
	b.last[id] = last
	return true
}

func (b *beats) of(id string) beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last[id]
}

// heartbeat is the prober of a check of that type: it looks whether a beat came
// in time.
type heartbeat struct {
	beats *beats
	id    string
	lasts time.Duration // a beat
}

func newHeartbeat(b *beats, m *model.Check) heartbeat {
	b.know(m.Request.Name)
	return heartbeat{b, m.Request.Name, m.Schedule.Interval}
}

// Probe implements engine.Prober.
func (h heartbeat) Probe(context.Context) (time.Duration, error) {
	last := h.beats.of(h.id)
	switch {
	case !last.at.IsZero() && time.Since(last.at) <= h.lasts:
		return 0, nil
	case !last.at.IsZero():
		return 0, fmt.Errorf("no heartbeat for %v", rounded(time.Since(last.at)))
	case time.Since(last.known) <= h.lasts:
		return 0, early{}
	default:
		return 0, fmt.Errorf("no heartbeat ever, in %v", rounded(time.Since(last.known)))
	}
}

// early is the error of a heartbeat that may still come: nobody has waited for it
// as long as one may take.
type early struct{}

func (early) Error() string { return "no heartbeat yet" }

// Early says that this says nothing about the service.
func (early) Early() bool { return true }
