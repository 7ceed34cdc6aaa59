//go:build !linux

package watch

// poll waits for each connection on a goroutine, which ends with the connection.
type poll struct{}

func (poll) add(_ *Poller, w *Watch) error { return poll{}.again(w) }

func (poll) again(w *Watch) error {
	go w.wait()
	return nil
}

func (poll) remove(*Watch) {}
func (poll) close()        {}

// wait returns when there is something to read, or the connection is closed.
func (w *Watch) wait() {
	asked := false
	_ = w.raw.Read(func(uintptr) bool {
		again := asked
		asked = true
		return again
	})
	if w.current() {
		w.ready()
	}
}

// current reports whether the watch has not been stopped.
func (w *Watch) current() bool {
	w.poller.mu.Lock()
	defer w.poller.mu.Unlock()
	return w.poller.watches[w.descriptor] == w
}
