package corefile

import (
	"iter"
	"strings"

	"github.com/coredns/caddy/caddyfile"
)

// caddy's own Dispenser is not used, because RemainingArgs stops at any "{",
// NextBlock eats the next line where a block is missing, and both take lines
// that go backwards (an imported snippet keeps its own line numbers) for one.

// maxDepth is how deep blocks nest: a record, its target, the target's check.
const maxDepth = 3

// line is the words of one line, with the block that it opens.
type line struct {
	words    []caddyfile.Token // at least one; the brace is none
	block    []line
	hasBlock bool // tells an empty block from no block
}

// name is the line's first word: the property that it sets.
func (l line) name() string { return l.words[0].Text }

// arg is the i-th word behind the name, from 0.
func (l line) arg(i int) string { return l.words[i+1].Text }

// args are the words behind the name.
func (l line) args() []string {
	args := make([]string, 0, len(l.words)-1)
	for _, w := range l.words[1:] {
		args = append(args, w.Text)
	}
	return args
}

// readDirectives returns the directives that the tokens hold, each when it is asked
// for: what is read of one needs many times the room of its text. An error ends them,
// and comes with the directive that it is about.
func readDirectives(tokens iter.Seq[caddyfile.Token]) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		for part := range splitDirectives(tokens) {
			for r := (reader{rows: splitRows(part)}); len(r.rows) > 0; {
				if d, err := r.line(0); !yield(d, err) || err != nil {
					return
				}
			}
		}
	}
}

// splitDirectives cuts the tokens where a line begins outside of any block.
func splitDirectives(tokens iter.Seq[caddyfile.Token]) iter.Seq[[]caddyfile.Token] {
	return func(yield func([]caddyfile.Token) bool) {
		var part []caddyfile.Token
		row, depth := 0, 0 // where the last line begins, and how deep it is
		for t := range tokens {
			if len(part) > 0 && !sameLine(part[len(part)-1], t) {
				depth += deeper(part[row:])
				row = len(part)
				if depth <= 0 {
					if !yield(part) {
						return
					}
					part, row, depth = make([]caddyfile.Token, 0, len(part)), 0, 0
				}
			}
			part = append(part, t)
		}
		yield(part)
	}
}

// deeper is by how many blocks the line behind the row is deeper than the row.
func deeper(row []caddyfile.Token) int {
	switch {
	case opens(row):
		return 1
	case closes(row):
		return -1
	default:
		return 0
	}
}

// splitRows cuts the tokens where a new line begins.
func splitRows(tokens []caddyfile.Token) [][]caddyfile.Token {
	var rows [][]caddyfile.Token
	begin := 0
	for i := range tokens {
		if i+1 == len(tokens) || !sameLine(tokens[i], tokens[i+1]) {
			rows = append(rows, tokens[begin:i+1])
			begin = i + 1
		}
	}
	return rows
}

// sameLine reports whether b follows a on its line. A token has the number of
// the line where it begins, and a quoted one may hold more lines.
func sameLine(a, b caddyfile.Token) bool {
	return a.File == b.File && a.Line+strings.Count(a.Text, "\n") == b.Line
}

// reader makes lines of rows.
type reader struct {
	rows [][]caddyfile.Token // not yet read; none is empty
}

// line reads a line, and the block that it opens. After an error the line has
// the words that were read.
func (r *reader) line(depth int) (line, error) {
	row := r.rows[0]
	r.rows = r.rows[1:]
	l, err := parseRow(row)
	if err != nil || !l.hasBlock {
		return l, err
	}
	if depth == maxDepth {
		return l, at(row[0], "%s opens a block too deep: nothing has options here", quoted(l.name()))
	}
	l.block, err = r.block(row[len(row)-1], depth+1)
	return l, err
}

// block reads the lines up to the "}" that closes what the brace opened.
func (r *reader) block(brace caddyfile.Token, depth int) ([]line, error) {
	var lines []line
	for len(r.rows) > 0 {
		if closes(r.rows[0]) {
			r.rows = r.rows[1:]
			return lines, nil
		}
		l, err := r.line(depth)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return nil, at(brace, `the "{" of this line is not closed by a "}"`)
}

// opens reports whether the row opens a block.
func opens(row []caddyfile.Token) bool { return len(row) > 1 && row[len(row)-1].Text == "{" }

// closes reports whether the row closes a block.
func closes(row []caddyfile.Token) bool { return len(row) == 1 && row[0].Text == "}" }

// parseRow returns the row as a line whose block is still to be read.
func parseRow(row []caddyfile.Token) (line, error) {
	l := line{words: row}
	if opens(row) {
		l = line{words: row[:len(row)-1], hasBlock: true}
	}
	for _, w := range l.words {
		if w.Text == "" {
			return l, emptyWord(l, w)
		}
		if isBrace(w) {
			return l, strayBrace(row)
		}
	}
	return l, nil
}

func emptyWord(l line, w caddyfile.Token) error {
	if l.name() == "" {
		return at(w, "this line begins with an empty word; is an environment variable such as {$X} unset?")
	}
	return at(w, "%s has an empty word; is an environment variable such as {$X} unset?", quoted(l.name()))
}
