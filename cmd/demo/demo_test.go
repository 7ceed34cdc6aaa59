package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/coredns-failover/failover/internal/eventually"
)

// TestMain lets this program stand in for CoreDNS; see TestCoreDNSEnds.
func TestMain(m *testing.M) {
	if os.Getenv("DEMO_TEST_COREDNS") == "" {
		os.Exit(m.Run())
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Println("[INFO] plugin/failover: started")
	if os.Getenv("DEMO_TEST_COREDNS") == "fails" {
		os.Exit(3)
	}
	<-signals
}

func TestConstantsAreTheCorefile(t *testing.T) {
	text, err := os.ReadFile("../../examples/quickstart/Corefile")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(server)
	_, primaryPort, _ := net.SplitHostPort(primaryEndpoint)
	_, secondaryPort, _ := net.SplitHostPort(secondaryEndpoint)
	for _, want := range []string{
		"example.org:" + port + " {",
		"bind 127.0.0.1\n",
		"failover " + strings.TrimSuffix(name, ".") + " {",
		"primary " + primaryAddress + " {",
		"secondary " + secondaryAddress + " {",
		"port " + primaryPort + "\n",
		"port " + secondaryPort + "\n",
		"admin " + statusPage + " ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the Corefile lacks %q", want)
		}
	}
}

func TestBackend(t *testing.T) {
	b := &backend{name: "primary", endpoint: freeEndpoint(t)}
	for range 2 { // it starts again where it was
		if err := b.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		response, err := http.Get("http://" + b.endpoint + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusOK || string(body) != "primary ok\n" {
			t.Errorf("got %s %q", response.Status, body)
		}
		b.stop()
		if conn, err := net.Dial("tcp", b.endpoint); err == nil {
			conn.Close()
			t.Error("a stopped backend accepts connections")
		}
	}
}

func TestPortInUse(t *testing.T) {
	endpoint := freeEndpoint(t)
	b := &backend{name: "primary", endpoint: endpoint}
	if err := b.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer b.stop()

	want := endpoint + " is in use by another program; stop that first"
	if err := (&backend{name: "other", endpoint: endpoint}).start(t.Context()); err == nil ||
		err.Error() != "the other backend: "+want {
		t.Errorf("backend: got %v", err)
	}
	if err := mustBeFree(t.Context(), endpoint); err == nil || err.Error() != want {
		t.Errorf("mustBeFree: got %v", err)
	}
}

func TestPress(t *testing.T) {
	var out bytes.Buffer
	d := demo{
		screen:    &screen{w: &out},
		primary:   &backend{name: "primary", endpoint: freeEndpoint(t)},
		secondary: &backend{name: "secondary", endpoint: freeEndpoint(t)},
	}
	defer d.primary.stop()
	defer d.secondary.stop()
	for _, line := range []string{"1", "2", "1"} {
		if err := d.press(t.Context(), line); err != nil {
			t.Fatal(err)
		}
	}
	if d.primary.running() || !d.secondary.running() {
		t.Error("want the primary stopped and the secondary running")
	}
	if err := d.press(t.Context(), "3"); err == nil {
		t.Error("want an error for another key")
	}
	if want := "  the primary starts\n  the secondary starts\n  the primary stops\n"; out.String() != want {
		t.Errorf("got %q", &out)
	}
}

func TestAsk(t *testing.T) {
	endpoint := serveDNS(t, map[string]string{
		"one.example.":  "192.0.2.1",
		"two.example.":  "192.0.2.1 192.0.2.2",
		"none.example.": "",
	})
	for name, want := range map[string]string{
		"one.example.":     "192.0.2.1",
		"two.example.":     "192.0.2.1 192.0.2.2",
		"none.example.":    "no address",
		"unknown.example.": "NXDOMAIN",
	} {
		got := ask(t.Context(), endpoint, name)
		for range 9 { // it waits for a second only
			if got == "no reply" {
				got = ask(t.Context(), endpoint, name)
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := ask(t.Context(), freeEndpoint(t), "one.example."); got != "no reply" {
		t.Errorf("nobody there: got %q", got)
	}
}

func TestCoreDNSEnds(t *testing.T) {
	for mode, want := range map[string]string{
		"fails":       "exit status 3",
		"stopped":     "context canceled",
		"interrupted": "context canceled",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Setenv("DEMO_TEST_COREDNS", mode)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			log := &output{screen: &screen{w: io.Discard}}
			running, stop, err := startCoreDNS(ctx, log, os.Args[0], "demo_test.go")
			if err != nil {
				t.Fatal(err)
			}
			defer stop()

			eventually.True(t, "its start", func() bool { return strings.Contains(log.String(), "started") })
			switch mode {
			case "stopped":
				stop()
			case "interrupted":
				interrupt()
			}
			<-running.Done()
			if got := context.Cause(running).Error(); got != "CoreDNS has ended: "+want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestNoCorefile(t *testing.T) {
	_, _, err := startCoreDNS(t.Context(), io.Discard, os.Args[0], "missing")
	if err == nil || !strings.Contains(err.Error(), "the demo runs in the root of the repository") {
		t.Errorf("got %v", err)
	}
}

func TestOutputShowsWhatFailoverLogs(t *testing.T) {
	var shown bytes.Buffer
	log := &output{screen: &screen{w: &shown}}
	written := []string{
		"CoreDNS-1.15.0\n[INFO] plugin/fail",
		"over: record www.example.org, tier 1, and so on\n[INFO] plugin/failover: record www.example.org, tier 2",
	}
	for _, part := range written {
		io.WriteString(log, part)
	}
	if got, want := shown.String(), "  tier 1, and so on\n"; got != want {
		t.Errorf("shown: got %q, want %q", got, want)
	}
	if got, want := log.String(), strings.Join(written, ""); got != want {
		t.Errorf("kept: got %q, want %q", got, want)
	}
}

func TestScreen(t *testing.T) {
	var plain, colored bytes.Buffer
	(&screen{w: &plain}).answer("Failed over", "192.0.2.20", 1340*time.Millisecond)
	(&screen{w: &colored, colors: true}).answer("Failed over", "192.0.2.20", 1340*time.Millisecond)
	if want := "  Failed over 192.0.2.20  after 1.34s\n"; plain.String() != want {
		t.Errorf("got %q, want %q", &plain, want)
	}
	if want := "  Failed over \033[32m192.0.2.20\033[0m  after 1.34s\n"; colored.String() != want {
		t.Errorf("got %q, want %q", &colored, want)
	}
}

// freeEndpoint returns an endpoint on loopback that nobody listens on.
func freeEndpoint(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// serveDNS answers A questions from a table of names and their addresses.
func serveDNS(t *testing.T, addresses map[string]string) (endpoint string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		reply := new(dns.Msg).SetReply(r)
		found, known := addresses[r.Question[0].Name]
		if !known {
			reply.Rcode = dns.RcodeNameError
		}
		for address := range strings.FieldsSeq(found) {
			rr, err := dns.NewRR(r.Question[0].Name + " A " + address)
			if err != nil {
				t.Error(err)
			}
			reply.Answer = append(reply.Answer, rr)
		}
		w.WriteMsg(reply)
	})}
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return conn.LocalAddr().String()
}
