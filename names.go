package failover

import (
	"maps"
	"slices"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/table"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// names finds the record that answers for a name. It is built once and
// read-only after that.
type names struct {
	// exist is every name that exists in the block: the records' own, and those
	// above them up to the zone, which exist because something is below them (RFC
	// 4592, 2.2.2). Lower case, fully qualified.
	exist *table.Table
	// records are those of the names, by number. Where only names below have a record, or
	// no name has the number, it is none, without upkeep.
	records []record
	// wildcards are the records of "*" directly below a name.
	wildcards map[string]*record
}

// newNames returns the names of a block, whose records are still to be made. Its zones
// are names that exist, too, so that no wildcard above them covers them.
func newNames(b *model.Block) names {
	zones := plugin.Zones(b.Zones)
	exist := make(map[string]bool, len(b.Records)+len(zones))
	for _, zone := range zones {
		exist[zone] = true
	}
	for i := range b.Records {
		name := b.Records[i].Name
		exist[name] = true
		for zone := zones.Matches(name); name != zone; {
			name = parent(name)
			exist[name] = true
		}
	}
	all := slices.Collect(maps.Keys(exist))
	numbers := table.New(all)
	n := names{numbers, make([]record, numbers.Size()), make(map[string]*record)}
	for _, name := range all {
		n.records[n.exist.Number([]byte(name))].name.become(name)
	}
	return n
}

// place returns where a record is to be made.
func (n *names) place(m *model.Record) *record {
	r := &n.records[n.exist.Number([]byte(m.Name))]
	if m.Wildcard() {
		n.wildcards[parent(m.Name)] = r
	}
	return r
}

// exactly returns the record of that very name, or nil, and whether the name exists.
func (n *names) exactly(name []byte) (r *record, exists bool) {
	r = &n.records[n.exist.Number(name)]
	switch {
	case !r.name.is(name):
		return nil, false
	case r.upkeep == nil:
		return nil, true
	default:
		return r, true
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
	if r, exists := n.exactly(name); exists {
		return r, true
	}
	if len(n.wildcards) == 0 {
		return nil, false
	}
	for off, end := dns.NextLabel(qname, 0); !end; off, end = dns.NextLabel(qname, off) {
		if _, exists := n.exactly(name[off:]); exists {
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

// ownName is a name that lies beside what has it, if it is short. The zero one is none.
type ownName struct {
	short  [47]byte
	length uint8  // of a short one, or 0
	long   string // the name where there is no room for it
}

func (n *ownName) become(name string) {
	if len(name) > len(n.short) {
		n.long = name
		return
	}
	n.length = uint8(copy(n.short[:], name))
}

// is reports whether it is that name.
func (n *ownName) is(name []byte) bool {
	if n.length == 0 {
		return n.long != "" && n.long == string(name)
	}
	return string(n.short[:n.length]) == string(name)
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
