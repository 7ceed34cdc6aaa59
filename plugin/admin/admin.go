// Package admin is where people and programs see a running server and steer it:
// an HTTP API under /v1, which openapi.json describes, and a status page.
//
// What it shows and does is its Source's; this package says who may ask, reads
// requests, and writes answers. Whoever sends a credential is logged with what
// they did and why. No credential is ever shown.
package admin

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/coredns-failover/failover/plugin/model"
)

// Config is what a server needs.
type Config struct {
	// Settings are those of the Corefile, with absolute paths.
	Settings model.Admin
	Source   Source
	// Listen binds a socket, as net.Listen does. It is required, as Log is.
	Listen func(network, addr string) (net.Listener, error)
	// Log takes one line for each thing that an operator did, or that went wrong.
	// It may be called by any number of goroutines at once.
	Log func(format string, args ...any)
}

// Listen returns a server that has its socket, but does not serve yet. All files
// that c names are read now: what is wrong with them is an error here.
func Listen(c Config) (*Server, error) {
	s, err := listen(c, defaults)
	if err != nil {
		return nil, fmt.Errorf("admin %s: %w", c.Settings.Addr, err)
	}
	return s, nil
}

func listen(c Config, l limits) (*Server, error) {
	web, err := openWebConfig(c.Settings.WebConfig)
	if err != nil {
		return nil, err
	}
	tokens, err := openTokens(c.Settings.TokenFile, l.stat, c.Log)
	if err != nil {
		return nil, err
	}
	local, err := isLoopback(c.Settings.Addr)
	if err != nil {
		return nil, err
	}
	if !local && tokens == nil && !web.verifiesClients {
		return nil, errors.New("whoever reaches this address could steer; add \"token_file PATH\", " +
			"or a \"web_config PATH\" that verifies client certificates, or listen on 127.0.0.1")
	}
	listener, err := c.Listen("tcp", c.Settings.Addr)
	if err != nil {
		return nil, err
	}
	if local && !bindsLoopback(listener) {
		_ = listener.Close()
		return nil, fmt.Errorf("it became %s, which is no loopback address; listen on 127.0.0.1", listener.Addr())
	}
	return newServer(c, l, listener, &gate{local: local, tokens: tokens, web: web, log: seldom(c.Log)}), nil
}

// isLoopback reports whether only this machine reaches addr. A name is not
// looked up: what it stands for may change.
func isLoopback(addr string) (bool, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, fmt.Errorf("this is no address; write HOST:PORT, such as 127.0.0.1:9191: %w", err)
	}
	return isLoopbackHost(host), nil
}

func isLoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// bindsLoopback asks the socket, since it is the machine that says what
// "localhost" is.
func bindsLoopback(l net.Listener) bool {
	local, err := isLoopback(l.Addr().String())
	return err == nil && local
}
