package corefile

import (
	"fmt"
	"math"
	"strings"

	"github.com/coredns-failover/failover/plugin/model"
)

// adminOptions are the words of admin's block.
var adminOptions = []property[model.Admin]{
	{name: "token_file", usage: "PATH", min: 1, max: 1, set: setTokenFile},
	{name: "web_config", usage: "PATH", min: 1, max: 1, set: setWebConfig},
}

// setAdmin wants to know who steers wherever others than this machine can.
func setAdmin(p *model.Process, l line) error {
	admin := model.Admin{Addr: l.arg(0)}
	local, err := listenAddress(admin.Addr)
	if err != nil {
		return err
	}
	if _, err := apply(&admin, adminOptions, l.block, unknownOptionOf("admin", adminOptions)); err != nil {
		return err
	}
	if !local && admin.TokenFile == "" && admin.WebConfig == "" {
		return fmt.Errorf(`whoever reaches %s could steer; add "token_file PATH" to its block, or listen on 127.0.0.1`,
			quoted(admin.Addr))
	}
	p.Admin = &admin
	return nil
}

func setTokenFile(a *model.Admin, l line) error {
	a.TokenFile = l.arg(0)
	return nil
}

func setWebConfig(a *model.Admin, l line) error {
	a.WebConfig = l.arg(0)
	return nil
}

// listenAddress checks an address to listen on, whose port may be 0 for one that
// the kernel chooses. It reports whether nobody but this machine reaches it.
func listenAddress(text string) (local bool, err error) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return false, noListenAddress(text)
	}
	hostText, portText := text[:colon], text[colon+1:]
	addr, found := hostAddress(hostText)
	if !found && hostText != "" && hostText != "localhost" {
		return false, noListenAddress(text)
	}
	if _, err := integer(portText, 0, math.MaxUint16); err != nil {
		return false, fmt.Errorf("port %w", err)
	}
	if found {
		return addr.IsLoopback(), usable(addr)
	}
	return hostText != "", nil
}

func noListenAddress(text string) error {
	return fmt.Errorf(`%s is no address to listen on; write it like "127.0.0.1:9191", "[::1]:9191" or ":9191"`,
		quoted(text))
}
