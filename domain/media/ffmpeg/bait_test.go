//go:build linux

package ffmpeg_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
)

// bait is what a hostile file may lead to.
type bait struct {
	url, file string
	requests  *atomic.Int64
	opened    int // inotify
}

// layBait starts a server that counts requests, and watches a file that everyone may read.
func layBait(t *testing.T) bait {
	t.Helper()
	b := bait{requests: &atomic.Int64{}}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.requests.Add(1) }))
	t.Cleanup(server.Close)
	dir, err := os.MkdirTemp("", "bait") // t.TempDir would hide the file from an unprivileged child
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b.url, b.file = server.URL, filepath.Join(dir, "next.mkv")
	film := made(t, "next.mkv", hostilePicture+"-c:v libx264 -preset ultrafast")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(b.file, film, 0o644)); err != nil {
		t.Fatal(err)
	}
	if b.opened, err = syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(b.opened) })
	if _, err = syscall.InotifyAddWatch(b.opened, b.file, syscall.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b bait) playlist() []byte {
	return []byte("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n" + b.url + "/a.ts\n" +
		"#EXTINF:9,\nfile://" + b.file + "\n#EXT-X-ENDLIST\n")
}

func (b bait) checkUntouched(t *testing.T) {
	t.Helper()
	if n := b.requests.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
	event := make([]byte, 4096)
	if n, err := syscall.Read(b.opened, event); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("the file was opened: %d bytes of events, %v", n, err)
	}
	// The watch must see what reads the file, or the above would prove nothing.
	if _, err := os.ReadFile(b.file); err != nil {
		t.Fatal(err)
	}
	if n, err := syscall.Read(b.opened, event); n <= 0 || err != nil {
		t.Errorf("an open file is not seen: %v", err)
	}
}

func made(t *testing.T, name, args string) []byte {
	t.Helper()
	content, err := os.ReadFile(generate(t, name, args))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// replaced puts new bytes in the place of the first old ones, which must be there.
func replaced(t *testing.T, file []byte, was, is string) []byte {
	t.Helper()
	if !bytes.Contains(file, []byte(was)) || len(was) != len(is) {
		t.Fatalf("%q is not in the file, or longer or shorter than %q", was, is)
	}
	return bytes.Replace(file, []byte(was), []byte(is), 1)
}

// changed puts bytes at an offset from a name.
func changed(t *testing.T, file []byte, name string, offset int, is string) []byte {
	t.Helper()
	at := bytes.Index(file, []byte(name))
	if at < 0 {
		t.Fatalf("there is no %s", name)
	}
	copy(file[at+offset:], is)
	return file
}

// enlarged changes the size of 320×320 in the sample description of a QuickTime file.
func enlarged(t *testing.T, file []byte) []byte {
	t.Helper()
	return replaced(t, file, "\x01\x40\x01\x40\x00\x48\x00\x00", "\xff\xff\xff\xff\x00\x48\x00\x00")
}

// inflatedPNG changes the size in every PNG of a file.
func inflatedPNG(t *testing.T, file []byte) []byte {
	t.Helper()
	found := 0
	for at := 0; ; found++ {
		next := bytes.Index(file[at:], []byte("IHDR"))
		if next < 0 {
			break
		}
		at += next
		header := file[at : at+17]
		binary.BigEndian.PutUint32(header[4:], 60_000)
		binary.BigEndian.PutUint32(header[8:], 60_000)
		binary.BigEndian.PutUint32(file[at+17:], crc32.ChecksumIEEE(header))
		at += len(header)
	}
	if found == 0 {
		t.Fatal("no PNG")
	}
	return file
}

// tagID3 is an ID3 tag with a frame of padding.
func tagID3(length int) []byte {
	tag := []byte("ID3\x04\x00\x00")
	for shift := 21; shift >= 0; shift -= 7 {
		tag = append(tag, byte(length>>shift&127))
	}
	return append(tag, make([]byte, length)...)
}

// attached makes a Matroska file with an attachment that says to be its cover.
func attached(t *testing.T, cover []byte, args string) []byte {
	t.Helper()
	return made(t, "a.mka", args+" -attach "+write(t, "cover.png", cover)+
		" -metadata:s:t mimetype=image/png -metadata:s:t filename=cover.png -f matroska")
}

// multiplexed repeats the first page of an Ogg file, which begins a stream, under further numbers.
func multiplexed(file []byte, streams int) []byte {
	page := 27 + int(file[26])
	for _, length := range file[27:page] {
		page += int(length)
	}
	var out []byte
	for i := range streams {
		begin := bytes.Clone(file[:page])
		binary.LittleEndian.PutUint32(begin[14:], uint32(1000+i))
		binary.LittleEndian.PutUint32(begin[22:], 0)
		binary.LittleEndian.PutUint32(begin[22:], checksumOgg(begin))
		out = append(out, begin...)
	}
	return append(out, file...)
}

// checksumOgg is a CRC-32 without reflection (RFC 3533).
func checksumOgg(page []byte) (sum uint32) {
	for _, b := range page {
		sum ^= uint32(b) << 24
		for range 8 {
			carry := sum >> 31
			sum = sum<<1 ^ carry*0x04C11DB7
		}
	}
	return sum
}
