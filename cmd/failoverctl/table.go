package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is rows of cells under each other, for people.
type table struct {
	rows [][]string
}

// row adds a row.
func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// write aligns the columns. What does not fit beside others, such as an error,
// belongs into the last one.
func (t *table) write(w io.Writer, indent string) {
	aligned := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range t.rows {
		shown := make([]string, 0, len(cells))
		for _, cell := range cells {
			shown = append(shown, printable(cell))
		}
		// An empty last cell would leave spaces behind the line.
		fmt.Fprintln(aligned, strings.TrimRight(indent+strings.Join(shown, "\t"), "\t"))
	}
	aligned.Flush()
}

// line writes one line.
func line(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, printable(fmt.Sprintf(format, args...)))
}
