package queue

import (
	"fmt"
	"regexp"
	"strings"
)

// The fields of a patch's header that are only there for `make export`.
const (
	// fieldSubject is the subject that upstream gets: its area, a colon and what the patch does. Without
	// it that is the patch's own.
	fieldSubject = "Upstream-Subject"
	// fieldNote is the release note. Without it there is none.
	fieldNote = "Release-Note"
	// fieldIndependent is "yes" for a fix that does not need the patches before it.
	fieldIndependent = "Independent"
)

// kep is what upstream knows the gate by that every patch stands behind which is not independent.
const kep = "KEP-4460: Per-Handler Read/Write Timeouts (PerHandlerReadWriteTimeout)"

// patchHeader is a patch's commit message, taken apart.
type patchHeader struct {
	subject string
	// fields are the values by name. A continued one has its lines, without the space in front.
	fields map[string]string
}

var field = regexp.MustCompile(`^([A-Z][A-Za-z-]*): ?(.*)$`)

// parseHeader takes a commit message apart, and lists what it could make nothing of.
func parseHeader(message string) (h patchHeader, broken []string) {
	h.fields = map[string]string{}
	subject, body, _ := strings.Cut(strings.TrimRight(message, "\n"), "\n")
	h.subject = subject
	body, ok := strings.CutPrefix(body, "\n")
	if !ok && body != "" {
		broken = append(broken, "an empty line follows the Subject")
	}
	last := ""
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			break // free text may follow the fields
		}
		if strings.HasPrefix(line, " ") && last != "" {
			h.fields[last] = strings.TrimSpace(h.fields[last] + "\n" + strings.TrimSpace(line))
			continue
		}
		m := field.FindStringSubmatch(line)
		if m == nil {
			broken = append(broken, fmt.Sprintf("the body begins with fields, and %q is neither one nor, with a space before it, the continuation of one", line))
			break
		}
		last = m[1]
		if _, twice := h.fields[last]; twice {
			broken = append(broken, last+" is there twice")
		}
		h.fields[last] = strings.TrimSpace(m[2])
	}
	return h, broken
}

func (h patchHeader) independent() bool { return h.fields[fieldIndependent] == "yes" }

// upstreamSubject is the subject of the commit that upstream gets.
func (h patchHeader) upstreamSubject() string {
	if s := h.fields[fieldSubject]; s != "" {
		return oneLine(s)
	}
	return h.subject
}

// releaseNote is the release note, in one line; NONE when nobody has to be told.
func (h patchHeader) releaseNote() string {
	if s := h.fields[fieldNote]; s != "" {
		return oneLine(s)
	}
	return noNote
}

const noNote = "NONE"

// upstreamMessage is the whole commit message that upstream gets.
func (h patchHeader) upstreamMessage() string {
	bug := h.fields["Bug"]
	if bug == "none" {
		bug = ""
	}
	return upstreamMessage(h.upstreamSubject(), wrap(h.fields["Description"], "."), bug, h.releaseNote(), !h.independent())
}

// upstreamMessage puts a commit message together as Kubernetes has it. An empty part is left out.
func upstreamMessage(subject, body, bug, note string, gated bool) string {
	parts := []string{subject, body}
	if bug != "" {
		// No "Fixes": upstream merges no commit message with a word that closes issues.
		parts = append(parts, "Issue: "+bug)
	}
	if gated {
		parts = append(parts, kep)
	}
	parts = append(parts, "```release-note\n"+note+"\n```")
	var b strings.Builder
	for _, part := range parts {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(part)
	}
	return b.String() + "\n"
}

// What keeps upstream from merging a commit, wherever it is in its message.
var (
	mention = regexp.MustCompile(`\B@[\w-]+`)
	closing = regexp.MustCompile(`(?i)\b(close[sd]?|fix(es|ed)?|resolve[sd]?)[\s:]+(\w+/\w+)?#\d+`)
)

// lintUpstream lists what upstream would not merge of the message.
func (h patchHeader) lintUpstream() (broken []string) {
	message := h.upstreamMessage()
	if s := mention.FindString(message); s != "" {
		broken = append(broken, fmt.Sprintf("upstream merges no commit message that mentions somebody: %q", s))
	}
	if s := closing.FindString(message); s != "" {
		broken = append(broken, fmt.Sprintf("upstream merges no commit message that closes an issue: %q", s))
	}
	return broken
}

// ourWords are what we call the two sides; upstream calls neither of them so.
var ourWords = regexp.MustCompile(`(?i)\b(upstream|forks?)('s)?\b`)

// adviseUpstream lists what would be odd to read upstream.
func (h patchHeader) adviseUpstream() (advice []string) {
	if s := ourWords.FindString(h.upstreamMessage()); s != "" {
		advice = append(advice, fmt.Sprintf("Subject, Description and %s are read upstream, where %q means nothing", fieldNote, s))
	}
	return advice
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// bodyWidth is where the lines of a commit message end.
const bodyWidth = 72

// wrap fills the paragraphs of text, which lines that are separator part, with an empty line between them.
func wrap(text, separator string) string {
	var paragraphs []string
	var b strings.Builder
	width := 0
	end := func() {
		if b.Len() > 0 {
			paragraphs = append(paragraphs, b.String())
		}
		b.Reset()
		width = 0
	}
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == separator {
			end()
			continue
		}
		for _, word := range strings.Fields(line) {
			n := len([]rune(word))
			switch {
			case width == 0:
			case width+1+n > bodyWidth:
				b.WriteByte('\n')
				width = 0
			default:
				b.WriteByte(' ')
				width++
			}
			b.WriteString(word)
			width += n
		}
	}
	end()
	return strings.Join(paragraphs, "\n\n")
}
