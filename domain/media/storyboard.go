package media

import "strconv"

// Storyboard is a series of small pictures of a video, in the order of time, one every Interval
// seconds. They are in the objects Key/1.jpg, Key/2.jpg …, each a grid that is filled row by row.
type Storyboard struct {
	Key        string `json:"key" jsonschema:"required,maxLength=480"`
	Interval   int    `json:"intervalSeconds" jsonschema:"minimum=1,maximum=3600,example=2"`
	TileWidth  int    `json:"tileWidth" jsonschema:"minimum=1,maximum=640,example=160"`
	TileHeight int    `json:"tileHeight" jsonschema:"minimum=1,maximum=640,example=90"`
	Columns    int    `json:"columns" jsonschema:"minimum=1,maximum=20,example=5"`
	Rows       int    `json:"rows" jsonschema:"minimum=1,maximum=20,example=5"`
	Tiles      int    `json:"tiles" jsonschema:"minimum=1,maximum=1000,example=30"`
}

// Tile is where a tile is: in which file, counted from 1, and at which pixel of it.
type Tile struct{ File, X, Y int }

// Tile returns where the tile with an index from 0 is.
func (s Storyboard) Tile(n int) Tile {
	each := s.Columns * s.Rows
	return Tile{
		File: n/each + 1,
		X:    n % s.Columns * s.TileWidth,
		Y:    n % each / s.Columns * s.TileHeight,
	}
}

// File returns the key of a file by its name, "" for a name that none has.
func (s Storyboard) File(name string) string {
	for file := 1; file <= s.Tile(s.Tiles-1).File; file++ {
		if name == strconv.Itoa(file)+".jpg" {
			return s.Key + "/" + name
		}
	}
	return ""
}
