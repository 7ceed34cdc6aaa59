package main

import (
	"bufio"
	"net"
	"net/http"
	"testing"
)

// talk sends a request to a backend that serves one connection, and returns the
// response and whether the connection ends with it.
func talk(t *testing.T, b *backend, request string) (*http.Response, bool) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := listener.Accept(); err == nil {
			b.serve(conn)
		}
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		conn.Close()
		<-ended
	}()
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response, response.Close
}

func TestBackendCountsProbesAndClosesAsItIsAsked(t *testing.T) {
	b := new(backend)
	for _, one := range []struct {
		request string
		ends    bool
	}{
		{"GET / HTTP/1.0\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n", true},
	} {
		response, ends := talk(t, b, one.request)
		if response.StatusCode != http.StatusOK || ends != one.ends {
			t.Errorf("%q is answered with %s, ends %v, want %v", one.request, response.Status, ends, one.ends)
		}
	}
	talk(t, b, "GET /backend/probes HTTP/1.1\r\n\r\n")
	if probes, targets := b.probes.Load(), b.targets.Load(); probes != 3 || targets != 1 {
		t.Errorf("%d probes of %d targets are counted, want 3 of 1", probes, targets)
	}
	talk(t, b, "GET /backend/forget HTTP/1.1\r\n\r\n")
	if targets := b.targets.Load(); targets != 0 {
		t.Errorf("%d targets are still known", targets)
	}
}
