package failover

import (
	"strings"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// names finds the record that answers for a name. It is built once and
// read-only after that.
type names struct {
	// byName holds every name that exists in the block: the records' own, and
	// those above them up to the zone, which exist because something is below
	// them (RFC 4592, 2.2.2). Lower case, fully qualified.
	byName map[string]node
	// wildcards is whether any node has one.
	wildcards bool
}

// node is a name that exists.
type node struct {
	record   *record // of this name; nil where only names below it have one
	wildcard *record // of "*" directly below it, or nil
}

// add puts a record into the table. zones are those of the server block; each
// is a name of its own, which no wildcard above it covers.
func (n *names) add(r *record, zones plugin.Zones) {
	if n.byName == nil {
		n.byName = make(map[string]node)
		for _, zone := range zones {
			n.exists(zone)
		}
	}
	name := base(r.Name)
	at := n.byName[name]
	if r.Wildcard() {
		n.wildcards = true
		at.wildcard = r
	} else {
		at.record = r
	}
	n.byName[name] = at
	for zone := zones.Matches(r.Name); name != zone; name = parent(name) {
		n.exists(name)
	}
}

// exists makes a name exist.
func (n *names) exists(name string) { n.byName[name] = n.byName[name] }

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
	if at, exists := n.byName[string(name)]; exists {
		return at.record, true
	}
	if !n.wildcards {
		return nil, false
	}
	for off, end := dns.NextLabel(qname, 0); !end; off, end = dns.NextLabel(qname, off) {
		if at, exists := n.byName[string(name[off:])]; exists {
			return at.wildcard, at.wildcard != nil
		}
	}
	root := n.byName["."]
	return root.wildcard, root.wildcard != nil
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
