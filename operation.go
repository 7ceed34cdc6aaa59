package failover

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/coredns-failover/failover/plugin/admin"
	"github.com/coredns-failover/failover/plugin/model"
	"github.com/coredns-failover/failover/plugin/notify"
	"github.com/coredns-failover/failover/plugin/status"

	"github.com/coredns/coredns/plugin/pkg/reuseport"
)

// operation is what a configuration has for those who operate it. A nil one has
// nothing, and does nothing.
type operation struct {
	settings  model.Process // with absolute paths
	admin     *admin.Server
	notifiers []*notify.Notifier // one for each of settings.Notify
}

// operations are what all configurations have: those that want the same share it.
type operations struct {
	admins    pool[model.Admin, *admin.Server]
	notifiers pool[string, *notify.Notifier] // by URL: what is queued is for that
	ending    sync.WaitGroup
}

// patienceAtEnd is how long what has ended may take to say its last.
const patienceAtEnd = 5 * time.Second

// newOperation returns what a configuration has for its operators; with an error,
// what it has come to, which is to be released.
func (h *healthchecks) newOperation(settings model.Process) (*operation, error) {
	o := &operation{settings: model.Process{StatusTo: settings.StatusTo}}
	if err := h.claimAdmin(o, settings.Admin); err != nil {
		return o, fmt.Errorf("%s: %w", settings.Place, err)
	}
	for _, receiver := range settings.Notify {
		if err := h.claimNotifier(o, receiver); err != nil {
			return o, fmt.Errorf("%s: notify: %w", settings.Place, err)
		}
	}
	return o, nil
}

func (h *healthchecks) claimAdmin(o *operation, settings *model.Admin) (err error) {
	if settings == nil {
		return nil
	}
	o.admin, err = h.operations.admins.claim(*settings, func() (*admin.Server, error) {
		if err := h.mustBeFree(settings.Addr); err != nil {
			return nil, err
		}
		return serveAdmin(*settings)
	})
	if err == nil {
		o.settings.Admin = settings
	}
	return err
}

func (h *healthchecks) claimNotifier(o *operation, receiver model.Notify) error {
	n, err := h.operations.notifiers.claim(receiver.URL, func() (*notify.Notifier, error) { return notifyTo(receiver) })
	if err != nil {
		return err
	}
	o.settings.Notify, o.notifiers = append(o.settings.Notify, receiver), append(o.notifiers, n)
	return nil
}

// mustBeFree returns an error where another process listens. SO_REUSEPORT, which
// lets two configurations of this one do so, would let that pass too.
func (h *healthchecks) mustBeFree(addr string) error {
	for settings := range h.operations.admins.shared {
		if settings.Addr == addr {
			return nil
		}
	}
	var plain net.ListenConfig
	l, err := plain.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return fmt.Errorf("admin %s: %w", addr, err)
	}
	return l.Close()
}

func serveAdmin(settings model.Admin) (*admin.Server, error) {
	s, err := admin.Listen(admin.Config{
		Settings: settings, Source: source{}, Log: log.Infof, Listen: reuseport.Listen,
	})
	if err != nil {
		return nil, err
	}
	scheme := "http"
	if settings.WebConfig != "" {
		scheme = "https"
	}
	log.Infof("admin: %s://%s/", scheme, s.Addr())
	s.Serve()
	return s, nil
}

func notifyTo(receiver model.Notify) (*notify.Notifier, error) {
	return notify.New(notify.Config{
		Settings: receiver, Source: "//" + hostname() + "/failover", Observe: countNotifications,
		Report: func(err error) { logNotify(receiver.URL, err) },
	})
}

// hostname names this process among its replicas.
func hostname() string {
	host, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return host
}

// configure makes the settings those of what is shared by less than all of them.
func (o *operation) configure() {
	if o == nil {
		return
	}
	for i, n := range o.notifiers {
		n.Configure(o.settings.Notify[i])
	}
}

// release ends what only this configuration has. Operators get their answers
// before; what has something to say still says it in the background.
func (h *healthchecks) release(o *operation) {
	if o == nil {
		return
	}
	if o.settings.Admin != nil {
		h.operations.admins.release(*o.settings.Admin, (*admin.Server).Close)
	}
	for _, receiver := range o.settings.Notify {
		h.operations.notifiers.release(receiver.URL, func(n *notify.Notifier) {
			h.operations.ending.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), patienceAtEnd)
				defer cancel()
				n.Close(ctx)
			})
		})
	}
}

// publish tells those who watch of a transition.
func (o *operation) publish(t status.Transition) {
	if o == nil {
		return
	}
	if o.admin != nil {
		o.admin.Publish(t)
	}
	for _, n := range o.notifiers {
		n.Publish(t)
	}
}

// tells reports whether addr may ask for the status of records.
func (o *operation) tells(addr netip.Addr) bool {
	return o != nil && slices.ContainsFunc(o.settings.StatusTo, func(p netip.Prefix) bool { return p.Contains(addr) })
}
