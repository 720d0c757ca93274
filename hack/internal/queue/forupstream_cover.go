package queue

import (
	"fmt"
	"strings"
)

// coverFile tells a person what the series is.
const coverFile = "README.md"

// Am is the command that takes the patches.
func (s *UpstreamSeries) Am() string {
	if s.KeepCR {
		return "git am --keep-cr"
	}
	return "git am"
}

// cover is the text of coverFile.
func (s *UpstreamSeries) cover() string {
	checked := "Each commit builds, and passes its tests by itself."
	if !s.Checked {
		checked = "Whether each commit builds and passes its tests by itself, make export CHECK=1 looks at."
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# %d patches on top of %s %s

apiserver/ has the paths of %[2]s's own repository, kubernetes/ those of kubernetes/kubernetes, where
the module is in %[4]s. Otherwise they hold the same commits:

    %[5]s /path/to/here/apiserver/*.patch     # in a tree of %[2]s at %[3]s
    %[5]s /path/to/here/kubernetes/*.patch    # in a tree of kubernetes/kubernetes at the release with that

On other commits, %[5]s -3. %[6]s

Before a pull request, make the commits yours; their author is nobody:

    git rebase COMMIT-BEFORE-THEM --exec 'git commit --amend --no-edit --reset-author'

A commit that adds a feature gate also needs, in kubernetes/kubernetes, hack/update-featuregates.sh. One that adds a flag
changes the default options, which are compared as a whole there: StalledConnectionTimeout and WatchWriteTimeout are to be
added to what cmd/kube-apiserver/app/options/options_test.go and pkg/controlplane/apiserver/options/options_test.go want. The
release notes go into the pull request's text; in the commit messages they say which commit needs which.

`, len(s.Commits), s.Module, s.Tag, s.Staging, s.Am(), checked)
	s.coverIndependent(&b)
	b.WriteString("## The commits\n\n| patch | subject | independent | release note |\n|---|---|---|---|\n")
	for _, c := range s.Commits {
		independent := ""
		if c.Independent {
			independent = "yes"
		}
		cells := strings.NewReplacer("|", `\|`)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.File, cells.Replace(c.Subject), independent, cells.Replace(c.ReleaseNote))
	}
	return b.String()
}

func (s *UpstreamSeries) coverIndependent(b *strings.Builder) {
	b.WriteString("## Independent fixes\n\n")
	any := false
	for _, c := range s.Commits {
		if !c.Independent || c.patch == "" {
			continue
		}
		if !any {
			b.WriteString("Each can be taken alone, with the commits that add what it imports:\n\n")
			any = true
		}
		fmt.Fprintf(b, "    %s %s\n", s.Am(), strings.Join(append(c.Needs[:len(c.Needs):len(c.Needs)], c.File), " "))
	}
	if !any {
		b.WriteString("None: every commit needs those before it.\n")
	} else {
		b.WriteString("\nThe others stand behind one feature gate, and each needs those before it.\n")
	}
	b.WriteString("\n")
}
