package probe_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCancelledWhileItConnects(t *testing.T) {
	server := full(t)
	before := dialling(t, server)
	reached := make(chan struct{})
	go func() {
		defer close(reached)
		for end := time.Now().Add(patience); dialling(t, server) == before; time.Sleep(time.Millisecond) { //nolint:forbidigo // it ends
			if time.Now().After(end) {
				t.Error("it does not begin to connect")
				return
			}
		}
	}()
	wantCancelled(t, tcpCheck(server), server, reached)
}

// dialling counts the connections to a server that are begun and not established,
// as proc_net_tcp(5) tells them.
func dialling(t *testing.T, server netip.AddrPort) int {
	t.Helper()
	ip := server.Addr().As4()
	remote := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), server.Port())
	n := 0
	for line := range strings.Lines(string(must(os.ReadFile("/proc/net/tcp")))) {
		if f := strings.Fields(line); f[2] == remote && f[3] == "02" { // SYN_SENT
			n++
		}
	}
	return n
}
