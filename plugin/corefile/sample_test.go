package corefile_test

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/plugin/model"
)

// What the Corefiles of testdata/valid that show the words one by one mean.

// inOrg is the server block of the samples.
func inOrg(records ...model.Record) model.Block {
	return model.Block{Zones: []string{"example.org."}, Records: records}
}

// changed is the record as the change leaves it.
func changed(r model.Record, change func(*model.Record)) model.Record {
	change(&r)
	return r
}

func evaluated(t model.Target) model.Target {
	t.EvaluateTargetHealth = true
	return t
}

func nextTarget(checks ...model.Check) model.Target {
	return model.Target{Text: "next", Kind: model.Next, TargetOptions: options(checks)}
}

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, text := range texts {
		ps = append(ps, netip.MustParsePrefix(text))
	}
	return ps
}

func aliasSample() model.Block {
	record := func(name, host string) model.Record {
		check := named(host, httpCheck())
		return changed(plain(name,
			model.Tier{alias("lb.example.net", "lb.example.net.", check)},
			model.Tier{evaluated(alias("Standby.example.com", "standby.example.com.", check))},
		), func(r *model.Record) {
			r.Types = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeHTTPS}
			r.Probe = prefixes("192.0.2.0/24", "2001:db8::/32")
		})
	}
	return inOrg(record("example.org.", "example.org"), record("www.example.org.", "www.example.org"))
}

func cnameSample() model.Block {
	primary := alias("www.example.net", "www.example.net.", httpCheck())
	primary.CNAME = true
	return inOrg(changed(plain("www.example.org.", model.Tier{primary}, model.Tier{addr("192.0.2.9")}),
		func(r *model.Record) { r.Types = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME} }))
}

func nextSample() model.Block {
	check := portCheck(model.TCP, 443)
	return inOrg(
		changed(plain("*.apps.example.org.", model.Tier{nextTarget(check)}, model.Tier{addr("192.0.2.9", check)}),
			func(r *model.Record) {
				r.Probe = prefixes("10.0.0.0/8")
				r.Fail.Mode = model.FailNext
			}),
		changed(plain("example.org.", model.Tier{addr("192.0.2.1", check)}, model.Tier{evaluated(nextTarget(check))}),
			func(r *model.Record) { r.Types = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeMX} }),
	)
}

func policiesSample() model.Block {
	target := func(text string, change func(*model.Target)) model.Target {
		t := addr(text, start(model.ICMP))
		change(&t)
		return t
	}
	same := func(*model.Target) {}
	weight := func(n int) func(*model.Target) { return func(t *model.Target) { t.Weight = n } }
	clients := func(values ...string) func(*model.Target) { return func(t *model.Target) { t.Clients = values } }
	location := func(l model.Location) func(*model.Target) { return func(t *model.Target) { t.Location = &l } }
	record := func(p model.Policy, tiers ...model.Tier) model.Record {
		return changed(plain(string(p)+".example.org.", tiers...), func(r *model.Record) { r.Policy = p })
	}
	unused := func(t *model.Target) { t.Weight, t.Clients = 0, []string{"country:DE"} }

	block := inOrg(
		record(model.Sticky, model.Tier{target("192.0.2.1", unused), target("192.0.2.2", unused)}),
		record(model.Fastest, model.Tier{target("192.0.2.1", same), target("192.0.2.2", same)}),
		record(model.Weighted, model.Tier{target("192.0.2.1", weight(3)), target("192.0.2.2", weight(1))}),
		record(model.Nearest, model.Tier{
			target("192.0.2.1", location(model.Location{Latitude: 52.52, Longitude: 13.4})),
			target("192.0.2.2", location(model.Location{Latitude: -33.9, Longitude: 151.2, Bias: -20})),
		}, model.Tier{target("192.0.2.3", same)}),
		record(model.Clients, model.Tier{
			target("192.0.2.1", clients("10.0.0.0/8", "2001:db8::/32")),
			target("192.0.2.2", clients("172.16.0.0/12", "subdivision:GB-ENG", "continent:EU")),
		}, model.Tier{target("192.0.2.3", clients("*"))}),
	)
	block.Region = `Corefile:41: record "clients.example.org": clients "subdivision:GB-ENG"`
	return block
}

func checksSample() model.Block {
	tls, grpc, query := tlsCheck(), grpcCheck(), portCheck(model.DNS, 53)
	tls.Expect.ExpiresIn = 336 * time.Hour
	grpc.Request.Service = "shop.Cart"
	query.Request.Name, query.Request.QueryType = "example.org.", dns.TypeSOA
	target := addr("192.0.2.1", tls, grpc, query, start(model.ICMP))
	target.Require = 2
	return inOrg(plain("www.example.org.", model.Tier{target}))
}

func timingSample() model.Block {
	return inOrg(changed(plain("www.example.org.",
		model.Tier{addr("192.0.2.1", httpCheck()), addr("192.0.2.2", httpCheck())},
		model.Tier{addr("192.0.2.3", httpCheck()), addr("192.0.2.4", httpCheck())},
	), func(r *model.Record) {
		r.TTL = model.TTL{Max: time.Minute, Min: 5 * time.Second}
		r.Failback = model.Failback{Mode: model.FailbackAfter, After: 5 * time.Minute}
		r.Trickle = 5
		r.MinHealthy = model.MinHealthy{Percent: 50}
		r.Limit = 8
	}))
}

func processSample() []model.Block {
	guard := with(start(model.ICMP), func(c *model.Check) {
		c.Address = "192.0.2.53"
		c.Schedule.Interval, c.Schedule.DownInterval = 5*time.Second, 5*time.Second
	})
	settings := inOrg()
	settings.Records = []model.Record{}
	settings.Process = &model.Process{
		Place: "Corefile:4",
		Guard: &guard,
		Resolver: []netip.AddrPort{
			netip.MustParseAddrPort("192.0.2.53:53"),
			netip.MustParseAddrPort("192.0.2.54:5353"),
			netip.MustParseAddrPort("[2001:db8::53]:53"),
			netip.MustParseAddrPort("[2001:db8::54]:5353"),
		},
		Stale:    10 * time.Minute,
		StatusTo: model.DefaultStatusTo,
	}
	return []model.Block{settings, {
		Zones:   []string{"example.net."},
		Records: []model.Record{plain("www.example.net.", model.Tier{addr("192.0.2.1", start(model.ICMP))})},
	}}
}

func operatingSample() []model.Block {
	block := func(zone string, p model.Process) model.Block {
		p.Stale = model.DefaultStale
		return model.Block{Zones: []string{zone}, Records: []model.Record{}, Process: &p}
	}
	return []model.Block{
		block("example.org.", model.Process{
			Place:     "Corefile:4",
			Admin:     &model.Admin{Addr: ":9191", TokenFile: "tokens", WebConfig: "/etc/coredns/web.yml"},
			StateFile: &model.StateFile{Path: "/var/lib/coredns/failover.state", MaxAge: time.Hour},
			Notify: []model.Notify{
				{
					URL:        "https://hooks.example.net/failover?site=ams",
					SecretFile: "hooks.key",
					Header:     "X-Site: ams\r\nAccept: text/plain, */*\r\n",
					TLS: model.TLSOptions{
						Enabled: true, ServerName: "hooks.example.com",
						CertFile: "client.pem", KeyFile: "client.key", CAFile: "ca.pem",
					},
					Timeout: 2 * time.Second,
				},
				{
					URL: "http://[2001:db8::7]:8080/hook", Header: "X-Site: ams\r\n",
					Timeout: 5 * time.Second,
				},
				{
					URL:     "https://192.0.2.7",
					TLS:     model.TLSOptions{Enabled: true, ServerName: "192.0.2.7", InsecureSkipVerify: true},
					Timeout: 5 * time.Second,
				},
			},
			StatusTo: prefixes("192.0.2.0/24", "2001:db8::/32"),
		}),
		block("example.net.", model.Process{
			Place:     "Corefile:30",
			Admin:     &model.Admin{Addr: "localhost:0"},
			StateFile: &model.StateFile{Path: "failover.state", MaxAge: 10 * time.Minute},
			Notify: []model.Notify{{
				URL:     "https://hooks.example.net/",
				TLS:     model.TLSOptions{Enabled: true, ServerName: "hooks.example.net"},
				Timeout: 5 * time.Second,
			}},
			StatusTo: prefixes("127.0.0.0/8", "::1/128"),
		}),
	}
}

func heartbeatSample() model.Block {
	heartbeat := func(id string, change func(*model.Check)) model.Check {
		c := start(model.Heartbeat)
		c.Request.Name = id
		return with(c, change)
	}
	first := heartbeat("backup.1", func(c *model.Check) {
		c.Schedule.Interval, c.Schedule.DownInterval = time.Minute, time.Minute
		c.Threshold = model.Threshold{Fall: 1, Rise: 2}
	})
	second := heartbeat("backup.2", func(c *model.Check) {
		d := time.Second
		c.Schedule = model.Schedule{Interval: d, FastInterval: d, DownInterval: d, Timeout: d, Jitter: 10}
	})
	off := heartbeat("www_1", func(c *model.Check) { c.Disabled, c.Invert = true, true })
	block := inOrg(
		changed(plain("backup.example.org.", model.Tier{addr("192.0.2.1", first)}, model.Tier{addr("192.0.2.2", second)}),
			func(r *model.Record) { r.Failback.Mode = model.FailbackManual }),
		plain("www.example.org.", model.Tier{addr("192.0.2.3", off)}, model.Tier{addr("192.0.2.4", off)}),
	)
	block.Process = &model.Process{
		Place:    "Corefile:4",
		Stale:    model.DefaultStale,
		Admin:    &model.Admin{Addr: "127.0.0.1:9191"},
		StatusTo: model.DefaultStatusTo,
	}
	block.Heartbeat = `Corefile:9: record "backup.example.org": check heartbeat "backup.1"`
	return block
}
