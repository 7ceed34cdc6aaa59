package state_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	. "github.com/coredns-failover/failover/plugin/state"
)

// FuzzLoad holds that whatever is in the file, Load returns a state that can be
// written and loaded again, or puts the file aside.
func FuzzLoad(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed")
	if err := WriterOf(path)(full()); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	_, payload, _ := bytes.Cut(seed, []byte("\n"))
	f.Add(seed, false)
	f.Add(seed[:len(seed)/2], false)
	f.Add([]byte(""), false)
	f.Add([]byte("{}\n{}"), false)
	f.Add(payload, true) // else no input ever has a checksum that is right
	f.Add([]byte(`{"written":"2026-03-01T12:00:00Z","names":[{"addrs":["fe80::1%eth0"]}]}`), true)
	f.Add([]byte(`{"written":"2026-03-01T12:00:00+23:59"}`), true)
	f.Fuzz(func(t *testing.T, file []byte, seal bool) {
		if seal {
			file = Seal(file)
		}
		path := filepath.Join(t.TempDir(), "state")
		write(t, path, file)
		s, err := Load(path)
		if err != nil {
			expectAside(t, path, file)
			return
		}
		payload, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, Seal(payload))
		again, err := Load(path)
		if err != nil || !reflect.DeepEqual(normal(s), normal(again)) {
			t.Errorf("%+v became %+v, %v", s, again, err)
		}
	})
}

func expectAside(t *testing.T, path string, file []byte) {
	t.Helper()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if kept, err := os.ReadFile(path + ".bad"); err != nil || !bytes.Equal(kept, file) {
		t.Errorf("kept %q, %v", kept, err)
	}
}

// normal makes no difference between two ways to say nothing, or the same time.
func normal(s State) State {
	s.Written = s.Written.UTC()
	for i := range s.Verdicts {
		v := &s.Verdicts[i]
		v.Since, v.AsOf = v.Since.UTC(), v.AsOf.UTC()
	}
	for i := range s.Forced {
		f := &s.Forced[i]
		f.Since, f.Until = f.Since.UTC(), f.Until.UTC()
	}
	if len(s.Verdicts) == 0 {
		s.Verdicts = nil
	}
	if len(s.Forced) == 0 {
		s.Forced = nil
	}
	if len(s.Holds) == 0 {
		s.Holds = nil
	}
	if len(s.Names) == 0 {
		s.Names = nil
	}
	return s
}
