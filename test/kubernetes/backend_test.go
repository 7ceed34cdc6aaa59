package kubernetes_test

import (
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// backend is a web server at port 8080, in a pod or elsewhere. It can be stopped
// and started again.
type backend struct {
	ip     string
	probes atomic.Int64
	server *http.Server
}

// startService starts a backend where the address of a service leads, until the
// end of the test.
func startService(t testing.TB, address string) *backend {
	t.Helper()
	leadHere(t, address)
	return startBackendAt(t, address)
}

// startBackend starts a backend at a pod's address, until the end of the test.
func startBackend(t testing.TB) *backend {
	t.Helper()
	return startBackendAt(t, newIP())
}

func startBackendAt(t testing.TB, ip string) *backend {
	t.Helper()
	b := &backend{ip: ip}
	b.start(t)
	t.Cleanup(b.stop)
	return b
}

// start lets the backend serve.
func (b *backend) start(t testing.TB) {
	t.Helper()
	listener := listen(t, b.ip, "8080")
	b.server = &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.probes.Add(1) })}
	go func(s *http.Server) { _ = s.Serve(listener) }(b.server)
}

// awaitProbe waits until the backend has been probed.
func (b *backend) awaitProbe(t testing.TB) {
	t.Helper()
	await(t, func() string {
		if b.probes.Load() == 0 {
			return b.ip + " is not probed"
		}
		return ""
	})
}

// stop closes the port and its connections: probes are refused.
func (b *backend) stop() { b.server.Close() }

// startUpstream starts the name server of the node, until the end of the test,
// and returns its address. It knows www.example.org and nothing else.
func startUpstream(t testing.TB) (ip string) {
	t.Helper()
	ip = newIP()
	listener := listen(t, ip, "53")
	conn, err := net.ListenPacket("udp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: listener}, {PacketConn: conn}} {
		s.Handler = dns.HandlerFunc(answerUpstream)
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return ip
}

func answerUpstream(w dns.ResponseWriter, question *dns.Msg) {
	reply := new(dns.Msg).SetReply(question)
	switch q := question.Question[0]; {
	case q.Name != "www.example.org.":
		reply.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeA:
		rr, _ := dns.NewRR("www.example.org. 1 IN A 192.0.2.80")
		reply.Answer = append(reply.Answer, rr)
	}
	_ = w.WriteMsg(reply)
}

// listen listens at an address and port, until the end of the test.
func listen(t testing.TB, ip, port string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
