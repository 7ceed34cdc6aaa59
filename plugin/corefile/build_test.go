package corefile_test

import "testing"

// TestEqualChecksAreShared: a hundred thousand records that are checked alike must not
// hold as many copies of the check.
func TestEqualChecksAreShared(t *testing.T) {
	blocks, err := parse(`example.org {
		failover a.example.org {
			primary 192.0.2.1
			check icmp
			check tcp 80
		}
		failover b.example.org {
			primary 192.0.2.2
			check icmp
			check tcp 80
		}
		failover c.example.org {
			primary 192.0.2.3
			check tcp 80
			check icmp
		}
	}`)
	if err != nil {
		t.Fatal(err)
	}
	records := blocks[0].Records
	a, b, c := records[0].Tiers[0][0].Checks, records[1].Tiers[0][0].Checks, records[2].Tiers[0][0].Checks
	if &a[0] != &b[0] || len(a) != 2 || len(b) != 2 {
		t.Errorf("two records that are checked alike have lists of their own: %v and %v", a, b)
	}
	if &a[0] == &c[0] || c[0] != a[1] || c[1] != a[0] {
		t.Errorf("the same checks in another order are %v", c)
	}
}
