package sidebyside

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// families are the metrics that are compared, each by how much a request changes its series. Of a histogram it is the
// count, and the sum where that is no time.
var families = map[string]bool{
	"apiserver_request_total":                           true,
	"apiserver_request_terminations_total":              true,
	"apiserver_request_aborts_total":                    true,
	"apiserver_request_post_timeout_total":              true,
	"apiserver_dropped_requests_total":                  true,
	"apiserver_requested_deprecated_apis":               true,
	"apiserver_longrunning_requests":                    true,
	"apiserver_watch_events_total":                      true,
	"apiserver_watch_list_duration_seconds_count":       true,
	"apiserver_request_duration_seconds_count":          true,
	"apiserver_request_sli_duration_seconds_count":      true,
	"apiserver_response_sizes_count":                    true,
	"apiserver_response_sizes_sum":                      true,
	"apiserver_request_body_size_bytes_count":           true,
	"apiserver_request_body_size_bytes_sum":             true,
	"field_validation_request_duration_seconds_count":   true,
	"apiserver_audit_event_total":                       true,
	"apiserver_audit_level_total":                       true,
	"apiserver_audit_error_total":                       true,
	"apiserver_audit_requests_rejected_total":           true,
	"apiserver_flowcontrol_rejected_requests_total":     true,
	"apiserver_flowcontrol_dispatched_requests_total":   true,
	"apiserver_flowcontrol_current_executing_requests":  true,
	"apiserver_flowcontrol_current_executing_seats":     true,
	"apiserver_authentication_attempts":                 true,
	"authentication_attempts":                           true,
	"authenticated_user_requests":                       true,
	"authorization_attempts_total":                      true,
	"apiserver_admission_webhook_request_total":         true,
	"apiserver_admission_webhook_rejection_count":       true,
	"apiserver_overdue_requests":                        true,
	"apiserver_overdue_request_duration_seconds_count":  true,
	"apiserver_tls_handshake_errors_total":              true,
	"apiserver_validating_admission_policy_check_total": true,
	"apiserver_stream_translator_requests_total":        true,
	"apiserver_stream_tunnel_requests_total":            true,
}

// background are series that the server's own requests change, at times of its own.
var background = regexp.MustCompile(strings.Join([]string{
	`resource="(leases|flowschemas|prioritylevelconfigurations|apiservices|endpointslices|endpoints|ipaddresses|servicecidrs)"`,
	`resource="services",scope="cluster"`,
	`resource="customresourcedefinitions".*(verb="update"|subresource="status")`,
	`subresource="(openapi/v[23]|/apis?)"`,
	`flow_schema="(exempt|probes)"`,
	`priority_level="exempt"`,
	`level="None"`,
	`username="(other|admin)"`,
	`scope="cluster".*verb="WATCH"`,
	`result="(success|allowed)"`,
}, "|"))

func isBackground(series string) bool {
	// The server watches all kinds but ours, and gets bookmarks.
	if strings.HasPrefix(series, "apiserver_watch_events_total") {
		return !strings.Contains(series, `.example"`)
	}
	return background.MatchString(series)
}

// scrape is one look at the metrics: a value for each series of families.
type scrape map[string]float64

func parseMetrics(data []byte) (scrape, error) {
	out := scrape{}
	for line := range bytes.Lines(data) {
		end := bytes.IndexAny(line, "{ ")
		if end < 0 || !families[string(line[:end])] {
			continue
		}
		series, value := strings.TrimSpace(string(line)), ""
		if i := strings.LastIndexByte(series, ' '); i >= 0 {
			series, value = series[:i], series[i+1:]
		}
		if isBackground(series) {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("/metrics: %q: %w", line, err)
		}
		out[series] = v
	}
	return out, nil
}

// since is by how much each series differs from earlier, those that do.
func (s scrape) since(earlier scrape) map[string]float64 {
	out := map[string]float64{}
	for series, v := range s {
		if d := v - earlier[series]; d != 0 {
			out[series] = d
		}
	}
	return out
}

// sizes are what a client knows of the bytes of a request and its answer, by what they are.
type sizes map[string]int

// aspects are the changes that a step has made. The sum of sizes is said by which size it is, as those differ from
// server to server.
func (s scrape) aspects(earlier scrape, st step, known sizes) map[string]string {
	out := map[string]string{}
	for series, d := range s.since(earlier) {
		if strings.Contains(series, `verb="WATCH"`) && !strings.Contains(st.path+st.raw, "watch") {
			continue // The server's own end after some minutes, and begin anew.
		}
		value := fmt.Sprintf("%+g", d)
		if strings.Contains(series, "_sum{") || strings.HasSuffix(series, "_sum") {
			for _, what := range names(known) {
				if float64(known[what]) == d {
					value = "<" + what + ">"
				}
			}
		}
		out["metric."+series] = value
	}
	return out
}
