package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// step is a part of a probe, by what to say when it fails.
type step struct {
	late   string // the deadline passed: what is missing
	closed string // the server closed the connection
	other  string // what stands before any other reason
}

var (
	connecting  = step{"no connection", "connection closed by the server", "cannot connect"}
	handshaking = step{"TLS handshake not finished", "connection closed during the TLS handshake", "TLS handshake failed"}
	sending     = step{"request not sent", "connection closed by the server", "cannot send"}
	waiting     = step{"no answer", "connection closed without an answer", "bad answer"}
	reading     = step{"no complete answer", "connection closed before a complete response", "bad answer"}
)

// reasons says what an error means to an operator.
type reasons []struct {
	cause error
	words string
}

// remote are the reasons that lie with the server or the way to it.
var remote = reasons{
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ECONNRESET, "connection reset by the server"},
	{syscall.EPIPE, "connection closed by the server"},
	{syscall.EHOSTUNREACH, "no route to host"},
	{syscall.EHOSTDOWN, "host is down"},
	{syscall.ENETUNREACH, "network unreachable"},
	{errHeaders, errHeaders.Error()},
	{errHealth, errHealth.Error()},
}

// local are the reasons that lie with this machine. Only a local rule makes
// connect fail with EACCES or EPERM: those of a router arrive as unreachable.
var local = reasons{
	{syscall.EMFILE, "too many open files in this process"},
	{syscall.ENFILE, "too many open files on this machine"},
	{syscall.EADDRNOTAVAIL, "no free local address or port"},
	{syscall.ENOBUFS, "no buffer space left"},
	{syscall.ENOMEM, "out of memory"},
	{syscall.EAFNOSUPPORT, "this machine does not speak the address's protocol"},
	{syscall.EACCES, "forbidden by a rule of this machine"},
	{syscall.EPERM, "forbidden by a rule of this machine"},
}

// of returns the words for err, or "".
func (r reasons) of(err error) string {
	for _, reason := range r {
		if errors.Is(err, reason.cause) {
			return reason.words
		}
	}
	return ""
}

// failure puts into words why step at failed. A *Broken is returned for what is
// the fault of this machine, and context.Canceled is wrapped where ctx was
// cancelled, whatever that did to the connection.
func (p *plan) failure(ctx context.Context, at step, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("probe cancelled: %w", context.Canceled)
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return lookupFailure(lookup)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("%s within %s", at.late, p.check.Schedule.Timeout)
	}
	if words := local.of(err); words != "" {
		return &Broken{errors.New(words)}
	}
	return errors.New(at.words(err))
}

// lookupFailure tells a name that does not exist from a resolver that does not
// say: as with aliases, no answer is not an answer.
func lookupFailure(err *net.DNSError) error {
	if err.IsNotFound {
		return fmt.Errorf("no such host %s", quote(err.Name))
	}
	return &Broken{fmt.Errorf("the resolver does not say what %s is: %s", quote(err.Name), printable(err.Err))}
}

func (s step) words(err error) string {
	if words := remote.of(err); words != "" {
		return words
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.closed
	}
	if words := tlsWords(err); words != "" {
		return words
	}
	return s.other + ": " + printable(bare(innermost(err)))
}

// innermost is err without what package net says around it: which call failed on
// which address.
func innermost(err error) error {
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(err) {
		err = cause
	}
	return err
}

// maxQuoted is how many bytes of what a peer sent a message shows.
const maxQuoted = 64

// quote shows what a peer sent, cut to a length that a log line can bear.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "..."
	}
	return strconv.Quote(s)
}

// printable makes a library's message, which may hold what a peer sent, fit for
// a log.
func printable(s string) string {
	const longest = 2 * maxQuoted
	if len(s) > longest {
		s = s[:longest] + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
