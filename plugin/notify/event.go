package notify

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/coredns-failover/failover/plugin/status"
)

// cloudEvent is an event in the JSON format of CloudEvents 1.0.
type cloudEvent struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	Type            string `json:"type"`
	Subject         string `json:"subject,omitempty"`
	Time            string `json:"time"`
	DataContentType string `json:"datacontenttype"`
	Data            any    `json:"data"`
}

// typePrefix and typeSuffix stand around the kind of a transition:
// io.github.coredns-failover.record.changed.
const (
	typePrefix = "io.github.coredns-failover."
	typeSuffix = ".changed"
)

// batch is what one request carries. It stays the same over all its attempts, so
// that a receiver can tell that it has seen it.
type batch struct {
	id   string
	body []byte
}

// newBatch returns the batch of events, as the batched content mode of CloudEvents
// has it.
func newBatch(source string, events []event) (batch, error) {
	list := make([]cloudEvent, len(events))
	for i, e := range events {
		list[i] = newCloudEvent(source, e.id, e.transition)
	}
	body, err := json.Marshal(list)
	return batch{id: rand.Text(), body: body}, err
}

func newCloudEvent(source, id string, t status.Transition) cloudEvent {
	t.At = t.At.UTC()
	return cloudEvent{
		SpecVersion:     "1.0",
		ID:              id,
		Source:          source,
		Type:            typePrefix + t.Kind + typeSuffix,
		Subject:         t.Name,
		Time:            t.At.Format(time.RFC3339Nano),
		DataContentType: "application/json",
		Data:            t,
	}
}
