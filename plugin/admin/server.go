package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"

	"github.com/coredns-failover/failover/plugin/status"
)

// Server is an admin server. Its fields are read-only; its methods may be called
// by any number of goroutines at once, but for Serve.
type Server struct {
	config   Config
	limits   limits
	listener net.Listener
	gate     *gate
	events   *events
	http     *http.Server

	serving sync.WaitGroup
	close   sync.Once
}

func newServer(c Config, l limits, listener net.Listener, g *gate) *Server {
	s := &Server{
		config: c, limits: l, gate: g,
		listener: netutil.LimitListener(listener, l.connections),
		events:   newEvents(l.streams, l.behind),
	}
	s.http = &http.Server{
		Handler:           newFront(&api{c.Source, g, s.events, l, c.Log}),
		ReadHeaderTimeout: l.header,
		ReadTimeout:       l.read,
		WriteTimeout:      l.write,
		IdleTimeout:       l.idle,
		MaxHeaderBytes:    maxHeader,
		// What anybody who connects can cause is not worth many lines.
		ErrorLog: log.New(lineWriter(seldom(c.Log)), "", 0),
		// "OPTIONS *" is a request like others.
		DisableGeneralOptionsHandler: true,
	}
	return s
}

// Serve serves until Close, and does not wait for that. It is called once.
func (s *Server) Serve() {
	if s.gate.tokens != nil && !s.gate.local && !s.gate.web.tls {
		s.config.Log("admin %s: tokens cross the network for all to read; add a web_config with TLS", s.config.Settings.Addr)
	}
	s.serving.Go(func() {
		err := web.Serve(s.listener, s.http, &web.FlagConfig{WebConfigFile: &s.gate.web.path}, s.logger())
		if !errors.Is(err, http.ErrServerClosed) {
			s.config.Log("admin %s: serves no longer: %v", s.config.Settings.Addr, redacted(err))
		}
	})
}

// logger takes what the toolkit says of trouble with its file.
func (s *Server) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(lineWriter(seldom(s.config.Log)), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Publish hands transitions to all who read /v1/events. It never waits for them.
func (s *Server) Publish(ts ...status.Transition) {
	if s.events.count() == 0 {
		return
	}
	for _, t := range ts {
		data, err := json.Marshal(t)
		if err != nil {
			s.config.Log("admin: a transition of %s can not be written: %v", t.Record, err)
			continue
		}
		s.events.publish(data)
	}
}

// Close ends everything: streams at once, and requests under way after two
// seconds.
func (s *Server) Close() {
	s.close.Do(func() {
		s.events.close()
		ctx, cancel := context.WithTimeout(context.Background(), s.limits.close)
		defer cancel()
		if s.http.Shutdown(ctx) != nil {
			_ = s.http.Close()
		}
		_ = s.listener.Close() // it is the server's only once it has served
		s.serving.Wait()
	})
}
