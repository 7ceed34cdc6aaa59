package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/coredns-failover/failover/cmd/failoverctl/internal/api"
)

// writeJSON writes a value for programs, on several lines unless short.
func (a *app) writeJSON(value any, short bool) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if !short {
		encoder.SetIndent("", "  ")
	}
	if err := encoder.Encode(value); err != nil {
		return err
	}
	_, err := a.out.Write(escaped(b.Bytes()))
	return err
}

// escaped writes what may steer a terminal, and JSON allows, as JSON's escapes:
// it can only stand in strings.
func escaped(text []byte) []byte {
	safe := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			safe = utf8.AppendRune(safe, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			safe = fmt.Appendf(safe, `\u%04x`, unit)
		}
	}
	return safe
}

// replied is what one of several servers replied.
type replied[T any] struct {
	Server string `json:"server"`
	Result *T     `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// writeResults writes what servers replied: the API's own value where there is
// one server, and a list with an object for each where there are several.
func writeResults[T any](a *app, results []api.Result[T]) error {
	if len(results) == 1 {
		if results[0].Err == nil {
			return a.writeJSON(results[0].Value, false)
		}
		return nil // told already
	}
	list := make([]replied[T], 0, len(results))
	for _, r := range results {
		entry := replied[T]{Server: r.Client.Name}
		if r.Err != nil {
			entry.Error = r.Err.Error()
		} else {
			entry.Result = &r.Value
		}
		list = append(list, entry)
	}
	return a.writeJSON(list, false)
}
