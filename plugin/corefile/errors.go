package corefile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// located is a mistake at its place in the Corefile. The functions that read a
// value return plain errors: whoever knows the line makes them located, and
// whoever knows the record says which one it is.
type located struct {
	token   caddyfile.Token
	subject string
	message string
}

func (e *located) Error() string {
	return fmt.Sprintf("%s: %s: %s", place(e.token), e.subject, e.message)
}

// at returns an error at the token.
func at(t caddyfile.Token, format string, args ...any) error {
	return &located{token: t, message: fmt.Sprintf(format, args...)}
}

// in places an error that has no place yet at the line, and names its property.
func in(l line, err error) error {
	if _, ok := errors.AsType[*located](err); ok || err == nil {
		return err
	}
	return at(l.words[0], "%s: %v", l.name(), err)
}

// about says which directive the error is about: one of several names goes by
// the first, and one without a name by "failover".
func about(directive line, err error) error {
	e, ok := errors.AsType[*located](err)
	if !ok {
		return err
	}
	e.subject = "failover"
	if len(directive.words) > 1 {
		e.subject = "record " + quoted(directive.words[1].Text)
	}
	return e
}

// place is where a token stands, as FILE:LINE.
func place(t caddyfile.Token) string { return t.File + ":" + strconv.Itoa(t.Line) }

// maxQuoted is how many bytes of a word an error shows.
const maxQuoted = 80

// quoted returns a word as errors show it: in quotes, and cut.
func quoted(word string) string {
	if len(word) <= maxQuoted {
		return strconv.Quote(word)
	}
	return strconv.Quote(strings.ToValidUTF8(word[:maxQuoted], "") + "...") // may cut a letter in two
}

// list returns words as errors list them: "a, b or c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
