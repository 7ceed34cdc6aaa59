package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/coredns-failover/failover/plugin/status"
)

// Problem is why a server does not meet a request (RFC 9457).
type Problem struct {
	Title      string        `json:"title"`
	Status     int           `json:"status"` // of HTTP
	Detail     string        `json:"detail"`
	Reason     status.Reason `json:"reason"`
	Candidates []string      `json:"candidates"` // the IDs that an ambiguous name may stand for
}

// Error implements error.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if text == "" {
		text = fmt.Sprintf("it replies with status %d", p.Status)
	}
	if len(p.Candidates) > 0 {
		text += "; it may be " + strings.Join(p.Candidates, ", ")
	}
	if p.Status == http.StatusUnauthorized {
		text += advice
	}
	return text
}

// advice is for those who show no credential, or a wrong one: the server does
// not know how failoverctl is given one.
const advice = "; give a token by --token-file or $FAILOVER_TOKEN, or a certificate by --cert"

// maxProblem is how many bytes of a problem are read.
const maxProblem = 64 << 10

// readProblem reads a reply that is no success. Its status is that of HTTP: what
// stands between the server and us knows nothing of problems.
func readProblem(reply *http.Response) error {
	p := &Problem{}
	media, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if strings.HasSuffix(media, "json") {
		if json.NewDecoder(io.LimitReader(reply.Body, maxProblem)).Decode(p) != nil {
			p = &Problem{}
		}
	}
	p.Status = reply.StatusCode
	if p.Title == "" {
		p.Title = fmt.Sprintf("it replies with status %q", reply.Status)
	}
	return p
}

// Unreachable is an error that says that a server gave no reply at all, or not
// in time.
type Unreachable struct{ err error }

// Error implements error.
func (u *Unreachable) Error() string { return u.err.Error() }

// Unwrap returns what went wrong.
func (u *Unreachable) Unwrap() error { return u.err }

// unreachable leaves out of an error what the reader knows: method and URL.
func unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Unreachable{errors.New("no reply in time")}
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return &Unreachable{err}
}
