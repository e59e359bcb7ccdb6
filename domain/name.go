package domain

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Name returns the form in which the name or title of something is kept: NFC, so that equal
// names are equal, without spaces around it.
func Name(text string) string { return strings.TrimSpace(norm.NFC.String(text)) }

// Name rejects a name or title that could pass for another one, or for none: with control
// characters, direction marks, invisible characters, or nothing that can be seen. Joiners and
// variation selectors are accepted where scripts and emoji need them.
func (v *Validation) Name(path, text string) {
	visible, before := false, rune(0)
	runes := []rune(text)
	for i, r := range runes {
		var after rune
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			v.Reject(path, "must be a single line")
			return
		case joins(before, r, after):
		case hidden(r):
			v.Reject(path, "must have no invisible or directional characters")
			return
		case !unicode.IsSpace(r) && !unicode.IsMark(r):
			visible = true
		}
		before = r
	}
	if !visible && text != "" {
		v.Reject(path, "must have a visible character")
	}
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
	textStyle          = '\ufe0e'
	emojiStyle         = '\ufe0f'
)

// joins reports whether an invisible character belongs between its neighbours: a joiner in an
// emoji sequence or a script that joins letters, a variation selector behind what has
// variations.
func joins(before, r, after rune) bool {
	switch {
	case r == zeroWidthJoiner && pictograph(before) && pictograph(after):
		return true
	case r == zeroWidthJoiner, r == zeroWidthNonJoiner:
		joining := unicode.In(before, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko) &&
			unicode.In(after, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko)
		return joining || virama(before)
	case r == textStyle, r == emojiStyle:
		return before != emojiStyle && pictograph(before) || strings.ContainsRune("0123456789#*‼⁉", before) && before != 0
	case r >= 0xe0100 && r <= 0xe01ef:
		return unicode.Is(unicode.Han, before)
	case r >= 0x180b && r <= 0x180d, r == 0x180f:
		return unicode.Is(unicode.Mongolian, before) && unicode.IsLetter(before)
	}
	return false
}

// pictograph reports whether emoji sequences are made of a character. Those that modify the
// one before count, too: a sequence goes on behind them.
func pictograph(r rune) bool {
	return unicode.In(r, unicode.So, unicode.Sk, unicode.Sm) || r == emojiStyle || r == 0x20e3 || r == '©' || r == '®'
}

// virama reports whether a character asks the next one to join, as in Indic scripts.
func virama(r rune) bool {
	return r != 0 && norm.NFC.PropertiesString(string(r)).CCC() == 9
}

// hidden reports whether a character is not seen, or changes how others are: format
// characters except those that are drawn, variation selectors, fillers, blanks, private use
// and what is no character.
func hidden(r rune) bool {
	switch {
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Variation_Selector,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point):
		return true
	}
	return r == '\u2800' || r == unicode.ReplacementChar || r == '\ufffc' || r >= 0xe0000 && r <= 0xe0fff
}
