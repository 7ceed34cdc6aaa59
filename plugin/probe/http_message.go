package probe

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
)

// maxHeaders bounds the bytes in front of a body, interim (1xx) responses
// included.
const maxHeaders = 64 << 10

// errHeaders is why an answer with more of them is given up.
var errHeaders = errors.New("headers larger than 64 KiB")

// scratch is what an exchange needs while it lasts, and the next can use again.
type scratch struct {
	request []byte
	asked   http.Request // says to http.ReadResponse which method it was
	limited limitedReader
	answer  *bufio.Reader // of limited
}

var scratches = sync.Pool{New: func() any { return &scratch{answer: bufio.NewReader(nil)} }}

// newScratch returns one for the answer on stream.
func newScratch(stream io.Reader) *scratch {
	s := scratches.Get().(*scratch)
	s.limited = limitedReader{stream: stream, left: maxHeaders, excess: errHeaders}
	s.answer.Reset(&s.limited)
	return s
}

// release gives it to the next exchange. Nothing may be read from the answer then.
func (s *scratch) release() {
	s.limited = limitedReader{}
	scratches.Put(s)
}

// request appends to b what goes on the wire for h. It asks for no encoding:
// bodies are searched as they come.
func (p *plan) request(b []byte, h hop) []byte {
	own := ""
	if h.own {
		own = p.check.Request.Header
	}
	for _, part := range [...]string{
		h.method, " ", h.path, " HTTP/1.1\r\nHost: ", h.authority(), "\r\n",
	} {
		b = append(b, part...)
	}
	if !h.keep {
		b = append(b, "Connection: close\r\n"...)
	}
	if saysLength[h.method] {
		b = append(b, "Content-Length: 0\r\n"...)
	}
	if !hasHeader(own, "User-Agent") {
		b = append(b, "User-Agent: coredns-failover\r\n"...)
	}
	b = append(b, own...)
	return append(b, "\r\n"...)
}

// saysLength has the methods that say so when they have no content, because
// they may have some (RFC 9110, 8.6).
var saysLength = map[string]bool{http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true}

// hasHeader reports whether one of lines is a header of that name.
func hasHeader(lines, name string) bool {
	for line := range strings.SplitSeq(lines, "\r\n") {
		if given, _, _ := strings.Cut(line, ":"); strings.EqualFold(given, name) {
			return true
		}
	}
	return false
}

// readAnswer returns the response to method, its body unread. Interim responses
// are skipped; 101 is none, for nothing follows it (RFC 9110, 15.2.2).
func (p *plan) readAnswer(ctx context.Context, s *scratch, method string) (*http.Response, error) {
	if err := p.expectHTTP(ctx, s.answer); err != nil {
		return nil, err
	}
	for {
		s.asked.Method = method
		answer, err := http.ReadResponse(s.answer, &s.asked)
		if err != nil {
			// A line that breaks off is malformed too, but that is not why.
			return nil, p.failure(ctx, reading, cmp.Or(s.limited.err, err))
		}
		if answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols {
			s.limited.left = math.MaxInt // who reads the body has a limit for it
			return answer, nil
		}
	}
}

// expectHTTP looks at the first bytes, so that a message can show what a server
// of another protocol says.
func (p *plan) expectHTTP(ctx context.Context, answer *bufio.Reader) error {
	const protocol = "HTTP/"
	start, err := answer.Peek(len(protocol))
	if string(start) == protocol {
		return nil
	}
	if len(start) > 0 && !strings.HasPrefix(protocol, string(start)) {
		start, _ = answer.Peek(answer.Buffered())
		return fmt.Errorf("not an HTTP response: %s", quote(string(start)))
	}
	if len(start) > 0 {
		return p.failure(ctx, reading, err)
	}
	return p.failure(ctx, waiting, err)
}

// limitedReader fails with excess once left bytes have been read; an
// io.LimitedReader would make that look like the end of the answer. It keeps its
// first error: the kernel tells a reset once, and then the end of the stream.
type limitedReader struct {
	stream io.Reader
	left   int
	excess error
	err    error
}

func (l *limitedReader) Read(b []byte) (int, error) {
	if l.left == 0 && l.err == nil {
		l.err = l.excess
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.stream.Read(b[:min(len(b), l.left)])
	l.left -= n
	l.err = err
	return n, err
}
