package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxSize bounds what is read: some hundred times what ten thousand records need.
const maxSize = 256 << 20

// Load returns what the file at path holds. A file that does not exist holds
// nothing, which is no error.
//
// Every other error is a warning for an operator, and the state is empty then:
// starting without a state is what every first start does. A file that is
// damaged, of somebody else or of a later release is put aside as PATH.bad, in
// the place of one that was put aside before: there is one file to look at, and
// no number of bad starts fills the disk.
func Load(path string) (State, error) {
	file, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("%s cannot be read: %w", path, bare(err))
	}
	s, err := decode(file)
	if err != nil {
		return State{}, fmt.Errorf("%s is %w; %s", path, err, putAside(path))
	}
	return s, nil
}

// read returns at most one byte more than a state file has.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // reading a pipe could take forever
		return nil, errors.New("it is not a regular file")
	}
	if info.Size() > maxSize {
		return nil, fmt.Errorf("it is larger than %d MiB", maxSize>>20)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSize))
}

// putAside keeps a bad file for people, and says so.
func putAside(path string) string {
	aside := path + ".bad"
	if err := os.Rename(path, aside); err != nil {
		return fmt.Sprintf("it cannot be put aside as %s: %s", aside, bare(err))
	}
	return "it is put aside as " + aside
}

// bare leaves out what was tried, and on which temporary file.
func bare(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	if wrapped, ok := errors.AsType[*os.LinkError](err); ok {
		return wrapped.Err
	}
	return err
}
