//go:build !windows

package state

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

// replace makes file what is at path, at once and for good: after it has returned
// not even a loss of power brings back what was there. Only the owner may read
// it, since it tells what there is in a network.
func replace(path string, file []byte) error {
	// Without a directory renameio tries out another file system each time.
	dir := filepath.Dir(path)
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer pending.Cleanup() //nolint:errcheck // what it cannot remove, the next Open does
	if _, err := pending.Write(file); err != nil {
		return err
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name of a file last, which renameio leaves to others.
// Some network file systems have no such thing.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// temporary is what renameio puts behind a dot and the name of the file: a random
// number below 2^63. The few that are short are left alone, because they could be
// a date that somebody gave to a file of his own.
var temporary = regexp.MustCompile(`^[0-9]{15,19}$`)

// removeLeftovers removes the temporary files of writers of path that were
// killed. It can take one from a writer of another file whose name goes on with a
// number, and that one's write fails then, once.
func removeLeftovers(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return // the next write says what is wrong
	}
	for _, e := range entries {
		number, found := strings.CutPrefix(e.Name(), "."+base)
		if found && temporary.MatchString(number) && e.Type().IsRegular() {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
