package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSize is a number of bytes, written with a unit: 512MiB, 8GiB.
type byteSize int64

var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *byteSize) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for _, u := range units {
		if short, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(short), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 1 || n > (1<<62)/unit {
		return fmt.Errorf("%q is no size such as 512MiB or 8GiB", text)
	}
	*b = byteSize(n * unit)
	return nil
}

// String implements fmt.Stringer.
func (b byteSize) String() string {
	for _, u := range units {
		if b > 0 && int64(b)%u.bytes == 0 {
			return strconv.FormatInt(int64(b)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
