// Package report keeps what cases have shown, and writes it down: as index.json and JSON
// files in the form of the Autobahn|Testsuite, as HTML pages, and as junit.xml.
//
// Package autobahn makes an [Outcome] of each tester that has ended, by [NewOutcome], adds it
// to a [Report], and shows the pages to browsers. Files of expectations say which results are
// right. This package reads the records of package engine, and asks package cases for the
// order of identifiers; it calls nothing that sends or receives.
package report
