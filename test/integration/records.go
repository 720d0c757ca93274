package integration

import (
	"fmt"

	"fork.internal/apiserver/test/traffic"
)

// checkRecords holds the audit log against what the clients saw, when the server has ended, and looks for races, crashes
// and panics in its log.
func (e *env) checkRecords() (joined int, err error) {
	records, err := traffic.ReadRecords(e.cl.AuditLog(), e.exchanges)
	if err != nil {
		return 0, err
	}
	for _, x := range e.exchanges {
		if wrong := x.Disagrees(records[x.AuditID]); wrong != "" {
			e.wrongf("%s", wrong)
		} else if len(records[x.AuditID].Ends) > 0 {
			joined++
		}
	}
	if joined == 0 {
		return 0, fmt.Errorf("%s has no event of a request", e.cl.AuditLog())
	}
	if e.policyFile != nil {
		e.checkPolicies(records)
	}
	panics, err := traffic.Panics(e.cl.Log())
	for _, found := range panics {
		e.wrongf("%s", found)
	}
	return joined, err
}
