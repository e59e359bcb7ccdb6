// Package paging reads pages of lists.
//
// A page is an index range. [Find] reads the ids of its rows from the index that serves
// the list's order, and the handler reads their rows by id. Three rules keep that quick:
//
//   - A page is read from the nearer end: what lies behind the middle is read in the opposite
//     order and turned around. Page 1000 of 20 skips 20 000 entries of an index.
//   - The total is count(*) over the same index, whose columns include the list's filters.
//     A first page that holds everything is not counted, and a cursor carries the total.
//   - A cursor continues behind the last row of a page, at a cost that does not grow.
//
// Every order ends in the unique id, so that rows cannot change places between two pages.
// A row that is added in front of a numbered page moves the others down by one: in an
// order that appends at the end, a client that turns pages misses nothing and sees nothing
// twice; in the opposite order it sees as many rows again as were added meanwhile. A
// cursor does neither.
//
// A list has one plan for all arguments (see postgres.Planner): the index that serves its order
// is right for a short list and for a long one, for the first page and for one far behind.
// Only searches are planned for their arguments: how many rows a pattern finds decides whether
// the index of the search or that of the order is read.
//
// A first page and its count are one round trip; a page behind a cursor has no count.
//
// Decided after counting rows per day and per stretch of each list with triggers, which
// made page 1000 as quick as page 1, and each published item cost 19 more rows.
package paging
