// Package exchange asks peers over TCP without a goroutine for each: it connects,
// sends a request and hands over what comes back first. All exchanges of a Loop
// have one epoll instance and one goroutine together. It does so on Linux; elsewhere
// no exchange begins.
package exchange

import "time"

// Stage is how far an exchange has come.
type Stage uint8

// The stages.
const (
	Connecting Stage = iota
	Sending
	Waiting // for an answer
)

// Handler is told how an exchange goes.
type Handler interface {
	// Request appends to b what is to be sent, which may be nothing. It may be called
	// more than once.
	Request(b []byte) []byte
	// Done is called once, at the end, on the goroutine of all exchanges, which it must
	// not keep waiting: with the first part of the peer's answer; with
	// nothing where none was to come; or with the error that ended the exchange at its
	// stage, os.ErrDeadlineExceeded and context.Canceled among them, and io.EOF where
	// the peer has closed the connection. An error of Sending may come with an answer.
	// answer is valid until Done returns.
	Done(c *Call, answer []byte, err error)
}

// Manner is how an exchange is held.
type Manner struct {
	Timeout time.Duration
	Answer  bool // wait for one
	Reset   bool // close with a reset, which leaves no TIME_WAIT behind
}
