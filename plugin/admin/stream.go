package admin

import (
	"fmt"
	"net/http"
	"time"
)

// reconnect is how long a reader that lost its stream should wait, in
// milliseconds.
const reconnect = 3000

// stream serves transitions as server-sent events, for as long as the reader
// takes them and has the right to.
func (a *api) stream(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	reader, ok := a.events.join()
	if !ok {
		w.Header().Set("Retry-After", "30")
		return fail(http.StatusServiceUnavailable, "there are %d streams already", a.limits.streams)
	}
	defer a.events.leave(reader)

	line := &line{w: w, control: http.NewResponseController(w), timeout: a.limits.event}
	// The deadline for the request's end would end the stream. That of a test's
	// writer can not be set, and need not.
	_ = line.control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // proxies would keep events back
	if r.Method == http.MethodHead || line.write("retry: %d\n\n", reconnect) != nil {
		return nil
	}
	a.pass(line, r, reader)
	return nil
}

func (a *api) pass(to *line, r *http.Request, from *reader) {
	alive := time.NewTicker(a.limits.keepAlive)
	defer alive.Stop()
	for {
		var err error
		select {
		case <-from.cut:
			return
		case <-r.Context().Done():
			return
		case e := <-from.queue:
			err = to.write("id: %d\nevent: transition\ndata: %s\n\n", e.id, e.data)
		case <-alive.C:
			if !a.stillAdmitted(r) {
				return
			}
			err = to.write(": still here\n\n")
		}
		if err != nil {
			return
		}
	}
}

// stillAdmitted looks at the credential again: a token that was taken away must
// not read on for days.
func (a *api) stillAdmitted(r *http.Request) bool {
	id, ok := a.gate.identify(r)
	return ok && id.role.may(reads)
}

// line is the way to a reader.
type line struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func (l *line) write(format string, args ...any) error {
	_ = l.control.SetWriteDeadline(time.Now().Add(l.timeout)) // see above
	if _, err := fmt.Fprintf(l.w, format, args...); err != nil {
		return err
	}
	return l.control.Flush()
}
