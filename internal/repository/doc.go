// Package repository holds the tests of what is in the repository beside Go: the links and commands
// of its documents, the code that they show, and the parts that its workflows run.
package repository
