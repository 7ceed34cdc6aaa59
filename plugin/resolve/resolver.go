package resolve

import (
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Settings hold for all names of a Resolver.
type Settings struct {
	// Fallback is asked where a name's chain has no answer. It may be nil, and
	// must return when its context ends.
	Fallback Asker
	// Stale is how long addresses are kept without an answer; 0 is not at all.
	Stale time.Duration
	// Limit is how many names are looked up at once, at least 1. The others wait.
	Limit int
	// Began is when the process began: in its first 10 s answers without data do
	// not count.
	Began time.Time
}

// Spec is what makes a Name.
type Spec struct {
	// Name is absolute; a missing final dot is added.
	Name string
	// Chain is asked first.
	Chain Asker
	// Threshold is how many answers without data in a row make an address family
	// lose its addresses, at least 1.
	Threshold int
	// From is where the name starts: the state of the one in whose place it
	// stands, and the zero value for a name that nothing is known of. A look-up
	// that From was to have in future is had at that time.
	From State
	// Changed is told of each change, in order, one at a time and without any
	// lock held; the state is in place before. It may be nil. It should be quick:
	// it has a place among those that are looked up.
	Changed func(Change)
}

// Resolver keeps names resolved. An idle name is a timer and a few words of
// state; goroutines exist only while it is looked up.
type Resolver struct {
	settings Settings // read-only after New

	queue   queue
	running sync.WaitGroup // all goroutines

	mu    sync.Mutex
	names []*Name
	fresh []*Name // added, but not started
}

// New returns a resolver without names.
func New(s Settings) *Resolver {
	return &Resolver{settings: s, queue: queue{free: max(s.Limit, 1)}}
}

// Add adds a name, which waits for Start, or for Now.
func (r *Resolver) Add(s Spec) *Name {
	n := &Name{
		resolver:  r,
		name:      dns.CanonicalName(s.Name),
		threshold: max(s.Threshold, 1),
		changed:   s.Changed,
	}
	for i := range n.chain {
		n.chain[i].asker, n.chain[i].running = s.Chain, &r.running
	}
	n.state.Store(&s.From)
	n.timer = time.AfterFunc(latest, n.wake)
	n.timer.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names = append(r.names, n)
	r.fresh = append(r.fresh, n)
	return n
}

// Start begins to look up what has been added since the last Start, 1 ms apart.
func (r *Resolver) Start() {
	r.mu.Lock()
	fresh := r.fresh
	r.fresh = nil
	r.mu.Unlock()
	for i, n := range fresh {
		n.start(time.Duration(i) * spread)
	}
}

// Forget lets names that have had no answer yet be as if nobody had asked: what
// the chain could not tell before it may now.
func (r *Resolver) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.names {
		n.forget()
	}
}

// Stop ends all names added so far: it cancels what is in flight, and no change
// is reported that has not begun to be. Their states stay. It does not wait,
// and may be called from Changed.
func (r *Resolver) Stop() {
	r.mu.Lock()
	names := r.names
	r.names, r.fresh = nil, nil
	r.mu.Unlock()
	for _, n := range names {
		n.stop()
	}
}

// Wait blocks until no goroutine is left. Call it after Stop. A chain that does
// not heed its context is waited for.
func (r *Resolver) Wait() { r.running.Wait() }
