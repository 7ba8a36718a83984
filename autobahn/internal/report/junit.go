package report

import (
	"encoding/xml"
	"fmt"
	"time"
)

// The elements of a JUnit file, as CI systems read it.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junitXML returns outcomes as a JUnit file, with a suite for each agent.
func junitXML(outcomes []*Outcome) ([]byte, error) {
	var all junitSuites
	var total time.Duration
	for _, o := range outcomes {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != o.Agent {
			all.Suites, total = append(all.Suites, junitSuite{Name: o.Agent}), 0
		}
		s := &all.Suites[len(all.Suites)-1]
		total += o.rec.Duration()
		s.Tests++
		s.Time = seconds(total)
		c := junitCase{Class: o.Agent, Name: o.Case.ID, Time: seconds(o.rec.Duration())}
		if !o.Passed() {
			s.Failures++
			c.Failure = &junitFailure{
				Message: o.verdict.Behavior + ", close " + o.verdict.BehaviorClose,
				Text:    o.Case.Description + "\n" + o.Case.Expectation + "\n" + o.verdict.Result + "\n" + o.verdict.ResultClose,
			}
		}
		s.Cases = append(s.Cases, c)
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), b...), err
}

// seconds returns a duration as JUnit files have it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
