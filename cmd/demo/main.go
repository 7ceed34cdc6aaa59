// Command demo shows a failover: it starts two small HTTP backends and CoreDNS
// with examples/quickstart/Corefile, asks for the record while it stops and
// starts the primary, and then leaves the reader at the switches. Run it with
// "make demo".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	d := demo{screen: newScreen(os.Stdout), keys: os.Stdin}
	flag.StringVar(&d.program, "coredns", "build/coredns", "the CoreDNS `program` to run")
	flag.StringVar(&d.corefile, "conf", "examples/quickstart/Corefile", "its Corefile")
	flag.BoolVar(&d.once, "once", false, "end after the story; exit status 0 only if the switches were seen")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := d.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
