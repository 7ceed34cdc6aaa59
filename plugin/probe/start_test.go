package probe_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/coredns-failover/failover/plugin/model"
)

// startable are checks that need no goroutine, and what their servers do.
var startable = map[string]struct {
	handle func(net.Conn)
	check  func(netip.AddrPort) model.Check
}{
	"http":                 {reply(fine), httpCheck},
	"status":               {reply("HTTP/1.1 503 Sorry\r\n\r\n"), httpCheck},
	"no HTTP":              {reply("220 hello\r\n"), httpCheck},
	"nothing":              {reply(""), httpCheck},
	"half a status line":   {reply("HTTP/1.1 20"), httpCheck},
	"half the headers":     {reply("HTTP/1.1 200 OK\r\nContent-"), httpCheck},
	"a reset":              {func(conn net.Conn) { reset(conn); readRequest(conn) }, httpCheck},
	"silence":              {silent, httpCheck},
	"silence after a part": {say("HTTP/1.1 200 OK\r\n"), httpCheck},
	"body":                 {reply(fine + "ok"), reading},
	"another body":         {reply(fine + "no"), reading},
	"a body in parts":      {parts(fine, "o", "k"), reading},
	"headers in parts":     {parts("HTTP/1.1 ", "200 OK\r\n", "\r\n"), httpCheck},
	"tcp":                  {silent, tcpCheck},
	"banner":               {say("220 hello\r\n"), waiting},
	"another banner":       {say("550 no\r\n"), waiting},
	"a banner in parts":    {parts("2", "2", "0"), waiting},
	"half a banner":        {reply("22"), sendingToo},
	"no banner":            {silent, waiting},
	"sent":                 {reply("220 hello\r\n"), sendingToo},
	"inverted": {reply(fine), func(s netip.AddrPort) model.Check {
		check := httpCheck(s)
		check.Invert = true
		return check
	}},
}

// quiet are those that wait in vain.
var quiet = map[string]bool{"silence": true, "silence after a part": true, "no banner": true}

// parts returns a handler that sends texts one after the other.
func parts(texts ...string) func(net.Conn) {
	return func(conn net.Conn) {
		for _, text := range texts {
			io.WriteString(conn, text)
			runtime.Gosched()
		}
		await(conn)
	}
}

func sendingToo(server netip.AddrPort) model.Check {
	check := waiting(server)
	check.Request.Send = "GET / HTTP/1.0\r\n\r\n"
	return check
}

// A probe finds the same with a goroutine and without.
func TestWithAndWithoutGoroutine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("here each probe has a goroutine")
	}
	for name, test := range startable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, test.handle)
			check, timeout := test.check(server), patience
			if quiet[name] {
				timeout = brief
			}
			check.Schedule.Timeout = timeout
			prober := prober(t, check, server)

			landed := make(landing, 1)
			if prober.Start(timeout, landed) == nil {
				t.Fatal("it needs a goroutine")
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, want := prober.Probe(ctx)
			got := <-landed
			if wanted := text(want); text(got.err) != wanted {
				t.Errorf("got  %s\nwant %s", text(got.err), wanted)
			}
			if got.connect == 0 {
				t.Error("it was not connected")
			}
		})
	}
}

// What is not one exchange in the clear needs a goroutine, and nothing has begun.
func TestNeedsAGoroutine(t *testing.T) {
	server := netip.MustParseAddrPort("127.0.0.1:1")
	for name, change := range map[string]func(*model.Check){
		"https":     func(c *model.Check) { c.Type = model.HTTPS },
		"redirects": func(c *model.Check) { c.Request.FollowRedirects = true },
		"pattern":   func(c *model.Check) { c.Expect.BodyRegexp = "ok" },
		"name":      func(c *model.Check) { c.Address = "localhost" },
		"zone":      func(c *model.Check) { c.Address = "fe80::1%lo" },
		"long":      func(c *model.Check) { c.Request.Path = "/" + string(make([]byte, 3<<10)) },
	} {
		t.Run(name, func(t *testing.T) {
			check := httpCheck(server)
			change(&check)
			if prober(t, check, server).Start(time.Second, make(landing, 1)) != nil {
				t.Error("it has begun")
			}
		})
	}
}
