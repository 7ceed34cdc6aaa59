package admin

import "time"

// limits bound what clients can take from the server. Tests have their own.
type limits struct {
	header    time.Duration // to send a request's header
	read      time.Duration // to send all of a request
	write     time.Duration // to take an answer
	idle      time.Duration // between two requests of a connection
	keepAlive time.Duration // between two lines of a stream of events
	event     time.Duration // to take one event
	stat      time.Duration // between two looks at the token file
	close     time.Duration // for requests under way when the server ends

	connections int
	streams     int
	behind      int // transitions that a stream may be behind
}

var defaults = limits{
	header:      5 * time.Second,
	read:        10 * time.Second,
	write:       30 * time.Second,
	idle:        time.Minute,
	keepAlive:   15 * time.Second,
	event:       5 * time.Second,
	stat:        time.Second,
	close:       2 * time.Second,
	connections: 512,
	streams:     100,
	behind:      256,
}

const (
	maxHeader = 16 << 10 // bytes of a request's header
	maxBody   = 64 << 10 // bytes of a request's body
	maxID     = 1 << 10  // bytes of a record's or a heartbeat's ID
)
