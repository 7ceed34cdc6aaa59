package admin

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/coredns-failover/failover/plugin/status"
)

const (
	maxReason = 500                 // bytes
	maxExpiry = 30 * 24 * time.Hour // what is forced for longer belongs into the Corefile
)

// readAction reads what an operator asks for. What it returns makes sense for
// the verb, as far as that can be told without the record.
func readAction(r *http.Request, verb string) (status.Action, error) {
	var a status.Action
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return a, fail(http.StatusUnsupportedMediaType, "write the action as application/json")
	}
	if err := decode(r.Body, &a); err != nil {
		return a, err
	}
	for _, check := range []func(string, status.Action) error{checkReason, checkState, checkExpiry, checkTarget} {
		if err := check(verb, a); err != nil {
			return a, err
		}
	}
	return a, nil
}

// decode reads one JSON value, and nothing behind it.
func decode(body io.Reader, v any) error {
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		_, err = d.Token()
		if err == nil {
			return fail(http.StatusBadRequest, "there is more than one JSON value")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fail(http.StatusRequestEntityTooLarge, "an action has at most %d bytes", tooLarge.Limit)
	}
	return fail(http.StatusBadRequest, "this is no action in JSON: %s", cut(err.Error()))
}

func checkReason(_ string, a status.Action) error {
	switch {
	case strings.TrimSpace(a.Reason) == "":
		return fail(http.StatusBadRequest, "say why: reason is empty")
	case len(a.Reason) > maxReason:
		return fail(http.StatusBadRequest, "reason has %d bytes; write up to %d", len(a.Reason), maxReason)
	case strings.ContainsFunc(a.Reason, breaksLines):
		return fail(http.StatusBadRequest, "reason has control characters; write one line of text")
	}
	return nil
}

// breaksLines reports characters that some reader of a log ends a line at, or
// worse.
func breaksLines(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

func checkState(verb string, a status.Action) error {
	if verb != status.Force {
		if a.State != "" {
			return fail(http.StatusBadRequest, "state is for force; %s has none", verb)
		}
		return nil
	}
	if a.State != status.ForcedHealthy && a.State != status.ForcedUnhealthy {
		return fail(http.StatusBadRequest, "state is %s; write healthy or unhealthy", plain(a.State))
	}
	return nil
}

// checkExpiry refuses an end of what has none, so that nobody counts on it.
func checkExpiry(verb string, a status.Action) error {
	if a.ExpiresIn == "" {
		return nil
	}
	if verb == status.Clear || verb == status.Failback {
		return fail(http.StatusBadRequest, "%s happens once: nothing is left that expires_in could end", verb)
	}
	_, err := expiry(a.ExpiresIn)
	return err
}

// expiry is 0 for an empty text.
func expiry(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxExpiry {
		return 0, fail(http.StatusBadRequest, "expires_in is %s; write a duration up to %s, such as 15m",
			plain(text), maxExpiry)
	}
	return d, nil
}

func checkTarget(_ string, a status.Action) error {
	if len(a.Target) > maxTarget {
		return fail(http.StatusBadRequest, "target has more than %d bytes", maxTarget)
	}
	return nil
}
