package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/coredns-failover/failover/plugin/status"
)

// failure is an answer that says why a request is not met.
type failure struct {
	code   int
	detail string
	// reason and candidates are those of the source's problem, where it has one.
	reason     status.Reason
	candidates []string
}

func fail(code int, format string, args ...any) *failure {
	return &failure{code: code, detail: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (f *failure) Error() string { return f.detail }

// problemBody is a failure as RFC 9457 has it, with two members of our own.
type problemBody struct {
	Type       string        `json:"type"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Detail     string        `json:"detail"`
	Reason     status.Reason `json:"reason,omitempty"`
	Candidates []string      `json:"candidates,omitempty"`
}

// codes are the statuses of the source's problems.
var codes = map[status.Reason]int{
	status.Invalid:   http.StatusBadRequest,
	status.NotFound:  http.StatusNotFound,
	status.Ambiguous: http.StatusConflict,
	status.Refused:   http.StatusConflict,
}

// asFailure returns what a client is told of an error, and false where that is
// not what has happened: errors that nobody has foreseen may say anything.
func asFailure(err error) (*failure, bool) {
	if f, ok := errors.AsType[*failure](err); ok {
		return f, true
	}
	if p, ok := errors.AsType[*status.Problem](err); ok {
		if code, ok := codes[p.Reason]; ok {
			return &failure{code, p.Detail, p.Reason, p.Candidates}, true
		}
	}
	return fail(http.StatusInternalServerError, "the server could not do this; its log says why"), false
}

func (f *failure) write(w http.ResponseWriter) {
	if f.code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="failover"`) // RFC 9110, section 11.6.1
	}
	body := problemBody{"about:blank", http.StatusText(f.code), f.code, f.detail, f.reason, f.candidates}
	text, err := json.Marshal(body)
	if err != nil {
		text = nil // strings and numbers never fail
	}
	writeBody(w, f.code, "application/problem+json", text)
}

func writeJSON(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	writeBody(w, http.StatusOK, "application/json", text)
	return nil
}

func writeBody(w http.ResponseWriter, code int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(code)
	_, _ = w.Write(body) // who asked may be gone
}
