package admin

import (
	"cmp"
	"net/http"
	"time"
)

// Limits are what tests change; zero leaves the default.
type Limits struct {
	Header, Read, KeepAlive, Event, Stat, Close time.Duration
	Connections, Streams, Behind                int
}

// ListenWith is Listen with other limits.
func ListenWith(c Config, l Limits) (*Server, error) {
	all := defaults
	all.header = cmp.Or(l.Header, all.header)
	all.read = cmp.Or(l.Read, all.read)
	all.keepAlive = cmp.Or(l.KeepAlive, all.keepAlive)
	all.event = cmp.Or(l.Event, all.event)
	all.stat = cmp.Or(l.Stat, all.stat)
	all.close = cmp.Or(l.Close, all.close)
	all.connections = cmp.Or(l.Connections, all.connections)
	all.streams = cmp.Or(l.Streams, all.streams)
	all.behind = cmp.Or(l.Behind, all.behind)
	return listen(c, all)
}

// Handler is what serves requests.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Streams is how many streams are open.
func (s *Server) Streams() int { return s.events.count() }

// Routes lists the API's routes, as "METHOD /path".
func Routes() []string {
	var all []string
	for _, r := range (&api{}).routes() {
		all = append(all, r.pattern())
	}
	return all
}

// Handle adds a route to the server, which is open to those who may read.
func (s *Server) Handle(pattern string, h http.HandlerFunc) {
	s.http.Handler.(*front).mux.HandleFunc(pattern, h)
}
