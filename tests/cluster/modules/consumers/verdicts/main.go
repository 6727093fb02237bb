// Command verdicts says what the tools that read a Kubernetes object make of it, each by its own code.
//
// It reads JSON objects on standard input, one after the other, and writes one line of JSON for each:
//
//	verdicts judge HEALTH.lua KUSTOMIZATION.yaml   what kstatus, Argo CD and Flux say
//	verdicts actions DISCOVERY.lua                 the actions that Argo CD offers
//	verdicts act ACTION.lua                        the merge patch that Argo CD sends for an action
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// answer is what one mode says of one object.
type answer func(*unstructured.Unstructured) any

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "verdicts:", err)
		os.Exit(1)
	}
}

func run(arguments []string, in io.Reader, out io.Writer) error {
	say, err := mode(arguments)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	decoder, encoder := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(buffered)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return buffered.Flush()
		} else if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		// As the tools get it from the API server: whole numbers are int64, not float64.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		if err := encoder.Encode(say(object)); err != nil {
			return err
		}
	}
}

func mode(arguments []string) (answer, error) {
	switch {
	case len(arguments) == 3 && arguments[0] == "judge":
		health, err := script(arguments[1])
		if err != nil {
			return nil, err
		}
		exprs, err := healthCheckExprs(arguments[2])
		if err != nil {
			return nil, err
		}
		return judge(health, exprs), nil
	case len(arguments) == 2 && arguments[0] == "actions":
		discovery, err := script(arguments[1])
		return func(object *unstructured.Unstructured) any { return discover(discovery, object) }, err
	case len(arguments) == 2 && arguments[0] == "act":
		action, err := script(arguments[1])
		return func(object *unstructured.Unstructured) any { return act(action, object) }, err
	default:
		return nil, errors.New("want: judge HEALTH.lua KUSTOMIZATION.yaml | actions DISCOVERY.lua | act ACTION.lua")
	}
}

func script(path string) (string, error) {
	text, err := os.ReadFile(path)
	return string(text), err
}
