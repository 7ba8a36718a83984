package autobahn

import "github.com/rfc6455/ws/autobahn/internal/report"

// outcomesOf returns the outcomes of a report, by agent and case.
func outcomesOf(r *Report) []*Outcome { return report.OutcomesOf(r) }

// awaitOutcome returns a channel on which an outcome comes, now or when it is there.
func awaitOutcome(r *Report, agent, id string) <-chan *Outcome {
	return report.AwaitOutcome(r, agent, id)
}
