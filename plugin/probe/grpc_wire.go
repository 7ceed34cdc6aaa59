package probe

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// maxHealth bounds the bytes that the server of a grpc check is listened to: the
// library bounds each frame, but not their number.
const maxHealth = maxHeaders + 2*maxMessage

// errHealth is why a server that sends more is given up.
var errHealth = errors.New("answer larger than 72 KiB")

// wire is a connection as the gRPC library gets it. It keeps what the library
// would wrap in words of its own: how the server's answer started, and how the
// connection ended.
type wire struct {
	net.Conn
	opened *conn

	mu      sync.Mutex
	taken   bool
	limited limitedReader
	start   []byte // the first maxQuoted bytes and one
	ended   error
}

func newWire(stream net.Conn, opened *conn) *wire {
	return &wire{
		Conn:    stream,
		opened:  opened,
		limited: limitedReader{stream: stream, left: maxHealth, excess: errHealth},
	}
}

var errTaken = errors.New("one connection is all there is")

// once is a dialer that hands out the connection the first time.
func (w *wire) once(context.Context, string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.taken {
		return nil, errTaken
	}
	w.taken = true
	return w, nil
}

// Read is called by one goroutine at a time; the lock is for seen, and must not
// be held while Read waits.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.limited.Read(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	if room := maxQuoted + 1 - len(w.start); room > 0 {
		w.start = append(w.start, b[:min(n, room)]...)
	}
	w.ended = err
	return n, err
}

// Write does not fail: a server may answer and hang up before it has read
// everything. Read gets the answer, or else says why there is none.
func (w *wire) Write(b []byte) (int, error) {
	_, _ = w.Conn.Write(b)
	return len(b), nil
}

// seen returns how the server's answer started, and how the connection ended;
// nil if it has not.
func (w *wire) seen() (start []byte, ended error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.start, w.ended
}

// SetDeadline does nothing, as do the next two: the deadline is the context's,
// and the library would put it off.
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// Close does without the farewell of TLS, which could wait for the server.
func (w *wire) Close() error { return w.opened.Close() }

// isSettings reports whether start is, as far as it goes, that of a SETTINGS
// frame of stream 0, which an HTTP/2 server sends first (RFC 9113, 3.4 and 4.1).
func isSettings(start []byte) bool {
	const free = -1 // of the length, all but the first byte
	for i, want := range [...]int{0, free, free, 4, 0, 0, 0, 0, 0} {
		if i == len(start) {
			break
		}
		if want != free && int(start[i]) != want {
			return false
		}
	}
	return true
}
