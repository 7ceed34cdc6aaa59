package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/coredns-failover/failover/plugin/model"
)

// maxRedirects is how many redirects a probe follows.
const maxRedirects = 10

// probeHTTP is healthy when the answer has one of the wanted statuses, and a
// body with the wanted text at its start. HTTP/1.1 is spoken directly on the
// connection: an http.Transport has goroutines and a pool that would be thrown
// away each time.
func probeHTTP(ctx context.Context, e *execution) error {
	first := e.firstHop()
	here := first
	for range maxRedirects + 1 {
		to, err := e.exchange(ctx, here)
		if err != nil {
			return here.blame(err)
		}
		if to.location == "" {
			return nil
		}
		if here, err = here.follow(first, to); err != nil {
			return err
		}
	}
	return fmt.Errorf("more than %d redirects", maxRedirects)
}

// exchange makes one request on a connection of its own. It returns where the
// answer redirects to; otherwise the answer has been judged.
func (e *execution) exchange(ctx context.Context, h hop) (redirect, error) {
	var config *tls.Config
	if h.secure {
		var err error
		if config, err = e.tlsConfig(h.name, h.own, "http/1.1"); err != nil {
			return redirect{}, err
		}
	}
	opened, err := e.dial(ctx, h.address)
	if err != nil {
		return redirect{}, err
	}
	defer e.end(opened)
	// Close with a reset, without TIME_WAIT: the checks of ten thousand virtual
	// hosts of one endpoint would else hold all local ports (28,000 on Linux)
	// within a minute. Servers are used to it once they have answered.
	opened.resetOnClose()

	var stream net.Conn = opened
	if h.secure {
		if stream, err = e.secure(ctx, opened, config); err != nil {
			return redirect{}, err
		}
	}
	to, kept, err := e.converse(ctx, h, stream)
	if kept && err == nil {
		e.spare(opened)
	}
	return to, err
}

// converse makes a request on stream. It reports whether the server keeps the
// connection open.
func (p *plan) converse(ctx context.Context, h hop, stream net.Conn) (to redirect, kept bool, err error) {
	s := newScratch(stream)
	defer s.release()
	s.request = p.request(s.request[:0], h)
	// A server may answer before it has read everything, and hang up: if there
	// is no answer either, reading it says why.
	_, _ = stream.Write(s.request)
	return p.hear(ctx, s, h.method)
}

// hear reads the answer to a request.
func (p *plan) hear(ctx context.Context, s *scratch, method string) (to redirect, kept bool, err error) {
	answer, err := p.readAnswer(ctx, s, method)
	if err != nil {
		return redirect{}, false, err
	}
	if to := redirectOf(answer); p.check.Request.FollowRedirects && to.location != "" {
		return to, !answer.Close, nil
	}
	return redirect{}, !answer.Close, p.judge(ctx, answer)
}

func (p *plan) judge(ctx context.Context, answer *http.Response) error {
	want := p.check.Expect
	if !want.Status.Has(answer.StatusCode) {
		return fmt.Errorf("status %d, want %s", answer.StatusCode, want.Status)
	}
	if want.Body == "" && p.pattern == nil {
		return nil
	}
	// Not closed: that would read the rest of it.
	body, err := io.ReadAll(io.LimitReader(answer.Body, model.MaxBody))
	if err != nil {
		return p.failure(ctx, reading, err)
	}
	return p.search(body)
}

func (p *plan) search(body []byte) error {
	if want := p.check.Expect.Body; !bytes.Contains(body, []byte(want)) {
		return fmt.Errorf("body lacks %s in its first %d bytes", quote(want), model.MaxBody)
	}
	if p.pattern != nil && !p.pattern.Match(body) {
		return fmt.Errorf("body does not match %s in its first %d bytes", quote(p.pattern.String()), model.MaxBody)
	}
	return nil
}
