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
	byName map[string]*node
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
		n.byName = make(map[string]*node)
		for _, zone := range zones {
			n.at(zone)
		}
	}
	name := base(r.Name)
	if r.Wildcard() {
		n.wildcards = true
		n.at(name).wildcard = r
	} else {
		n.at(name).record = r
	}
	for zone := zones.Matches(r.Name); name != zone; name = parent(name) {
		n.at(name)
	}
}

// at returns the node of a name, which then exists.
func (n *names) at(name string) *node {
	if n.byName[name] == nil {
		n.byName[name] = new(node)
	}
	return n.byName[name]
}

// find returns the record that answers for qname, in any case of letters, or
// nil; exists is whether the name exists in the block, record or not. A
// record's own name costs one look-up in the table; a name that a wildcard may
// cover costs one more for each label below the closest name that exists.
func (n *names) find(qname string) (r *record, exists bool) {
	var stack [255]byte
	name := lower(stack[:0], qname)
	if at := n.byName[string(name)]; at != nil {
		return at.record, true
	}
	if !n.wildcards {
		return nil, false
	}
	for off, end := dns.NextLabel(qname, 0); !end; off, end = dns.NextLabel(qname, off) {
		if at := n.byName[string(name[off:])]; at != nil {
			return at.wildcard, at.wildcard != nil
		}
	}
	if root := n.byName["."]; root != nil {
		return root.wildcard, root.wildcard != nil
	}
	return nil, false
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
