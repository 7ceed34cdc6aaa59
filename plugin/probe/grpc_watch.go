package probe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// stream is a line with a call of grpc.health.v1.Health/Watch, by which a server
// says by itself when its health changes. It is spoken in frames, which are read
// when they come: the library would keep several goroutines and their buffers for
// as long as the connection lasts. Where a server knows no such call, it is a
// connection like any other.
type stream struct {
	opened  *conn
	secured net.Conn // the same, or TLS on it
	framer  *http2.Framer
	limited limitedReader // the whole life of a line, as of one that is silent
	begun   bool          // a frame has been read in part
	message []byte        // what has come of the next
	known   bool          // the server has told a state
}

// healthCall is the number of the only call on a connection, the first that a
// client may choose (RFC 9113, 5.1.1).
const healthCall = 1

// openStream connects and makes the call. It does not wait for the answer.
func (e *execution) openStream(ctx context.Context) (line, error) {
	opened, secured, err := e.dialGRPC(ctx)
	if err != nil {
		return nil, err
	}
	s := newStream(opened, secured)
	if err := s.call(e); err != nil {
		_ = opened.Close()
		return nil, err
	}
	opened.release()
	opened.keepAlive(e.check.Schedule.Interval)
	return s, nil
}

// keepAlive lets the kernel ask after each while whether the peer is there. A call
// lasts for as long as the server, but a firewall in between may forget it without a
// word.
func (c *conn) keepAlive(every time.Duration) {
	every = min(every, time.Hour) // Linux takes no more than nine
	// Without it a line is what it was.
	_ = c.socket().SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: 3})
}

func newStream(opened *conn, secured net.Conn) *stream {
	s := &stream{opened: opened, secured: secured}
	s.limited = limitedReader{stream: secured, left: maxHeaders, excess: errChatty}
	s.framer = http2.NewFramer(secured, s)
	s.framer.SetReuseFrames()
	s.framer.SetMaxReadFrameSize(smallestFrame)
	return s
}

// smallestFrame is the size of frames that every peer must take, and none may send
// more who was not told otherwise (RFC 9113, 4.2).
const smallestFrame = 16 << 10

// call sends all that the client has to say: its preface, and the request.
func (s *stream) call(e *execution) error {
	request, err := proto.Marshal(&grpc_health_v1.HealthCheckRequest{Service: e.check.Request.Service})
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.secured, http2.ClientPreface)
	return errors.Join(err,
		s.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}),
		s.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: healthCall, BlockFragment: e.callHeaders(), EndHeaders: true,
		}),
		s.framer.WriteData(healthCall, true, prefixed(request)))
}

// callHeaders are those of a gRPC call over HTTP/2.
func (e *execution) callHeaders() []byte {
	scheme := "http"
	if e.check.TLS.Enabled {
		scheme = "https"
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [...][2]string{
		{":method", "POST"},
		{":scheme", scheme},
		{":path", grpc_health_v1.Health_Watch_FullMethodName},
		{":authority", cmp.Or(bracketed(e.check.Host), e.endpoint())},
		{"content-type", "application/grpc"},
		{"te", "trailers"},
		{"user-agent", "coredns-failover"},
	} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // a Buffer takes all
	}
	return block.Bytes()
}

// prefix is how many bytes stand in front of a message of gRPC: whether it is
// compressed, and its length.
const prefix = 5

func prefixed(message []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(b, message...)
}

func (s *stream) conn() *conn { return s.opened }

// Read is what the framer reads from.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.limited.Read(b)
	if n > 0 && !s.begun {
		s.begun = true
		_ = s.opened.SetDeadline(time.Now().Add(wholeFrame)) // what fails here fails in the next call
	}
	return n, err
}

// wholeFrame is how long the rest of a frame that has begun may take, and what there
// is to say to it.
const wholeFrame = time.Second

// heed reads the frames that are there, until there has been none for a moment: TLS
// may hold one back that the kernel knows nothing of any more.
func (s *stream) heed(rouse func()) error {
	for {
		if err := s.opened.SetDeadline(time.Now().Add(moment)); err != nil {
			return err
		}
		s.begun = false
		frame, err := s.framer.ReadFrame()
		if errors.Is(err, os.ErrDeadlineExceeded) && !s.begun {
			s.limited.err = nil
			return nil
		}
		if err != nil {
			return err
		}
		news, err := s.take(frame)
		if err != nil {
			return err
		}
		if news {
			rouse()
		}
	}
}

// errLeaving is why a line ends with a GOAWAY: the server is about to stop, or to
// get rid of connections (RFC 9113, 6.8).
var errLeaving = errors.New("the server says that it ends the connection")

// take takes a frame in.
func (s *stream) take(frame http2.Frame) (news bool, err error) {
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			err = s.framer.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			err = s.framer.WritePing(true, f.Data)
		}
	case *http2.GoAwayFrame:
		err = errLeaving
	case *http2.DataFrame:
		return s.takeData(f)
	case *http2.RSTStreamFrame:
		err = s.callEnded()
	case *http2.HeadersFrame:
		if f.StreamEnded() {
			err = s.callEnded()
		}
	}
	return news, err
}

// errCallEnded is why a line ends on which the server has told a state, and will tell
// no other.
var errCallEnded = errors.New("the server has ended the call")

// callEnded is nil where the server does not know the call.
func (s *stream) callEnded() error {
	if s.known {
		return errCallEnded
	}
	return nil
}

// takeData takes in what there is of messages, and lets the server send as much
// again (RFC 9113, 5.2).
func (s *stream) takeData(f *http2.DataFrame) (news bool, err error) {
	s.message = append(s.message, f.Data()...)
	for len(s.message) >= prefix {
		size := binary.BigEndian.Uint32(s.message[1:prefix])
		if size > maxMessage {
			return false, errHealth
		}
		whole := prefix + int(size)
		if len(s.message) < whole {
			break
		}
		told, err := s.takeMessage(s.message[prefix:whole])
		if err != nil {
			return false, err
		}
		news = news || told
		s.message = append(s.message[:0], s.message[whole:]...)
	}
	if f.Length > 0 {
		err = errors.Join(s.framer.WriteWindowUpdate(0, f.Length), s.framer.WriteWindowUpdate(healthCall, f.Length))
	}
	return news, err
}

// takeMessage reports whether a state is a reason to look: any is but the first,
// unless that is already another than the probe has found just now.
func (s *stream) takeMessage(message []byte) (news bool, err error) {
	var state grpc_health_v1.HealthCheckResponse
	if err := proto.Unmarshal(message, &state); err != nil {
		return false, err
	}
	first := !s.known
	s.known = true
	return !first || state.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING, nil
}
