package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The dependency rule of the module, in one line:
//
//	cmd → handlers/<activity> → kits → {domain adapters, outbox} → domain → events
//
// An arrow may skip layers, never point back, and activities do not import each other. The
// tests below read the imports with go list, so every file of the module is checked.

const module = "github.com/codex-platform/codex"

// root is the module's folder, seen from this package.
const root = "../.."

// listedPackage is what go list tells of a package of the module.
type listedPackage struct {
	ImportPath   string
	Name         string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestEveryImportFollowsTheDependencyRule(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	for _, p := range packages {
		from := relative(p.ImportPath)
		for _, imported := range p.Imports {
			if rule := violatedRule(from, relative(imported)); rule != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if layerOf(relative(imported)) == layerCmd {
				t.Errorf("a test of %s imports %s: nothing imports cmd", p.ImportPath, imported)
			}
		}
	}
}

// TestBrokenRulesAreFound feeds imports that must never exist, and some that
// must be possible, to the rule itself: a check that lets everything pass would
// look just like a clean module.
func TestBrokenRulesAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		allowed  bool
	}{
		{from: "./cmd/codex", to: "./handlers/edge", allowed: true},
		{from: "./cmd/codex", to: "./handlers/payments", allowed: true},
		{from: "./handlers/payments", to: "./handlers", allowed: true},
		{from: "./handlers/payments", to: "./handlers/edge", allowed: true},
		{from: "./handlers/payments", to: "./handlers/view", allowed: true},
		{from: "./handlers/payments", to: "./handlers/streaming"},
		{from: "./handlers/payments", to: "./handlers/payments/inner", allowed: true},
		{from: "./handlers", to: "./handlers/edge", allowed: true},
		{from: "./handlers", to: "./handlers/payments"},
		{from: "./handlers/edge", to: "./handlers"},
		{from: "./handlers/edge", to: "./handlers/paging", allowed: true},
		{from: "./handlers/edge/openapi", to: "./handlers/payments"},
		{from: "./handlers/reactions", to: "./handlers/streaming"},
		{from: "./cmd/codex", to: "./deploy/embedded/postgres", allowed: true},
		{from: "./handlers/edge", to: "./cmd/codex"},
		{from: "./handlers/edge", to: "./deploy/embedded"},
		{from: "./handlers/commands", to: "./domain/purchase/stripe", allowed: true},
		{from: "./handlers/commands", to: "./outbox", allowed: true},
		{from: "./outbox", to: "./handlers/commands"},
		{from: "./outbox", to: "./domain/purchase/postgres"},
		{from: "./outbox", to: "./events/bus", allowed: true},
		{from: "./domain", to: "./domain/purchase"},
		{from: "./domain", to: "golang.org/x/text/unicode/norm", allowed: true},
		{from: "./domain/purchase", to: "golang.org/x/text/unicode/norm"},
		{from: "./domain/money", to: "github.com/jackc/pgx/v5"},
		{from: "./domain/purchase", to: "time", allowed: true},
		{from: "./domain/purchase", to: "./events", allowed: true},
		{from: "./domain/purchase", to: "./domain/money", allowed: true},
		{from: "./domain/purchase", to: "./domain", allowed: true},
		{from: "./domain/organization", to: "./domain/mail", allowed: true},
		{from: "./domain/organization", to: "./domain/identity"},
		{from: "./domain/organization", to: "./domain/mail/postgres"},
		{from: "./domain/mail", to: "./domain/identity"},
		{from: "./domain/mail", to: "net/smtp"},
		{from: "./domain/mail/smtp", to: "./domain/mail/postgres", allowed: true},
		{from: "./domain/identity/postgres", to: "./domain/mail/postgres"},
		{from: "./domain/purchase", to: "./domain/access"},
		{from: "./domain/purchase", to: "./domain/purchase/stripe"},
		{from: "./domain/purchase", to: "./events/bus"},
		{from: "./domain/purchase", to: "./outbox"},
		{from: "./domain/purchase", to: "github.com/stripe/stripe-go/v76"},
		{from: "./domain/purchase", to: "database/sql"},
		{from: "./domain/purchase", to: "math/rand/v2"},
		{from: "./domain/purchase/stripe", to: "./domain/purchase", allowed: true},
		{from: "./domain/purchase/stripe", to: "./domain/purchase/postgres", allowed: true},
		{from: "./domain/purchase/stripe", to: "github.com/stripe/stripe-go/v76", allowed: true},
		{from: "./domain/purchase/stripe", to: "./domain/media/s3"},
		{from: "./domain/content/postgres", to: "./domain/postgres/columns", allowed: true},
		{from: "./domain/content", to: "./domain/postgres/columns"},
		{from: "./domain/purchase/postgres", to: "./domain/postgres", allowed: true},
		{from: "./handlers/commands", to: "./domain/postgres", allowed: true},
		{from: "./domain/identity/postgres", to: "./domain/postgres/ratelimit", allowed: true},
		{from: "./domain/postgres/ratelimit", to: "./domain/postgres", allowed: true},
		{from: "./domain/postgres/ratelimit", to: "./domain/identity/postgres"},
		{from: "./outbox", to: "./domain/postgres", allowed: true},
		{from: "./domain/purchase", to: "./domain/postgres"},
		{from: "./domain/postgres", to: "github.com/jackc/pgx/v5", allowed: true},
		{from: "./domain/postgres", to: "./domain/purchase"},
		{from: "./domain/postgres", to: "./domain/purchase/postgres"},
		{from: "./domain/purchase", to: "./domain/signature", allowed: true},
		{from: "./domain/signature", to: "./domain/purchase"},
		{from: "./domain/signature", to: "github.com/jackc/pgx/v5"},
		{from: "./domain/purchase/stripe", to: "./handlers/edge"},
		{from: "./domain/media/ffmpeg", to: "./deploy/embedded"},
		{from: "./cmd/codex", to: "./handlers/jobs", allowed: true},
		{from: "./handlers/payments", to: "./handlers", allowed: true},
		{from: "./handlers/payments", to: "./handlers/edge/openapi", allowed: true},
		{from: "./handlers/payments", to: "./handlers/streaming"},
		{from: "./handlers/edge", to: "./handlers/payments"},
		{from: "./handlers/edge", to: "./handlers"},
		{from: "./handlers", to: "./handlers/edge", allowed: true},
		{from: "./handlers", to: "./handlers/payments"},
		{from: "./handlers/cleanup", to: "./handlers/jobs", allowed: true},
		{from: "./handlers/jobs", to: "./handlers/cleanup"},
		{from: "./handlers/jobs", to: "./domain/identity/postgres"},
		{from: "./domain/identity/postgres", to: "./handlers/jobs"},
		{from: "./events", to: "github.com/nats-io/nats.go"},
		{from: "./events", to: "net/http"},
		{from: "./events", to: "./domain/money"},
		{from: "./events", to: "./events/bus"},
		{from: "./events/bus", to: "github.com/nats-io/nats.go", allowed: true},
		{from: "./events/bus", to: "./domain/purchase"},
		{from: "./migrations", to: "./domain"},
		{from: "./deploy/embedded/stripe", to: "./handlers/edge"},
		{from: "./deploy/chaos", to: "./deploy/embedded/postgres", allowed: true},
		{from: "./deploy/chaos", to: "./deploy/chaos/invariants", allowed: true},
		{from: "./deploy/chaos", to: "./events", allowed: true},
		{from: "./deploy/chaos", to: "./migrations", allowed: true},
		{from: "./deploy/chaos", to: "./handlers/edge"},
		{from: "./deploy/chaos", to: "./domain/purchase/stripe"},
		{from: "./deploy/chaos", to: "./outbox"},
		{from: "./deploy/embedded/postgres", to: "./deploy/chaos"},
		{from: "./deploy/embedded/postgres/pgtest", to: "./deploy/embedded/postgres", allowed: true},
		{from: "./handlers/handlertest", to: "./deploy/embedded/postgres/pgtest", allowed: true},
		{from: "./handlers/handlertest", to: "./handlers/edge", allowed: true},
		{from: "./handlers/handlertest", to: "./handlers/payments", allowed: true},
		{from: "./handlers/handlertest", to: "./migrations", allowed: true},
		{from: "./handlers/handlertest", to: "./cmd/codex"},
		{from: "./handlers/edge", to: "./handlers/handlertest"},
		{from: "./cmd/codex", to: "./handlers/handlertest"},
	} {
		rule := violatedRule(c.from, c.to)
		if c.allowed && rule != "" {
			t.Errorf("%s may import %s, but breaks the rule: %s", c.from, c.to, rule)
		}
		if !c.allowed && rule == "" {
			t.Errorf("%s importing %s breaks no rule", c.from, c.to)
		}
	}
}

func TestPackageNamesSayWhatLivesThere(t *testing.T) {
	t.Parallel()
	for _, p := range listPackages(t) {
		for _, name := range []string{p.Name, path.Base(p.ImportPath)} {
			switch strings.TrimSuffix(strings.TrimSuffix(name, "_test"), "s") {
			case "util", "common", "helper", "type":
				t.Errorf("%s: the name %s says nothing; name the package after what it knows", p.ImportPath, name)
			}
		}
	}
}

func TestTheTopLevelIsFixed(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"cmd", "domain", "handlers", "events", "outbox", "migrations", "deploy",
		"go.mod", "go.sum", "README.md", "LICENSE", "Makefile",
		"bin", // built, ignored by git
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(allowed, name) {
			continue
		}
		t.Errorf("%s does not belong at the top level; only %s and dot files do", name, strings.Join(allowed, " "))
	}
}

// The README and the contributors' guide lead newcomers to files. They have to be there.
func TestTheGuidesNameFilesThatExist(t *testing.T) {
	t.Parallel()
	quoted := regexp.MustCompile("`((?:cmd|domain|handlers|events|outbox|migrations|deploy)(?:/[\\w.-]+)*)`")
	for _, guide := range []string{"README.md", ".github/CONTRIBUTING.md"} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(guide)))
		if err != nil {
			t.Fatal(err)
		}
		names := quoted.FindAllStringSubmatch(string(text), -1)
		if len(names) < 10 {
			t.Errorf("%s names only %d files", guide, len(names))
		}
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(name[1]))); err != nil {
				t.Errorf("%s names %s: %v", guide, name[1], err)
			}
		}
	}
}

// The README names a test beside each guarantee. It has to be there.
// TestTheReadmeNamesTestsThatExist also reads the checklist of SECURITY.md.
func TestTheReadmeNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	declared := declaredTests(t)
	for document, least := range map[string]int{"README.md": 30, ".github/SECURITY.md": 100} {
		text, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, name := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(string(text), -1) {
			named[name] = true
			if !declared[name] {
				t.Errorf("%s names %s, which is nowhere", document, name)
			}
		}
		if len(named) < least {
			t.Errorf("%s names only %d tests", document, len(named))
		}
	}
}

// TestTheSecurityChecklistIsComplete checks that each item has its row, and a test or the
// reason why it has none.
func TestTheSecurityChecklistIsComplete(t *testing.T) {
	t.Parallel()
	const items = 110
	text, err := os.ReadFile(filepath.Join(root, ".github/SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$`)
	rows := row.FindAllStringSubmatch(string(text), -1)
	if len(rows) != items {
		t.Fatalf("%d rows, want %d", len(rows), items)
	}
	for i, r := range rows {
		if r[1] != strconv.Itoa(i+1) {
			t.Errorf("row %s is where %d is expected", r[1], i+1)
		}
		if strings.TrimSpace(r[4]) == "" && strings.TrimSpace(r[5]) == "" {
			t.Errorf("%s, %s: neither a test nor what is open", r[1], r[2])
		}
	}
}

// declaredTests are the names of all tests of the module.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		source, err := os.ReadFile(file)
		for _, found := range declared.FindAllStringSubmatch(string(source), -1) {
			names[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A layer is a place in the dependency rule.
type layer int

const (
	layerStandard layer = iota
	layerThirdParty
	layerCmd
	layerActivity // handlers/<activity>
	layerModule   // handlers, what an activity exports
	layerKit      // what activities are made of, see kits
	layerAdapter  // domain/<context>/<technology>
	layerOutbox
	layerContext // domain/<context>, pure
	layerKernel  // domain, domain/money, domain/mail and domain/signature, pure
	layerStores  // domain/postgres and below, what all stores share
	layerBus     // events/bus
	layerEvents
	layerMigrations
	layerEmbedded // deploy/embedded
	layerChaos    // deploy/chaos
	layerUnknown
)

// kits are the folders of handlers that activities are made of.
var kits = []string{"commands", "edge", "jobs", "paging", "reactions", "view"}

// layerOf places an import path as relative gives it.
func layerOf(importPath string) layer {
	own, isOwn := strings.CutPrefix(importPath, "./")
	if !isOwn {
		if first, _, _ := strings.Cut(importPath, "/"); strings.Contains(first, ".") {
			return layerThirdParty
		}
		return layerStandard
	}
	parts := strings.Split(own, "/")
	switch {
	case parts[0] == "cmd":
		return layerCmd
	case own == "handlers":
		return layerModule
	case parts[0] == "handlers" && slices.Contains(kits, parts[1]):
		return layerKit
	case parts[0] == "handlers":
		return layerActivity
	case own == "domain", own == "domain/money", own == "domain/mail", own == "domain/signature":
		return layerKernel
	case strings.HasPrefix(own+"/", "domain/postgres/"):
		return layerStores
	case parts[0] == "domain" && len(parts) == 2:
		return layerContext
	case parts[0] == "domain":
		return layerAdapter
	case parts[0] == "outbox":
		return layerOutbox
	case own == "events":
		return layerEvents
	case parts[0] == "events":
		return layerBus
	case parts[0] == "migrations":
		return layerMigrations
	case len(parts) > 1 && parts[0] == "deploy" && parts[1] == "embedded":
		return layerEmbedded
	case len(parts) > 1 && parts[0] == "deploy" && parts[1] == "chaos":
		return layerChaos
	}
	return layerUnknown
}

// mayImport is the rule: for each layer of the module the layers of the module
// it may use. Finer points are in violatedRule.
var mayImport = map[layer][]layer{
	layerCmd: slices.Concat(
		[]layer{layerCmd, layerActivity, layerModule, layerMigrations, layerEmbedded}, belowActivities),
	layerActivity: slices.Concat([]layer{layerActivity, layerModule}, belowActivities),
	layerModule:   {layerKit},
	layerKit:      belowActivities,
	layerAdapter:  {layerAdapter, layerOutbox, layerContext, layerKernel, layerStores, layerBus, layerEvents},
	layerOutbox:   {layerOutbox, layerContext, layerKernel, layerStores, layerBus, layerEvents},
	layerContext:  {layerKernel, layerEvents},
	layerKernel:   {layerKernel},
	layerStores:   {layerStores, layerKernel},
	layerBus:      {layerBus, layerKernel, layerEvents},
	layerEvents:   {},
	layerEmbedded: {
		layerEmbedded, layerAdapter, layerOutbox, layerContext, layerKernel, layerBus, layerEvents, layerMigrations,
	},
	layerMigrations: {},
	layerChaos:      {layerChaos, layerEmbedded, layerEvents, layerMigrations},
}

var belowActivities = []layer{
	layerKit, layerAdapter, layerOutbox, layerContext, layerKernel, layerStores, layerBus, layerEvents,
}

var ruleOf = map[layer]string{
	layerCmd:        "cmd may import everything but the folders outside the layout",
	layerActivity:   "an activity imports handlers, kits, adapters, outbox, domain and events, nothing above",
	layerModule:     "handlers says what an activity exports, and knows the kits only",
	layerKit:        "a kit imports kits, adapters, outbox, domain and events, and no activity",
	layerAdapter:    "a domain adapter imports outbox, domain and events, nothing above it",
	layerOutbox:     "outbox imports domain and events, neither adapters nor handlers",
	layerContext:    "domain/<context> imports the standard library, the kernel of domain and events only",
	layerKernel:     "the kernel (domain, domain/money, mail, signature) imports the standard library and itself only",
	layerStores:     "domain/postgres and what is below it know no context and no store",
	layerBus:        "events/bus imports events and the domain's error, no context and nothing above",
	layerEvents:     "events is public and free of drivers: the standard library only",
	layerMigrations: "migrations imports nothing of the module",
	layerChaos:      "deploy/chaos sees the platform from outside: processes, HTTP, streams and SQL",
	layerEmbedded:   "deploy/embedded brings the outside parts; it knows neither handlers nor cmd",
}

// normalForms computes the normal forms of Unicode, which the standard library only vendors:
// the names of package domain have one.
const normalForms = "golang.org/x/text/unicode/norm"

// pure are the layers that compute and do nothing else.
var pure = []layer{layerContext, layerKernel, layerEvents}

// impure are the packages of the standard library that reach the outside or
// bring chance; clock and randomness are passed to pure code.
var impure = []string{
	"crypto/rand", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2",
	"net", "net/http", "net/smtp", "os", "os/exec", "os/signal", "syscall",
}

// violatedRule tells which rule forbids the package at path from to import the
// one at path to, or "" if it may. Both are as relative gives them.
func violatedRule(from, to string) string {
	source, target := layerOf(from), layerOf(to)
	if source == layerUnknown {
		return "Go packages live in cmd, domain, handlers, events, outbox, migrations, deploy/embedded and deploy/chaos only"
	}
	support := isTestSupport(from)
	if isTestSupport(to) && !support {
		return "a package whose name ends in test serves tests only"
	}
	switch target {
	case layerStandard:
		if slices.Contains(pure, source) && slices.Contains(impure, to) {
			return "pure packages do no I/O and have no clock or randomness of their own: " + ruleOf[source]
		}
		return ""
	case layerThirdParty:
		if slices.Contains(pure, source) && !support && (from != "./domain" || to != normalForms) {
			return ruleOf[source]
		}
		return ""
	case layerEmbedded:
		if source != layerCmd && source != layerEmbedded && source != layerChaos && !support {
			return "deploy/embedded is for cmd, deploy/chaos and for tests"
		}
		return ""
	case layerAdapter:
		if source == layerAdapter && contextOf(from) != contextOf(to) {
			return "an adapter is private to its context, handlers bring contexts together"
		}
	case layerActivity:
		if source == layerActivity && !support && activityOf(from) != activityOf(to) {
			return "activities do not import each other: they share kits, domain and events"
		}
	}
	if support && target != layerCmd {
		return ""
	}
	if from == "./handlers/jobs" && target != layerEvents {
		return "handlers/jobs runs the jobs of others and knows none of them"
	}
	if !slices.Contains(mayImport[source], target) {
		return ruleOf[source]
	}
	return ""
}

// isTestSupport tells whether a package exists for tests, as httptest does.
func isTestSupport(importPath string) bool {
	return strings.HasPrefix(importPath, "./") && strings.HasSuffix(path.Base(importPath), "test")
}

// contextOf returns <context> of ./domain/<context>/….
func contextOf(own string) string { return strings.Split(own, "/")[2] }

// activityOf returns <activity> of ./handlers/<activity>/….
func activityOf(own string) string { return strings.Split(own, "/")[2] }

// relative writes the module's own packages as ./domain/money. Other paths stay
// as they are.
func relative(importPath string) string {
	if own, ok := strings.CutPrefix(importPath, module+"/"); ok {
		return "./" + own
	}
	return importPath
}

// listPackages asks go list for every package of the module.
func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	noticeSourceFolders(t)
	const fields = "-json=ImportPath,Name,Imports,TestImports,XTestImports"
	list := exec.CommandContext(t.Context(), "go", "list", fields, "./...")
	list.Dir = filepath.FromSlash(root)
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var packages []listedPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("go list found no package")
	}
	return packages
}

// noticeSourceFolders reads every folder of the module. go test keeps a result
// as long as the folders a test has read stay as they were, and does not see
// what a child process reads: without this, an old success would hide a change.
func noticeSourceFolders(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && name != root
		if entry.IsDir() && (hidden || entry.Name() == "bin") {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
