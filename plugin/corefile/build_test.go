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

// TestEqualSettingsAreShared: nor of what else they and their targets say.
func TestEqualSettingsAreShared(t *testing.T) {
	blocks, err := parse(`example.org {
		failover a.example.org b.example.org {
			primary 192.0.2.1
			secondary 192.0.2.2 {
				drain
			}
			check icmp
		}
		failover c.example.org {
			primary 192.0.2.3 192.0.2.4
			check icmp
		}
		failover d.example.org {
			primary 192.0.2.3
			ttl 5s
			check icmp
		}
	}`)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c, d := blocks[0].Records[0], blocks[0].Records[1], blocks[0].Records[2], blocks[0].Records[3]
	if a.Settings != b.Settings || a.Settings != c.Settings || a.Settings == d.Settings {
		t.Errorf("settings are at %p, %p, %p and %p", a.Settings, b.Settings, c.Settings, d.Settings)
	}
	if &a.Tiers[0][0] != &b.Tiers[0][0] || &a.Tiers[0][0] == &c.Tiers[0][0] || &c.Tiers[0][0] == &d.Tiers[0][0] {
		t.Errorf("targets are at %p, %p, %p and %p", a.Tiers[0], b.Tiers[0], c.Tiers[0], d.Tiers[0])
	}
	primary, drained := a.Tiers[0][0], a.Tiers[1][0]
	if primary.TargetOptions != c.Tiers[0][1].TargetOptions || primary.TargetOptions == drained.TargetOptions {
		t.Errorf("a target has options of its own: %+v, %+v, %+v",
			primary.TargetOptions, c.Tiers[0][1].TargetOptions, drained.TargetOptions)
	}
}
