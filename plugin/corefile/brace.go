package corefile

import (
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// isBrace reports whether the token is a brace. The lexer does not say whether
// a token stood in quotes, so that a brace in quotes is one, too.
func isBrace(t caddyfile.Token) bool {
	return t.Text == "{" || t.Text == "}" || t.Text == "{}"
}

// strayBrace is the error for a row with a brace in a wrong place. It shows the
// right form.
func strayBrace(row []caddyfile.Token) error {
	if len(row) > 1 || row[0].Text == "{}" {
		return at(row[0], `a "{" ends its line and a "}" stands alone, in quotes too; `+
			`write each of these on its own line: %s`, strings.Join(asLines(row), ", "))
	}
	if row[0].Text == "{" {
		return at(row[0], `a "{" stands at the end of the line whose block it opens, not on the next line`)
	}
	return at(row[0], `this "}" closes nothing`)
}

// asLines returns what the row should have been, each line in quotes.
func asLines(row []caddyfile.Token) []string {
	var lines, words []string
	end := func(last ...string) {
		if words = append(words, last...); len(words) > 0 {
			lines = append(lines, quoted(strings.Join(words, " ")))
		}
		words = nil
	}
	for _, t := range row {
		if !isBrace(t) {
			words = append(words, t.Text)
			continue
		}
		if strings.HasPrefix(t.Text, "{") {
			end("{")
		}
		if strings.HasSuffix(t.Text, "}") {
			end()
			end("}")
		}
	}
	end()
	return lines
}
