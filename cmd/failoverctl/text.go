package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// printable quotes what would steer a terminal: names, reasons and what probes
// found come from other machines.
func printable(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, width := utf8.DecodeRuneInString(text)
		first := text[0]
		text = text[width:]
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&b, `\x%02x`, first)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(fmt.Sprintf("%+q", r), "'"))
		}
	}
	return b.String()
}

// age says how long ago a time was: the two largest units of it. Clocks of
// machines differ, so what is to come is now.
func age(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return span(now.Sub(then))
}

// span is a duration as people say it: "3m12s", "4d3h".
func span(d time.Duration) string {
	s := max(0, int(d/time.Second))
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	switch {
	case s < minute:
		return fmt.Sprintf("%ds", s)
	case s < hour:
		return fmt.Sprintf("%dm%ds", s/minute, s%minute)
	case s < day:
		return fmt.Sprintf("%dh%dm", s/hour, s%hour/minute)
	}
	return fmt.Sprintf("%dd%dh", s/day, s%day/hour)
}

// some returns words with spaces between them: the first few, and how many more
// there are.
func some(words []string, most int) string {
	if len(words) == 0 {
		return "-"
	}
	if len(words) <= most {
		return strings.Join(words, " ")
	}
	return fmt.Sprintf("%s +%d", strings.Join(words[:most], " "), len(words)-most)
}

// count is a number with its word: "1 record", "2 records".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// dash stands for what is not there in a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
