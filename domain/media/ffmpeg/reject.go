package ffmpeg

import (
	"strings"
	"unicode"
)

// Code is a stable code of why a file was rejected.
type Code string

// The reasons.
const (
	Undecodable    Code = "UNDECODABLE"        // not the declared container, damaged, or an unsupported codec
	WrongKind      Code = "WRONG_KIND"         // declared video without a picture, or declared audio with one
	TooLong        Code = "TOO_LONG"           // over MaxDurationSeconds
	TooLarge       Code = "TOO_LARGE"          // over MaxSide or MaxPixelsOfVideo
	TooManyStreams Code = "TOO_MANY_STREAMS"   // over MaxStreams
	Incomplete     Code = "INCOMPLETE"         // ends well before the duration that its header declares
	TooCostly      Code = "RESOURCES_EXCEEDED" // needs more memory, CPU time or disk than a file may use
	TimedOut       Code = "TIMED_OUT"          // one step took longer than the limit
	Encrypted      Code = "ENCRYPTED"          // protected by CENC or another scheme
	// UnsupportedCodec: the stream that is needed is in a codec that is not decoded here.
	UnsupportedCodec Code = "UNSUPPORTED_CODEC"
	Unsupported      Code = "UNSUPPORTED_TYPE" // the declared MIME type is not an allowed one
)

// messages are shown to the uploader: no paths, no program output.
var messages = map[Code]string{
	Undecodable:      "The file is damaged or is not media of the declared type.",
	WrongKind:        "The file does not contain the declared kind of media.",
	TooLong:          "The media is longer than 24 hours.",
	TooLarge:         "The picture is larger than 7680 by 4320 pixels; re-export it smaller.",
	TooManyStreams:   "The file contains more than 64 streams.",
	Incomplete:       "The file ends before its declared duration; please upload it again.",
	TooCostly:        "The file needs more resources than are allowed for conversion.",
	TimedOut:         "Converting the file took longer than allowed.",
	Encrypted:        "The file is encrypted; upload a copy without copy protection.",
	UnsupportedCodec: "The file is in a codec that cannot be converted.",
	Unsupported:      "This media type is not supported.",
}

// RejectError says that the file is at fault, so that a retry will not help.
type RejectError struct {
	Code    Code
	Message string // one sentence for the uploader
	Detail  string // the end of the program's messages, for logs only; at most 8 KiB, printable, may be empty
}

// Error returns code and message, which may be shown to the uploader.
func (e *RejectError) Error() string { return string(e.Code) + ": " + e.Message }

func reject(code Code, detail string) *RejectError {
	return &RejectError{Code: code, Message: messages[code], Detail: printable(detail)}
}

// printable removes the path of the input and control characters from messages, which quote the
// uploaded file.
func printable(s string) string {
	s = strings.ReplaceAll(s, inputPath, "input")
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == ' ' || (unicode.IsPrint(r) && r != unicode.ReplacementChar) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
}
