package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exported returns the metrics of the plugin with their labels, as its source
// declares them. A scrape would not do: many of them are there only while
// something is wrong.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../../*.go")
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				declare(metrics, call)
			}
			return true
		})
	}
	if len(metrics) < 10 {
		t.Fatalf("found only %d metrics in the source", len(metrics))
	}
	return metrics
}

// declare adds the metric that a call declares: description("name", "help",
// labels...), or one of Prometheus's constructors with Opts and labels.
func declare(metrics map[string][]string, call *ast.CallExpr) {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		if f.Name == "description" {
			add(metrics, texts(call.Args))
		}
	case *ast.SelectorExpr:
		if opts, ok := options(call); ok && strings.HasPrefix(f.Sel.Name, "New") {
			labels := []string{}
			if len(call.Args) > 1 {
				labels = elements(call.Args[1])
			}
			add(metrics, slices.Concat([]string{opts, ""}, labels))
			if strings.HasPrefix(f.Sel.Name, "NewHistogram") {
				add(metrics, slices.Concat([]string{opts + "_bucket", "", "le"}, labels))
				add(metrics, slices.Concat([]string{opts + "_sum", ""}, labels))
				add(metrics, slices.Concat([]string{opts + "_count", ""}, labels))
			}
		}
	}
}

// add takes the words of a declaration: name, help and labels.
func add(metrics map[string][]string, words []string) {
	if len(words) >= 2 && words[0] != "" {
		metrics["coredns_failover_"+words[0]] = words[2:]
	}
}

// options returns the Name of the Opts that are the first argument of a call.
func options(call *ast.CallExpr) (name string, ok bool) {
	if len(call.Args) == 0 {
		return "", false
	}
	opts, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		return "", false
	}
	for _, element := range opts.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok && key.Name == "Name" {
				return texts([]ast.Expr{pair.Value})[0], true
			}
		}
	}
	return "", false
}

// elements returns the texts of a list of labels.
func elements(list ast.Expr) []string {
	if literal, ok := list.(*ast.CompositeLit); ok {
		return texts(literal.Elts)
	}
	return nil
}

// texts returns the values of string literals; "" for anything else.
func texts(expressions []ast.Expr) []string {
	words := make([]string, len(expressions))
	for i, e := range expressions {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			words[i], _ = strconv.Unquote(literal.Value)
		}
	}
	return words
}
