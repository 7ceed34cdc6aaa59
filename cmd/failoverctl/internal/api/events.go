package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/coredns-failover/failover/plugin/status"
)

// maxEvent is the longest line of an event.
const maxEvent = 1 << 20

// Events calls opened when the server has begun to tell of transitions, and then
// seen for each. It returns when ctx ends, or with an error when the stream
// does.
func (c *Client) Events(ctx context.Context, opened func(), seen func(status.Transition)) error {
	reply, err := c.request(ctx, http.MethodGet, "v1/events", nil, nil)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	opened()
	if err := readEvents(reply.Body, seen); err != nil {
		return unreachable(ctx, err)
	}
	return &Unreachable{errors.New("it has ended the stream of events")}
}

// readEvents reads server-sent events as the HTML standard, 9.2.6, has them: an
// empty line ends one.
func readEvents(body io.Reader, seen func(status.Transition)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEvent)
	var kind string
	var data []string
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if err := dispatch(kind, data, seen); err != nil {
				return err
			}
			kind, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			kind = value
		case "data":
			data = append(data, value)
		}
	}
	return lines.Err()
}

// dispatch hands on the one kind of events that this program knows.
func dispatch(kind string, data []string, seen func(status.Transition)) error {
	if kind != "transition" || data == nil {
		return nil
	}
	var t status.Transition
	if err := json.Unmarshal([]byte(strings.Join(data, "\n")), &t); err != nil {
		return fmt.Errorf("an event is no transition: %w", err)
	}
	seen(t)
	return nil
}
