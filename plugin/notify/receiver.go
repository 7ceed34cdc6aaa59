package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

const (
	contentType = "application/cloudevents-batch+json"
	userAgent   = "coredns-failover"
	// maxAnswer bounds what is read of an answer's body, and maxHeaders of what is
	// in front of it.
	maxAnswer  = 64 << 10
	maxHeaders = 64 << 10
	// maxQuoted bounds what an error shows of what a receiver says.
	maxQuoted = 100
)

// receiver is where notifications are posted.
type receiver struct {
	settings model.Notify
	to       *url.URL
}

// newReceiver does not repeat the URL in its error, since it may hold a secret.
func newReceiver(settings model.Notify) (receiver, error) {
	to, err := url.Parse(settings.URL)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return receiver{}, errors.New("a receiver needs a URL of http or https")
	}
	return receiver{settings, to}, nil
}

// check returns why an attempt would fail now whatever the receiver does.
func (r receiver) check() error {
	if err := sign(http.Header{}, batch{}, r.settings.SecretFile, time.Now()); err != nil {
		return err
	}
	_, err := r.transport()
	return err
}

// send makes one attempt.
//
//	2xx                                -> delivered
//	408, 429, 5xx, or no answer at all -> to be tried again
//	anything else, redirects included  -> not to be tried again
//
// A redirect could carry events to anyone, and most clients would make a GET of
// the POST.
func (r receiver) send(ctx context.Context, b batch) reply {
	ctx, cancel := context.WithTimeout(ctx, r.settings.Timeout)
	defer cancel()
	transport, err := r.transport()
	if err != nil {
		return reply{err: err}
	}
	defer transport.CloseIdleConnections()
	request, err := r.request(ctx, b)
	if err != nil {
		return reply{err: err}
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return reply{err: r.failure(err)}
	}
	defer answer.Body.Close()
	return judge(answer)
}

// transport returns the way to the receiver. It is made anew for each attempt:
// files may have changed, and between two notifications there are seldom less
// than hours, in which a connection that is kept only goes stale. Proxies are
// those of the environment (HTTPS_PROXY and its kin), as in other programs.
func (r receiver) transport() (*http.Transport, error) {
	config, err := trust(r.settings.TLS, r.to.Hostname())
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaders,
	}, nil
}

func (r receiver) request(ctx context.Context, b batch) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.to.String(), bytes.NewReader(b.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", userAgent)
	for line := range strings.SplitSeq(r.settings.Header, "\r\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			addHeader(request.Header, name, textproto.TrimString(value))
		}
	}
	request.Header.Set("Content-Type", contentType)
	return request, sign(request.Header, b, r.settings.SecretFile, time.Now())
}

// addHeader adds what an operator wants, in the place of the User-Agent of our
// own.
func addHeader(h http.Header, name, value string) {
	if strings.EqualFold(name, "User-Agent") {
		h.Del(name)
	}
	h.Add(name, value)
}

// failure says in words why there was no answer.
func (r receiver) failure(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v", r.settings.Timeout)
	}
	if text := err.Error(); len(text) > 3*maxQuoted { // it may quote the receiver
		return errors.New(strings.ToValidUTF8(text[:3*maxQuoted], "") + "...")
	}
	return err
}

// judge says what an answer means.
func judge(answer *http.Response) reply {
	body, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // one that breaks off has a status all the same
	code := answer.StatusCode
	if code >= 200 && code < 300 {
		return reply{}
	}
	r := reply{err: fmt.Errorf("the receiver answers %d%s", code, quoted(body)), final: true}
	if code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500 {
		r.final = false
		r.after = retryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	return r
}

// quoted shows the start of what the receiver says.
func quoted(body []byte) string {
	text := strings.TrimSpace(string(body))
	if text == "" {
		return ""
	}
	return fmt.Sprintf(": %.*q", maxQuoted, text)
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3); what is neither asks for
// nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return at.Sub(now)
	}
	return 0
}
