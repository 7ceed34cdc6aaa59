package corefile

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescape replaces \r, \n, \t, \\ and \xHH by the bytes that they stand for.
// The lexer leaves all of them as they are: it knows \" alone.
func unescape(text string) (string, error) {
	var b strings.Builder
	for {
		plain, escaped, found := strings.Cut(text, `\`)
		b.WriteString(plain)
		if !found {
			return b.String(), nil
		}
		char, length := escape(escaped)
		if length == 0 {
			return "", badEscape(escaped)
		}
		b.WriteByte(char)
		text = escaped[length:]
	}
}

// escape returns what the text behind a backslash stands for, and how long it
// is: 0 where it stands for nothing.
func escape(text string) (char byte, length int) {
	if text == "" {
		return 0, 0
	}
	if at := strings.IndexByte(`rnt\`, text[0]); at >= 0 {
		return "\r\n\t\\"[at], 1
	}
	if text[0] != 'x' || len(text) < 3 {
		return 0, 0
	}
	n, err := strconv.ParseUint(text[1:3], 16, 8)
	if err != nil {
		return 0, 0
	}
	return byte(n), 3
}

// badEscape shows the backslash by its name: in a quoted word it would double.
func badEscape(text string) error {
	before := "at the end"
	if text != "" {
		r, _ := utf8.DecodeRuneInString(text)
		before = fmt.Sprintf("before %q", r)
	}
	return fmt.Errorf(`the backslash %s means nothing; there are \r, \n, \t, \\ and \xHH`, before)
}
