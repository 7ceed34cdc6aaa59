package test_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// ok is the behaviour of a healthy web server.
var ok = answer(http.StatusOK, "ok")

// answer reads a request and answers it.
func answer(status int, body string) behaviour {
	return func(t *target, conn net.Conn) {
		if t.readRequest(conn) {
			fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
				status, http.StatusText(status), len(body), body)
		}
	}
}

// lasting is a healthy web server that keeps connections open.
var lasting = bearing(10 * time.Minute)

// bearing answers requests, and ends a connection that has been idle for a while.
func bearing(idle time.Duration) behaviour {
	return func(t *target, conn net.Conn) {
		buffered := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(buffered)
			if err != nil {
				t.noteEnd(err)
				return
			}
			t.asked.Store(request)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			_ = conn.SetReadDeadline(time.Now().Add(idle))
		}
	}
}

// mute says nothing, and ends a connection that has been idle for a while.
func mute(idle time.Duration) behaviour {
	return func(t *target, conn net.Conn) {
		_ = conn.SetReadDeadline(time.Now().Add(idle))
		_, err := io.Copy(io.Discard, conn)
		t.noteEnd(err)
	}
}

// relaying is a load balancer in front of a server, which resets a connection that
// has been idle for a while since the server last said something. So however busy the
// machine is, nobody who waits for an answer is cut off.
func relaying(server *target, idle time.Duration) behaviour {
	return func(t *target, conn net.Conn) {
		onward, err := net.Dial("tcp", net.JoinHostPort(server.ip, server.port))
		if err != nil {
			return
		}
		defer onward.Close()
		t.running.Go(func() {
			defer onward.Close()
			_, _ = io.Copy(onward, conn)
		})
		cut := time.AfterFunc(patience, func() {
			t.cut.Add(1)
			reset(conn)
		})
		defer cut.Stop()
		for some := make([]byte, 4096); ; cut.Reset(idle) {
			n, err := onward.Read(some)
			if err != nil {
				return
			}
			_, _ = conn.Write(some[:n])
		}
	}
}

// delayed lets d pass before b, or the peer hang up.
func delayed(d time.Duration, b behaviour) behaviour {
	return func(t *target, conn net.Conn) {
		_ = conn.SetReadDeadline(time.Now().Add(d))
		buffered := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(buffered)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				b(t, conn)
			}
			if err != nil {
				return
			}
			t.asked.Store(request)
		}
	}
}

// silent accepts, reads, and says nothing.
func silent(_ *target, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// says sends text at once, and keeps the connection open.
func says(text string) behaviour {
	return func(t *target, conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		silent(t, conn)
	}
}

// endless answers a request with head, and then with more without an end.
func endless(head, more string) behaviour {
	return func(t *target, conn net.Conn) {
		if !t.readRequest(conn) {
			return
		}
		if tcp, isTCP := conn.(*net.TCPConn); isTCP {
			_ = tcp.SetWriteBuffer(16 << 10) // less to send in vain
		}
		_, err := io.WriteString(conn, head)
		for chunk := bytes.Repeat([]byte(more), 1+4096/len(more)); err == nil; {
			_, err = conn.Write(chunk)
		}
	}
}

// breaksOff answers a request with the first part of an answer, and resets the
// connection.
func breaksOff(part string) behaviour {
	return func(t *target, conn net.Conn) {
		if t.readRequest(conn) {
			_, _ = io.WriteString(conn, part)
			reset(conn)
		}
	}
}

// replies reads what a probe sends, and answers with text.
func replies(to, text string) behaviour {
	return func(_ *target, conn net.Conn) {
		got := make([]byte, len(to))
		if _, err := io.ReadFull(conn, got); err == nil && string(got) == to {
			_, _ = io.WriteString(conn, text)
		}
	}
}

// readRequest reads an HTTP request and keeps it; it reports false where none
// came.
func (tg *target) readRequest(conn net.Conn) bool {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return false
	}
	tg.asked.Store(request)
	return true
}

// reset ends a connection with an RST.
func reset(conn net.Conn) {
	if secured, isTLS := conn.(*tls.Conn); isTLS {
		conn = secured.NetConn()
	}
	if tcp, isTCP := conn.(*net.TCPConn); isTCP {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// failing is the behaviour of an unhealthy web server.
var failing = answer(http.StatusServiceUnavailable, "sorry")

// inTurn has another of the behaviours for each connection, over and over.
func inTurn(bs ...behaviour) behaviour {
	var n atomic.Int64
	return func(t *target, conn net.Conn) { bs[int(n.Add(1)-1)%len(bs)](t, conn) }
}
