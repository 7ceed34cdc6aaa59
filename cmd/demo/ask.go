package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// step is the time between two questions.
const step = 20 * time.Millisecond

// ask returns the addresses of the record, or a word on why there is none.
func ask(ctx context.Context, server, name string) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	question := new(dns.Msg).SetQuestion(name, dns.TypeA)
	reply, _, err := new(dns.Client).ExchangeContext(ctx, question, server)
	if err != nil {
		return "no reply"
	}
	if reply.Rcode != dns.RcodeSuccess {
		return dns.RcodeToString[reply.Rcode]
	}
	var addresses []string
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			addresses = append(addresses, a.A.String())
		}
	}
	if len(addresses) == 0 {
		return "no address"
	}
	return strings.Join(addresses, " ")
}

// askUntil asks until enough says so, and returns that answer.
func askUntil(ctx context.Context, enough func(answer string) bool) (string, error) {
	last := "never asked"
	for ctx.Err() == nil {
		answer := ask(ctx, server, name)
		if enough(answer) {
			return answer, nil
		}
		if ctx.Err() == nil {
			last = answer
		}
		sleep(ctx, step)
	}
	return "", fmt.Errorf("%w; the last answer was: %s", context.Cause(ctx), last)
}

// changes hands out each answer that differs from the one before, until ctx is
// done.
func changes(ctx context.Context, before string) <-chan string {
	answers := make(chan string)
	go func() {
		for {
			now, err := askUntil(ctx, func(answer string) bool { return answer != before })
			if err != nil {
				return
			}
			before = now
			select {
			case answers <- now:
			case <-ctx.Done():
				return
			}
		}
	}()
	return answers
}
