package failover

import (
	"context"
	"net/netip"
	"testing"

	"github.com/coredns-failover/failover/plugin/verdict"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

const allKinds = `failover www.example.org {
	primary next
	secondary 192.0.2.2
	check http
}
failover *.zone.example.org {
	primary next
	secondary 192.0.2.3 2001:db8::3
	probe 192.0.2.0/24 2001:db8::/32
	limit 2
	check http
}
failover mixed.example.org {
	primary next 192.0.2.4
	types A AAAA MX
	fail next
	check http
}
failover cname.example.org {
	primary elsewhere.example.net {
		cname
	}
	types A AAAA TXT
	check http
}
failover types.example.org {
	primary elsewhere.example.net
	types A MX SRV HTTPS
	check http
}`

// FuzzNextReplies puts any message at all into the mouth of the next plugins:
// nothing panics, and what is answered is well-formed if that was.
func FuzzNextReplies(f *testing.F) {
	for i, rrs := range [][]string{
		{"www.example.org. 60 IN A 192.0.2.1", "www.example.org. 60 IN A 192.0.2.9"},
		{"app.zone.example.org. 60 IN CNAME other.example.org.", "other.example.org. 60 IN AAAA 2001:db8::1"},
		{"elsewhere.example.net. 60 IN CNAME elsewhere.example.net."},
		{"www.example.org. 60 IN HTTPS 1 . ipv4hint=192.0.2.1,192.0.2.9 mandatory=ipv4hint"},
		{"elsewhere.example.net. 60 IN MX 10 mail.example.org.", "elsewhere.example.net. 60 IN TXT x"},
		{},
	} {
		m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
		m.Response = true
		m.Rcode = i % 4
		for _, text := range rrs {
			rr, err := dns.NewRR(text)
			if err != nil {
				f.Fatal(err)
			}
			m.Answer = append(m.Answer, rr)
			m.Extra = append(m.Extra, dns.Copy(rr))
		}
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		for which := range 8 {
			f.Add(wire, uint8(which), dns.TypeA, which%2 == 0)
			f.Add(wire, uint8(which), dns.TypeHTTPS, which%2 == 0)
			f.Add(wire, uint8(which), dns.TypeMX, false)
		}
	}
	names := []string{"www.example.org.", "App.zone.example.org.", "mixed.example.org.", "cname.example.org.", "types.example.org."}
	f.Fuzz(func(t *testing.T, wire []byte, which uint8, qtype uint16, signed bool) {
		theirs := new(dns.Msg)
		if theirs.Unpack(wire) != nil {
			return
		}
		if again, err := theirs.Pack(); err != nil || new(dns.Msg).Unpack(again) != nil {
			return // a plugin could not have sent it
		}
		h := handlerOf(t, allKinds)
		stand(h, "elsewhere.example.net", "192.0.2.7", "2001:db8::7")
		h.Next = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			m := theirs.Copy()
			m.Id, m.Response = r.Id, true
			return m.Rcode, w.WriteMsg(m)
		})
		question := new(dns.Msg).SetQuestion(names[int(which)%len(names)], qtype)
		question.SetEdns0(1232, signed)
		mustReplyOnce(t, h, question) // what is learned counts as healthy
		for _, a := range h.learned.all() {
			for i := range a.checks {
				a.checks[i] = fixed(verdict.Verdict(int(which) % 3))
			}
		}
		mustReplyOnce(t, h, question)
	})
}

// stand makes the targets with this word stand for addresses.
func stand(f *Failover, word string, addrs ...string) {
	var parsed []netip.Addr
	for _, a := range addrs {
		parsed = append(parsed, netip.MustParseAddr(a))
	}
	for _, r := range f.records {
		for t := range r.targets.each() {
			if t.Text == word {
				t.stand(parsed)
			}
		}
	}
	adopt(f.records...)
	update(f.records...)
}
