package media

import (
	"net/url"
	"strings"
	"unicode"
)

// maxFilename is the longest name of a download, without its extension, in characters.
const maxFilename = 120

// Filename returns the name of a downloaded file: a title without the characters that some file
// system gives a meaning, and the extension of a MIME type.
func Filename(title, mime string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(`/\:*?"<>|%`, r):
			return '-'
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(title, ""))
	if runes := []rune(name); len(runes) > maxFilename {
		name = string(runes[:maxFilename])
	}
	// Leading dots hide a file; Windows drops dots and spaces at the end.
	if name = strings.Trim(name, ". -"); name == "" {
		name = "download"
	}
	if extension := extensions[mime]; extension != "" {
		name += "." + extension
	}
	return name
}

// Attachment returns a Content-Disposition that has a browser save a file under a name, after
// RFC 6266: once in ASCII for old clients, and in UTF-8 after RFC 8187.
func Attachment(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	return `attachment; filename="` + ascii + `"; filename*=UTF-8''` + extValue(name)
}

// extValue encodes all but the characters attr-char of RFC 8187.
func extValue(s string) string {
	// PathEscape leaves these, which attr-char does not have.
	return strings.NewReplacer(":", "%3A", "@", "%40", "=", "%3D", "$", "$", "&", "&", "+", "+").
		Replace(url.PathEscape(s))
}
