package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// backendWord as the first argument makes this program a backend: a process of
// its own, so that what it costs is not counted to what is measured, and so that
// it can be killed. It listens on the address that follows.
const backendWord = "backend"

// backend is what a probe finds: a small HTTP server. Bound to 0.0.0.0 it is every
// target of 127.0.0.0/8 at once.
type backend struct {
	probes  atomic.Int64
	targets atomic.Int64 // that have been probed since they were forgotten
	hanging atomic.Bool
	seen    [1 << 24 / 64]atomic.Uint64 // a bit for each target of 127.0.0.0/8
}

// runBackend serves until the process is ended.
func runBackend(address string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", address)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	b := new(backend)
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err) // such as no descriptor left
			continue
		}
		go b.serve(conn)
	}
}

// readers hold what a connection sends, so that an idle one costs little.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 1024) }}

// serve answers requests as an HTTP server does, until the client has closed or
// has asked for that.
func (b *backend) serve(conn net.Conn) {
	defer conn.Close()
	r := readers.Get().(*bufio.Reader)
	defer readers.Put(r)
	r.Reset(conn)
	ip := conn.LocalAddr().(*net.TCPAddr).IP.To4()
	for {
		path, last, err := readRequest(r)
		if err != nil {
			return
		}
		if b.hanging.Load() && hangs(ip[3]) {
			io.Copy(io.Discard, conn) //nolint:errcheck // until the client gives up
			return
		}
		if _, err := conn.Write(b.answer(ip, path, last)); err != nil || last {
			return
		}
	}
}

// hangs reports whether a target is one of the half that can be made to hang, by the
// last octet of its address.
func hangs(octet byte) bool { return octet%2 == 0 }

// readRequest reads the head of a request. It returns its path, and whether the
// connection ends with it.
func readRequest(r *bufio.Reader) (path string, last bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", false, err
	}
	if fields := bytes.Fields(line); len(fields) > 1 {
		path = string(fields[1])
	}
	last = bytes.Contains(line, []byte("HTTP/1.0"))
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return "", false, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return path, last, nil
		}
		last = last || strings.EqualFold(string(line), "Connection: close")
	}
}

// answer is the response to a probe, or to one of the paths by which the backend
// is steered.
func (b *backend) answer(ip net.IP, path string, last bool) []byte {
	body := "ok"
	switch path {
	case "/backend/probes":
		body = strconv.FormatInt(b.probes.Load(), 10)
	case "/backend/targets":
		body = strconv.FormatInt(b.targets.Load(), 10)
	case "/backend/forget":
		b.forget()
	case "/backend/hang":
		b.hanging.Store(true)
	default:
		b.note(ip)
	}
	connection := "keep-alive"
	if last {
		connection = "close"
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n"
	return fmt.Appendf(nil, head+"%s", len(body), connection, body)
}

// note counts a probe of a target.
func (b *backend) note(ip net.IP) {
	b.probes.Add(1)
	n := uint32(ip[1])<<16 | uint32(ip[2])<<8 | uint32(ip[3])
	if bit := uint64(1) << (n % 64); b.seen[n/64].Or(bit)&bit == 0 {
		b.targets.Add(1)
	}
}

// forget begins to count anew which targets are probed.
func (b *backend) forget() {
	for i := range b.seen {
		b.seen[i].Store(0)
	}
	b.targets.Store(0)
}
