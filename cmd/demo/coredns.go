package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// startCoreDNS starts CoreDNS, which writes to out. The context that it returns
// is done when the process has ended, with the reason as its cause; stop ends
// the process and waits for that, and so does the end of ctx.
func startCoreDNS(ctx context.Context, out io.Writer, program, corefile string) (
	running context.Context, stop func(), err error,
) {
	if _, err := os.Stat(corefile); err != nil {
		return nil, nil, fmt.Errorf("%w; the demo runs in the root of the repository", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, program, "-conf", corefile) //nolint:gosec // the reader chose the program
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, nil, fmt.Errorf("%w; make builds it", err)
	}

	running, end := context.WithCancelCause(context.WithoutCancel(ctx))
	go func() {
		end(fmt.Errorf("CoreDNS has ended: %w", cmp.Or(cmd.Wait(), errors.New("exit status 0"))))
	}()
	stop = func() {
		cancel()
		<-running.Done()
	}
	return running, stop, nil
}

// mustBeFree makes sure that nobody answers on address: CoreDNS sets
// SO_REUSEPORT, and would share the port with another CoreDNS.
func mustBeFree(ctx context.Context, address string) error {
	var lc net.ListenConfig
	udp, err := lc.ListenPacket(ctx, "udp", address)
	if err != nil {
		return explain(err, address)
	}
	defer udp.Close()
	tcp, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return explain(err, address)
	}
	return tcp.Close()
}

// output keeps what CoreDNS writes, and shows what failover logs of the record.
type output struct {
	screen *screen

	mu   sync.Mutex
	all  bytes.Buffer
	line []byte // the last line, while it has no end
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all.Write(p)
	o.line = append(o.line, p...)
	for {
		line, rest, complete := bytes.Cut(o.line, []byte("\n"))
		if !complete {
			return len(p), nil
		}
		if _, message, ours := bytes.Cut(line, []byte("plugin/failover: record www.example.org, ")); ours {
			o.screen.log(string(message))
		}
		o.line = rest
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}
