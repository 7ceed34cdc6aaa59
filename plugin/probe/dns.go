package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// maxDatagram is how many bytes of a reply by UDP are read. A server must not
// send more than 512 to who does not ask for them (RFC 1035, 4.2.1); some do.
const maxDatagram = 4096

// probeDNS is healthy when the server replies NOERROR with an answer. It asks by
// UDP, from a port of its own and with a random id, and again by TCP where the
// reply is truncated (RFC 7766, 5).
func probeDNS(ctx context.Context, e *execution) error {
	query := new(dns.Msg).SetQuestion(e.check.Request.Name, e.check.Request.QueryType)
	reply, err := e.ask(ctx, "udp", query, maxDatagram)
	if err != nil {
		return err
	}
	if reply.Truncated {
		if reply, err = e.ask(ctx, "tcp", query, dns.MaxMsgSize); err != nil {
			return fmt.Errorf("truncated by UDP, and by TCP: %w", err)
		}
	}
	return judgeReply(reply)
}

// ask sends query by network and returns its reply, which has at most limit
// bytes. The first time it notes how long that took.
func (e *execution) ask(ctx context.Context, network string, query *dns.Msg, limit int) (*dns.Msg, error) {
	opened, err := e.open(ctx, network, e.endpoint())
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	messages := &dns.Conn{Conn: opened.Conn}
	start := time.Now()
	if err := messages.WriteMsg(query); err != nil {
		return nil, e.failure(ctx, sending, err)
	}
	reply, err := e.await(ctx, messages, query, limit)
	if err == nil && e.connect == 0 {
		e.connect = time.Since(start)
	}
	return reply, err
}

func (p *plan) await(ctx context.Context, messages *dns.Conn, query *dns.Msg, limit int) (*dns.Msg, error) {
	buffer := make([]byte, limit)
	for {
		n, err := messages.Read(buffer)
		if err != nil {
			return nil, p.failure(ctx, waiting, err)
		}
		if reply, err := parse(buffer[:n], query); reply != nil || err != nil {
			return reply, err
		}
	}
}

// parse returns neither reply nor error for what is not a reply to query: anyone
// may send that (RFC 5452, 9.1).
func parse(message []byte, query *dns.Msg) (*dns.Msg, error) {
	if len(message) < 2 || binary.BigEndian.Uint16(message) != query.Id {
		return nil, nil
	}
	reply := new(dns.Msg)
	if err := reply.Unpack(message); err != nil {
		return nil, errors.New("malformed reply: " + printable(bare(err)))
	}
	if !reply.Response || reply.Opcode != query.Opcode || !sameQuestion(reply, query) {
		return nil, nil
	}
	return reply, nil
}

// sameQuestion reports whether reply repeats the question of query, in whatever
// case. A server that could not read the question cannot repeat it.
func sameQuestion(reply, query *dns.Msg) bool {
	if len(reply.Question) == 0 {
		return reply.Rcode != dns.RcodeSuccess
	}
	is, want := reply.Question[0], query.Question[0]
	return is.Qtype == want.Qtype && is.Qclass == want.Qclass && strings.EqualFold(is.Name, want.Name)
}

func judgeReply(reply *dns.Msg) error {
	if reply.Rcode != dns.RcodeSuccess {
		return errors.New(rcodeName(reply.Rcode))
	}
	if len(reply.Answer) == 0 {
		return errors.New("NOERROR without an answer")
	}
	return nil
}

func rcodeName(rcode int) string {
	if name, ok := dns.RcodeToString[rcode]; ok {
		return name
	}
	return "RCODE " + strconv.Itoa(rcode)
}
