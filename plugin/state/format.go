package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A state file is a line that says what it is, and the state: both are JSON.
const (
	format  = "coredns-failover state"
	version = 1
)

// header is the first line. The checksum is that of all behind it: a file that
// lost its end, or a bit, is not taken for the truth.
type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	SHA256  string `json:"sha256"`
	// Writer is a random word of the one that wrote it.
	Writer string `json:"writer"`
}

// encode returns the file that holds s, by a writer of that name.
func encode(s State, writer string) ([]byte, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	payload = append(payload, '\n')
	first, err := json.Marshal(header{format, version, checksum(payload), writer})
	if err != nil {
		return nil, err
	}
	return slices.Concat(first, []byte{'\n'}, payload), nil
}

// decode returns what a file holds. Its error completes "FILE is ...".
func decode(file []byte) (State, error) {
	first, payload, _ := bytes.Cut(file, []byte{'\n'})
	var h header
	if err := json.Unmarshal(first, &h); err != nil || h.Format != format {
		return State{}, errors.New("no state file of failover")
	}
	if h.Version > version {
		return State{}, fmt.Errorf("of version %d, which only a later release can read", h.Version)
	}
	if h.Version != version || h.SHA256 != checksum(payload) {
		return State{}, errors.New("damaged: its checksum is wrong")
	}
	return decodePayload(payload)
}

func decodePayload(payload []byte) (State, error) {
	var s State
	if err := json.Unmarshal(payload, &s); err != nil {
		return State{}, fmt.Errorf("damaged: %w", err)
	}
	if err := s.check(); err != nil {
		return State{}, fmt.Errorf("damaged: %w", err)
	}
	for i, v := range s.Verdicts {
		if v.AsOf.IsZero() {
			s.Verdicts[i].AsOf = s.Written
		}
	}
	return s, nil
}

func checksum(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}
