package state_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns-failover/failover/internal/virtual"
	. "github.com/coredns-failover/failover/plugin/state"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// full is a state with something everywhere.
func full() State {
	return State{
		Written: noon,
		Verdicts: []Verdict{
			{Check: "c0ffee", Verdict: "healthy", Since: noon.Add(-time.Hour), AsOf: noon},
			{Check: "beef", Verdict: "unhealthy", Since: noon.Add(-2 * time.Hour), AsOf: noon.Add(-time.Minute)},
		},
		Forced: []Forced{{
			Server: "dns://:53", Zone: "example.org.", View: "inside", Record: "www.example.org.", Target: "192.0.2.1",
			State: "drained", Reason: "new \"disk\"", By: "ops", Since: noon, Until: noon.Add(time.Hour),
		}},
		Holds: []Hold{{Server: "dns://:53", Zone: "example.org.", Record: "www.example.org.", Family: "IPv4", Tier: 2}},
		Names: []Name{{
			Server: "dns://:53", Zone: "example.org.", Name: "lb.example.net.", Next: true,
			Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}, TTL: 60,
		}},
	}
}

// ignored is where the reports of a test go that has none to expect.
func ignored(error) {}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// beside lists what there is in the directory of path, without path.
func beside(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != filepath.Base(path) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestWhatIsWrittenIsLoaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	want := full()
	f := Open(path, time.Hour, full, func(err error) { t.Error(err) })
	before := time.Now()
	f.Close()
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Written.Before(before) || !got.Written.Equal(f.Written()) {
		t.Errorf("written %v, want %v, after %v", got.Written, f.Written(), before)
	}
	if got.Written = want.Written; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left := beside(t, path); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestVerdictIsOfTheTimeOfTheFileUnlessItSaysOtherwise(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := full()
	s.Verdicts[0].AsOf = time.Time{}
	if err := WriterOf(path)(s); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil || !got.Verdicts[0].AsOf.Equal(noon) || !got.Verdicts[1].AsOf.Equal(noon.Add(-time.Minute)) {
		t.Errorf("got %+v, %v", got.Verdicts, err)
	}
}

func TestNoFileIsNoState(t *testing.T) {
	for _, path := range []string{"state", "missing/state"} {
		s, err := Load(filepath.Join(t.TempDir(), path))
		if err != nil || !reflect.DeepEqual(s, State{}) {
			t.Errorf("%s: %+v, %v", path, s, err)
		}
	}
}

func TestBadFilesArePutAside(t *testing.T) {
	good := string(Seal([]byte(`{"written":"2026-03-01T12:00:00Z"}` + "\n")))
	const damaged = "damaged: its checksum is wrong"
	for name, test := range map[string]struct{ file, want string }{
		"empty":           {"", "no state file of failover"},
		"foreign":         {"# my notes\n", "no state file of failover"},
		"foreign JSON":    {`{"version":1}` + "\n{}", "no state file of failover"},
		"of the future":   {strings.Replace(good, `"version":1`, `"version":7`, 1), "of version 7, which only a later release can read"},
		"of no version":   {strings.Replace(good, `"version":1`, `"version":0`, 1), damaged},
		"cut":             {good[:len(good)-2], damaged},
		"without payload": {good[:strings.Index(good, "\n")+1], damaged},
		"with a flip":     {strings.Replace(good, "12:00", "13:00", 1), damaged},
		"with more":       {good + "\x00", damaged},
		"no JSON":         {string(Seal([]byte("{"))), "damaged: unexpected end of JSON input"},
		"of another type": {string(Seal([]byte(`{"verdicts":7}`))), "damaged: json: cannot unmarshal number into Go struct field State.verdicts of type []state.Verdict"},
		"without a time":  {string(Seal([]byte(`{}`))), "damaged: it does not say when it was written"},
		"a bad verdict":   {sealed(`"verdicts":[{"verdict":"ill"}]`), `damaged: there is no verdict "ill"`},
		"a bad force":     {sealed(`"forced":[{"state":"gone"}]`), `damaged: there is no forced state "gone"`},
		"a bad name":      {sealed(`"names":[{"name":"a.","addrs":[""]}]`), `damaged: "a." has an empty address`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			for range 2 { // the second takes the place of the first
				write(t, path, []byte(test.file))
				s, err := Load(path)
				want := path + " is " + test.want + "; it is put aside as " + path + ".bad"
				if err == nil || err.Error() != want {
					t.Errorf("got %v\nwant %v", err, want)
				}
				if !reflect.DeepEqual(s, State{}) {
					t.Errorf("state %+v", s)
				}
				if left := beside(t, path); len(left) != 1 || left[0] != "state.bad" {
					t.Errorf("beside it: %v", left)
				}
				if kept, err := os.ReadFile(path + ".bad"); err != nil || string(kept) != test.file {
					t.Errorf("kept %q, %v", kept, err)
				}
			}
			if s, err := Load(path); err != nil || !s.Written.IsZero() {
				t.Errorf("after that: %+v, %v", s, err)
			}
		})
	}
}

func sealed(fields string) string {
	return string(Seal([]byte(`{"written":"2026-03-01T12:00:00Z",` + fields + `}`)))
}

func TestWhatCannotBePutAsideIsSaid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	write(t, path, []byte("notes"))
	if err := os.MkdirAll(path+".bad/full", 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	want := path + " is no state file of failover; it cannot be put aside as " + path + ".bad: file exists"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %v", err, want)
	}
}

func TestUnreadableFilesStayWhereTheyAre(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge")
	write(t, huge, nil)
	if err := os.Truncate(huge, MaxSize+1); err != nil { // it takes no space
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked")
	write(t, locked, Seal([]byte(`{}`)))
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		dir:             "it is not a regular file",
		huge:            "it is larger than 256 MiB",
		huge + "/state": "not a directory",
		locked:          "permission denied",
		dir + "/a\x00b": "invalid argument",
		"/dev/zero":     "it is not a regular file",
	}
	if os.Geteuid() == 0 {
		delete(tests, locked)
	}
	for path, reason := range tests {
		s, err := Load(path)
		if want := path + " cannot be read: " + reason; err == nil || err.Error() != want || !reflect.DeepEqual(s, State{}) {
			t.Errorf("got %v, want %s; state %+v", err, want, s)
		}
	}
	if left := beside(t, huge); len(left) != 1 {
		t.Errorf("beside it: %v", left)
	}
}

func TestKilledWritersAreCleanedUpAfter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	for _, name := range []string{".state123456789012345", ".state9223372036854775807"} {
		write(t, filepath.Join(filepath.Dir(path), name), nil)
	}
	others := []string{
		".state", ".state-123456789012345", ".state20260301120000", ".state92233720368547758070", ".state123456789012345.gz",
		".other123456789012345", "state123456789012345", "state.bad",
	}
	for _, name := range others {
		write(t, filepath.Join(filepath.Dir(path), name), nil)
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), ".state111111111111111"), 0o700); err != nil {
		t.Fatal(err)
	}
	Open(path, time.Hour, full, ignored).Close()
	if left := beside(t, path); len(left) != len(others)+1 {
		t.Errorf("left %v\nwant %v and a directory", left, others)
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/full", 0o700); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		dir + "/missing/state": "no such file or directory",
		dir + "/full":          "file exists",
	}
	for path, reason := range tests {
		err := WriterOf(path)(full())
		if want := path + " cannot be written: " + reason; err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
	odd := full()
	odd.Forced[0].Until = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	err := WriterOf(dir + "/odd")(odd)
	if err == nil || !strings.HasPrefix(err.Error(), dir+"/odd cannot be written: json: ") {
		t.Errorf("got %v", err)
	}
	if left := beside(t, dir+"/full"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteThatFailsLeavesTheFileAlone(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := filepath.Join(t.TempDir(), "state")
	writer := WriterOf(path)
	if err := writer(full()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Dir(path), 0o700)
	if err := writer(State{Written: noon.Add(time.Hour)}); err == nil {
		t.Error("no error")
	}
	if s, err := Load(path); err != nil || !s.Written.Equal(noon) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTwoWritersOfOneFileAreNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		mine, other := WriterOf(path), WriterOf(path)
		shared := path + ": another process writes it too; each needs a state file of its own"
		expect := func(writer func(State) error, want string) {
			t.Helper()
			if err := writer(full()); err != nil && err.Error() != want || err == nil && want != "" {
				t.Errorf("got %v, want %q", err, want)
			}
		}
		expect(mine, "")
		expect(mine, "")
		expect(other, "") // it took over, as far as it can see
		expect(mine, shared)
		expect(other, shared)
		virtual.Sleep(10*time.Minute - 1)
		expect(other, shared)
		virtual.Sleep(time.Nanosecond)
		expect(other, "")
		write(t, path, []byte("an operator's doing"))
		expect(other, "")
		os.Remove(path)
		expect(other, "")
		if _, err := Load(path); err != nil {
			t.Error(err)
		}
	})
}

func TestErrorsOfTheSystemStayErrors(t *testing.T) {
	err := WriterOf(filepath.Join(t.TempDir(), "missing", "state"))(full())
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
