package state

import "os"

// replace makes file what is at path. It is as good as Windows can: the temporary
// file always has the same name, so that none are left behind.
func replace(path string, file []byte) error {
	temporary := path + ".new"
	if err := write(temporary, file); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func write(path string, file []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(file); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func removeLeftovers(string) {}
