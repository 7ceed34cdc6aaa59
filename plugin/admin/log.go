package admin

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"
)

// seldom returns a log that takes at most one line a second: what anybody can
// cause must not fill a disk.
func seldom(log func(format string, args ...any)) func(format string, args ...any) {
	var mu sync.Mutex
	var last time.Time
	return func(format string, args ...any) {
		mu.Lock()
		now := time.Now()
		due := last.IsZero() || now.Sub(last) >= time.Second
		if due {
			last = now
		}
		mu.Unlock()
		if due {
			log(format, args...)
		}
	}
}

// lineWriter is a log for packages that write to one.
type lineWriter func(format string, args ...any)

// Write implements io.Writer.
func (log lineWriter) Write(line []byte) (int, error) {
	text := redacted(errors.New(strings.TrimSpace(string(line)))).Error()
	log("admin: %s", cut(text))
	return len(line), nil
}

// maxLogged bounds a word that a client or a peer sent, in bytes.
const maxLogged = 512

// plain returns what a client sent as one word for the log: quoted where it
// would pretend to be more than that.
func plain(word string) string {
	word = cut(word)
	if word == "" || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) {
		return strconv.QuoteToASCII(word)
	}
	return word
}

// oneLine returns a sentence for the log: quoted where it would be several.
func oneLine(sentence string) string {
	sentence = cut(sentence)
	if strings.ContainsFunc(sentence, breaksLines) {
		return strconv.QuoteToASCII(sentence)
	}
	return sentence
}

func cut(text string) string {
	if len(text) <= maxLogged {
		return text
	}
	return text[:maxLogged] + "..."
}
