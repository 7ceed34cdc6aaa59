package rig

import (
	"fmt"
	"os"
	"strings"
)

// Section is what one scenario found.
type Section struct {
	Name, Title string
	Measures    []Measure
	// Notes say how it was measured, and why a peer is better; a paragraph each.
	Notes []string
}

// Markdown is the section as it stands in the report.
func (s Section) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n", s.Title)
	for _, part := range append([]string{strings.TrimSpace(Table(s.Measures))}, s.Notes...) {
		if part != "" {
			fmt.Fprintf(&b, "\n%s\n", part)
		}
	}
	return b.String()
}

// Update puts the sections into the report at path, each between markers of its
// name, and leaves what it knows nothing of as it is. A section that is new goes
// to the end, and a report that is not there begins with the title.
func Update(path, title string, sections []Section) error {
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	text := string(old)
	if text == "" {
		text = "# " + title + "\n"
	}
	for _, s := range sections {
		text = replace(text, s.Name, s.Markdown())
	}
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // a report is for all to read
}

// replace puts content between the markers of name.
func replace(text, name, content string) string {
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	block := begin + content + end
	before, rest, found := strings.Cut(text, begin)
	if !found {
		return strings.TrimRight(text, "\n") + "\n\n" + block
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		return strings.TrimRight(before, "\n") + "\n\n" + block
	}
	return before + block + after
}
