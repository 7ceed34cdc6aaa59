package state

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// errShared is why a file that was written is not as good as it seems.
var errShared = errors.New("another process writes it too; each needs a state file of its own")

// sharedFor is how long after the other's last write that counts. Its end is not
// seen otherwise.
const sharedFor = 10 * time.Minute

// writer replaces a file by the next state, and notices when somebody else has
// done so, by the name in the file. A lock would say that before the first write,
// but needs a second file that stays behind, and does not hold on every network
// file system, which are what is shared by mistake.
type writer struct {
	path   string
	name   string
	wrote  bool      // the file is ours, unless somebody else came
	shared time.Time // when a file of somebody else was last found
}

func newWriter(path string) *writer { return &writer{path: path, name: rand.Text()} }

// write puts s into the file. Whatever happens, the file holds s or what it held
// before.
func (w *writer) write(s State) error {
	file, err := encode(s, w.name)
	if err != nil {
		return w.failed(err)
	}
	if w.wrote && w.foreign() {
		w.shared = time.Now()
	}
	if err := replace(w.path, file); err != nil {
		return w.failed(bare(err))
	}
	w.wrote = true
	if !w.shared.IsZero() && time.Since(w.shared) < sharedFor {
		return fmt.Errorf("%s: %w", w.path, errShared)
	}
	return nil
}

func (w *writer) failed(err error) error {
	return fmt.Errorf("%s cannot be written: %w", w.path, err)
}

// foreign reports whether the file was written by another. One that is gone, or
// no state file, was not.
func (w *writer) foreign() bool {
	f, err := os.Open(w.path)
	if err != nil {
		return false
	}
	defer f.Close()
	var h header
	err = json.NewDecoder(io.LimitReader(f, 4096)).Decode(&h) // only the first line is of interest
	return err == nil && h.Format == format && h.Writer != w.name
}
