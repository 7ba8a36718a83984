// Package docs is for tests: it compiles the Go code that the documents show, and draws the
// pictures of docs/guide.md from the code that they are about.
//
// [Compile] takes every block of a document that begins with ```go:
//
//   - A block that begins with a package clause is a program, and is compiled as it is.
//   - A block of declarations, or of statements, is a fragment. It may leave out imports and the
//     use of variables, and it may use what testdata/around.go declares: ctx, c, u and others.
//
// A block that imports a package of a module below this one is compiled by that module's test.
package docs
