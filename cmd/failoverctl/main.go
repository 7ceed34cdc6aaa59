// Command failoverctl shows what a CoreDNS with failover does, and steers it,
// over its admin API. It also reads Corefiles, without any server.
package main

import (
	"context"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second Ctrl-C ends the program at once, whatever is to be restored.
	context.AfterFunc(ctx, stop)
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		environment: os.Getenv,
		resolver:    net.DefaultResolver,
		now:         time.Now,
		answers:     term.IsTerminal(int(os.Stdin.Fd())),
		screen:      terminalSize,
	}
	os.Exit(a.run(ctx, a.rootCommand(), os.Args[1:]))
}

// terminalSize returns the size of the terminal that the output goes to, and
// whether there is one.
func terminalSize() (width, height int, ok bool) {
	fd := int(os.Stdout.Fd())
	if !term.IsTerminal(fd) {
		return 0, 0, false
	}
	width, height, err := term.GetSize(fd)
	return width, height, err == nil
}
