package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coredns-failover/failover/bench/rig"
)

// backendWord as the first argument makes this program a backend: a process of
// its own, so that what it costs is not counted to what is measured, and so that
// it can be killed. It listens on the address that follows.
const backendWord = "backend"

// backend is what a probe finds: a small HTTP server. Bound to 0.0.0.0 it is every
// target of 127.0.0.0/8 at once.
type backend struct {
	probes  atomic.Int64
	hanging atomic.Bool
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
	ip, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	for {
		path, last, err := readRequest(r)
		if err != nil {
			return
		}
		if b.hanging.Load() && hangs(ip) {
			io.Copy(io.Discard, conn) //nolint:errcheck // until the client gives up
			return
		}
		if _, err := conn.Write(b.answer(path, last)); err != nil || last {
			return
		}
	}
}

// hangs reports whether a target is one of the half that can be made to hang: that
// with an even last octet.
func hangs(ip string) bool { return (ip[len(ip)-1]-'0')%2 == 0 }

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
func (b *backend) answer(path string, last bool) []byte {
	body := "ok"
	switch path {
	case "/backend/probes":
		body = strconv.FormatInt(b.probes.Load(), 10)
	case "/backend/hang":
		b.hanging.Store(true)
	default:
		b.probes.Add(1)
	}
	connection := "keep-alive"
	if last {
		connection = "close"
	}
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s",
		len(body), connection, body)
}

// crowd is a backend process for every address of 127.0.0.0/8.
type crowd struct {
	*rig.Process
	port string
}

func startCrowd(ctx context.Context) (*crowd, error) {
	port, err := rig.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	process, err := startBackend(ctx, "0.0.0.0:"+port)
	if err != nil {
		return nil, err
	}
	return &crowd{process, port}, nil
}

// startBackend starts a backend at address as a process of its own.
func startBackend(ctx context.Context, address string) (*rig.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return rig.Program{
		Name: "backend", Command: []string{self, backendWord, address}, Up: rig.Accepts(address),
	}.Start(ctx)
}

// probes returns how many probes the backend has answered.
func (c *crowd) probes(ctx context.Context) (float64, error) {
	text, err := fetch(ctx, "http://127.0.0.1:"+c.port+"/backend/probes")
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

// hang makes half of the targets accept connections and never answer.
func (c *crowd) hang(ctx context.Context) error {
	_, err := fetch(ctx, "http://127.0.0.1:"+c.port+"/backend/hang")
	return err
}

// fetch returns the body of a URL.
func fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(body), err
}
