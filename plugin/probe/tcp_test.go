package probe_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/coredns-failover/failover/plugin/model"
)

// echo sends back what it gets, after a greeting.
func echo(greeting string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, greeting)
		io.Copy(conn, conn)
	}
}

func TestTCPAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		handle       func(net.Conn)
		send, expect string
		want         string
	}{
		"opens":        {silent, "", "", healthy},
		"only send":    {silent, "QUIT\r\n", "", healthy},
		"greeting":     {say("220 mail ready\r\n"), "", "220 ", healthy},
		"answer":       {echo(""), "PING\r\n", "PING", healthy},
		"whole answer": {echo(""), "PING\r\n", "PING\r\n", healthy},
		"binary":       {echo("\x00\xff"), "\x01", "\x00\xff\x01", healthy},
		"in pieces":    {pieces("2", "2", "0"), "", "220", healthy},
		"wrong":        {say("550 no\r\n"), "", "220", `answer starts with "550", want "220"`},
		"wrong early":  {say("5"), "", "220", `answer starts with "5", want "220"`},
		"wrong long": {
			say(strings.Repeat("a", 99) + "c"), "", strings.Repeat("a", 99) + "b",
			`answer starts with "` + strings.Repeat("a", 64) + `"..., want "` + strings.Repeat("a", 64) + `"...`,
		},
		"closed":       {pieces(), "", "220", "connection closed without an answer"},
		"closed early": {pieces("22"), "", "220", `connection closed before a complete response: got "22", want "220"`},
		"reset":        {reset, "", "220", "connection reset by the server"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, test.handle)
			check := tcpCheck(server)
			check.Request.Send, check.Expect.Banner = test.send, test.expect
			wantResult(t, run(t, check, server), test.want)
		})
	}
}

// pieces sends each text in a segment of its own and hangs up.
func pieces(texts ...string) func(net.Conn) {
	return func(conn net.Conn) {
		for _, text := range texts {
			io.WriteString(conn, text)
		}
	}
}

func TestTCPTimeouts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle func(net.Conn)
		send   string
		want   string
	}{
		"nothing":  {silent, "hello", "no answer within 500ms"},
		"half":     {say("22"), "", `no complete answer within 500ms: got "22", want "220"`},
		"not read": {deaf, strings.Repeat("x", 16<<20), "request not sent within 500ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, test.handle)
			check := tcpCheck(server)
			check.Request.Send, check.Expect.Banner = test.send, "220"
			wantTimeout(t, check, server, test.want)
		})
	}
}

// deaf never reads: it talks for as long as the connection lasts.
func deaf(conn net.Conn) {
	for {
		if _, err := io.WriteString(conn, strings.Repeat("x", 1<<16)); err != nil {
			return
		}
	}
}

// A server that reads to the end gets what was sent, to its last byte: the
// connection is not reset.
func TestTCPClosesInOrder(t *testing.T) {
	got := make(chan string, 1)
	server := serve(t, func(conn net.Conn) {
		text, err := io.ReadAll(conn)
		if err != nil {
			text = []byte(err.Error())
		}
		got <- string(text)
	})
	check := tcpCheck(server)
	check.Request.Send = "bye\r\n"
	wantResult(t, run(t, check, server), healthy)
	if text := <-got; text != "bye\r\n" {
		t.Errorf("the server got %q", text)
	}
}

func TestTCPOverIPv6(t *testing.T) {
	server := serveOn(t, "[::1]:0", say("hello"))
	check := tcpCheck(server)
	check.Expect = model.Expect{Banner: "hello"}
	wantResult(t, run(t, check, server), healthy)
}
