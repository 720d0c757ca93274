package sidebyside

import (
	"slices"
	"strings"
)

// sortManaged puts the entries of each managedFields in a JSON text in the order of their texts. The server has them in the order
// of their times, to the second, so that it is the clock's whether two of them stand in the order in which they were made.
func sortManaged(s string) string {
	const begin = `"managedFields":[`
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, begin)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString(begin)
		entries, after, ok := elements(rest)
		if !ok {
			out.WriteString(rest)
			return out.String()
		}
		slices.Sort(entries)
		out.WriteString(strings.Join(entries, ",") + "]")
		s = after
	}
}

// elements are the texts of a JSON array's elements, which s begins with, and what comes after the array. It is not ok if the
// array does not end.
func elements(s string) (all []string, after string, ok bool) {
	depth, start, inText := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == ']' && depth == 0:
			if i > start {
				all = append(all, s[start:i])
			}
			return all, s[i+1:], true
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			all, start = append(all, s[start:i]), i+1
		}
	}
	return nil, "", false
}
