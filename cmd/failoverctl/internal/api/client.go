// Package api asks the admin API of running servers, one or several at once.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/coredns-failover/failover/plugin/status"
)

// Client asks one server. Its methods may be called by any number of goroutines
// at once.
type Client struct {
	// Name is how people know the server: HOST:PORT.
	Name string
	// Host is the host that is asked: a name or an address.
	Host string

	base  *url.URL
	http  *http.Client
	token string
}

// maxReply is how many bytes of a reply are read: a page of 1000 records is far
// smaller, and what is no admin API must not fill the memory.
const maxReply = 64 << 20

// pageSize is the most that the API gives at once.
const pageSize = 1000

// Overview returns how the process fares.
func (c *Client) Overview(ctx context.Context) (o status.Overview, err error) {
	err = c.get(ctx, "v1/status", nil, &o)
	return o, err
}

// Page returns one page of summaries.
func (c *Client) Page(ctx context.Context, q status.Query) (p status.Page, err error) {
	params := url.Values{"limit": {strconv.Itoa(q.Limit)}}
	for key, value := range map[string]string{"search": q.Search, "state": q.State, "after": q.After} {
		if value != "" {
			params.Set(key, value)
		}
	}
	err = c.get(ctx, "v1/records", params, &p)
	return p, err
}

// Records returns all summaries that the query finds, whatever its After and
// Limit are.
func (c *Client) Records(ctx context.Context, q status.Query) ([]status.Summary, error) {
	var all []status.Summary
	q.After, q.Limit = "", pageSize
	for {
		page, err := c.Page(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Records...)
		if page.Next == "" {
			return all, nil
		}
		if page.Next == q.After {
			return nil, fmt.Errorf("the page behind %q is itself", page.Next)
		}
		q.After = page.Next
	}
}

// Record returns all that is known of a record.
func (c *Client) Record(ctx context.Context, id string) (r status.Record, err error) {
	err = c.get(ctx, recordPath(id), nil, &r)
	return r, err
}

// Explain returns what would be answered.
func (c *Client) Explain(ctx context.Context, id string, q status.Question) (e status.Explanation, err error) {
	params := url.Values{"down": q.Down}
	if q.Client.IsValid() {
		params.Set("client", q.Client.String())
	}
	if q.Type != "" {
		params.Set("type", q.Type)
	}
	err = c.get(ctx, recordPath(id)+"/explain", params, &e)
	return e, err
}

// Act does what an operator asks for, and returns the record as it is then.
func (c *Client) Act(ctx context.Context, id, verb string, a status.Action) (r status.Record, err error) {
	body, err := json.Marshal(a)
	if err != nil {
		return r, err
	}
	err = c.do(ctx, http.MethodPost, recordPath(id)+"/"+verb, nil, body, &r)
	return r, err
}

func recordPath(id string) string { return "v1/records/" + url.PathEscape(id) }

func (c *Client) get(ctx context.Context, path string, params url.Values, value any) error {
	return c.do(ctx, http.MethodGet, path, params, nil, value)
}

// do makes a request and reads the reply into value.
func (c *Client) do(ctx context.Context, method, path string, params url.Values, body []byte, value any) error {
	reply, err := c.request(ctx, method, path, params, body)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if err := json.NewDecoder(io.LimitReader(reply.Body, maxReply)).Decode(value); err != nil {
		if ctx.Err() != nil {
			return unreachable(ctx, err)
		}
		return fmt.Errorf("its reply is not that of an admin API: %w", err)
	}
	return nil
}

// request returns the reply to a request that was met. Its body is the caller's
// to close.
func (c *Client) request(
	ctx context.Context, method, path string, params url.Values, body []byte,
) (*http.Response, error) {
	target := c.base.JoinPath("/")
	// JoinPath would take an escaped slash, or a dot, for one of the path.
	to := target.String() + path
	if len(params) > 0 {
		to += "?" + params.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json, text/event-stream, application/problem+json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	reply, err := c.http.Do(request)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if reply.StatusCode != http.StatusOK {
		defer reply.Body.Close()
		return nil, readProblem(reply)
	}
	return reply, nil
}
