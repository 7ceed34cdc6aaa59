package admin

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxTokenFile bounds a token file, in bytes.
const maxTokenFile = 1 << 20

// tokenFile is a token file as it is now. A nil one has no tokens.
type tokenFile struct {
	path  string        // read-only
	every time.Duration // read-only
	log   func(format string, args ...any)

	list atomic.Pointer[[]token] // of its last good version

	mu        sync.Mutex
	looked    time.Time   // the last time
	version   os.FileInfo // what was read then; nil where it could not be read
	complaint string      // what was wrong then, which is logged once
}

// openTokens returns nil for an empty path.
func openTokens(path string, every time.Duration, log func(string, ...any)) (*tokenFile, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no file and no error: there need not be one
	}
	f := &tokenFile{path: path, every: every, log: log, looked: time.Now()}
	if err := f.read(); err != nil {
		return nil, fmt.Errorf("token_file %w", err)
	}
	return f, nil
}

// find returns the token that secret is, of the file as it is now.
func (f *tokenFile) find(secret string) (token, bool) {
	if f == nil {
		return token{}, false
	}
	f.refresh()
	return find(*f.list.Load(), secret)
}

// refresh reads the file again where it has changed. Of several requests at once
// one looks, and the others do not wait for the disk.
func (f *tokenFile) refresh() {
	if !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	if time.Since(f.looked) < f.every {
		return
	}
	f.looked = time.Now()
	now, err := os.Stat(f.path)
	if err == nil && sameVersion(f.version, now) {
		return
	}
	f.complain(f.read())
}

// complain logs what is wrong with the file, once.
func (f *tokenFile) complain(err error) {
	complaint := ""
	if err != nil {
		complaint = err.Error()
	}
	if complaint != "" && complaint != f.complaint {
		f.log("token_file %s; the tokens that stood there before go on", complaint)
	}
	f.complaint = complaint
}

// read looks before it reads: what is written in between is seen the next time.
func (f *tokenFile) read() error {
	f.version = nil
	version, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	text, err := readBounded(f.path)
	if err != nil {
		return err
	}
	f.version = version
	list, err := parseTokens(f.path, text)
	if err != nil {
		return err
	}
	f.list.Store(&list)
	return nil
}

func sameVersion(a, b os.FileInfo) bool {
	return a != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func readBounded(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxTokenFile+1))
	if err == nil && len(text) > maxTokenFile {
		err = fmt.Errorf("%s: more than %d bytes", path, maxTokenFile)
	}
	return string(text), err
}
