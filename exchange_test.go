package failover

import (
	"time"

	"github.com/miekg/dns"
)

// Enough is how long a test waits for what must happen: far more than it takes, even
// on a busy machine.
const Enough = 20 * time.Second

// Exchange asks a server, with more patience than others have who ask: they give up
// after 2 s, for which a question may wait for a name.
func Exchange(m *dns.Msg, server string) (*dns.Msg, error) {
	client := dns.Client{Timeout: Enough}
	reply, _, err := client.Exchange(m, server)
	return reply, err
}
