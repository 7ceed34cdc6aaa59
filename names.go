package failover

import (
	"strings"

	"github.com/coredns-failover/failover/plugin/model"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// names finds the record that answers for a name. It is built once and
// read-only after that.
type names struct {
	// byName holds every name that exists in the block: the records' own, and
	// those above them up to the zone, which exist because something is below
	// them (RFC 4592, 2.2.2): nil where only names below have a record. Lower case,
	// fully qualified.
	byName map[string]*record
	// wildcards are the records of "*" directly below a name.
	wildcards map[string]*record
}

// newNames returns a table with room for that many records. zones are those of the
// server block; each is a name of its own, which no wildcard above it covers.
func newNames(zones plugin.Zones, records int) names {
	n := names{make(map[string]*record, records+len(zones)), make(map[string]*record)}
	for _, zone := range zones {
		n.exists(zone)
	}
	return n
}

// sideBySide has the names of records lie side by side in memory. They come from a
// parser that makes much else, and who asks for one of many would wait for a page of
// memory for each.
func sideBySide(records []model.Record) {
	var all strings.Builder
	for i := range records {
		all.WriteString(records[i].Name)
	}
	rest := all.String()
	for i := range records {
		n := len(records[i].Name)
		records[i].Name, rest = rest[:n], rest[n:]
	}
}

// add puts a record into the table.
func (n *names) add(r *record, zones plugin.Zones) {
	name := base(r.Name)
	if r.Wildcard() {
		n.wildcards[name] = r
		n.exists(name)
	} else {
		n.byName[name] = r
	}
	for zone := zones.Matches(r.Name); name != zone; name = parent(name) {
		n.exists(name)
	}
}

// exists makes a name exist.
func (n *names) exists(name string) {
	if _, known := n.byName[name]; !known {
		n.byName[name] = nil
	}
}

// find returns the record that answers for qname, in any case of letters, or
// nil; exists is whether the name exists in the block, record or not. A
// record's own name costs one look-up in the table; a name that a wildcard may
// cover costs one more for each label below the closest name that exists. Inlined, it
// would leave its room for a name on the stack while the answer is written.
//
//go:noinline
func (n *names) find(qname string) (r *record, exists bool) {
	var stack [255]byte
	name := lower(stack[:0], qname)
	if r, exists := n.byName[string(name)]; exists {
		return r, true
	}
	if len(n.wildcards) == 0 {
		return nil, false
	}
	for off, end := dns.NextLabel(qname, 0); !end; off, end = dns.NextLabel(qname, off) {
		if _, exists := n.byName[string(name[off:])]; exists {
			return n.wildcard(name[off:])
		}
	}
	return n.wildcard([]byte("."))
}

// wildcard returns the record of "*" directly below a name, and whether there is one.
func (n *names) wildcard(name []byte) (r *record, exists bool) {
	r, exists = n.wildcards[string(name)]
	return r, exists
}

// lower appends name in lower case. DNS folds ASCII letters only (RFC 4343).
func lower(b []byte, name string) []byte {
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// base returns a record's name, or that which a wildcard is directly below.
func base(name string) string {
	if strings.HasPrefix(name, "*.") {
		return parent(name)
	}
	return name
}

// parent returns the name one label up; that of the root is the root.
func parent(name string) string {
	off, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[off:]
}

// display returns a name as people write it, without its final dot.
func display(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
