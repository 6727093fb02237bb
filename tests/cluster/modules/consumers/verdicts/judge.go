package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	helmstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	kptstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	strict "sigs.k8s.io/yaml"
)

// verdicts is what the tools say of one object. A tool that fails says "error: …".
type verdicts struct {
	// Kstatus is the original, as kpt uses it.
	Kstatus string `json:"kstatus"`
	// KstatusFlux is the copy of it that Flux and Helm 4 use.
	KstatusFlux string `json:"kstatusFlux"`
	// Argo is the answer of health.lua.
	Argo        string `json:"argo"`
	ArgoMessage string `json:"argoMessage,omitempty"`
	// Flux is the answer of the healthCheckExprs.
	Flux string `json:"flux"`
}

func judge(health string, exprs *cel.StatusEvaluator) answer {
	return func(object *unstructured.Unstructured) any {
		var said verdicts
		if result, err := kptstatus.Compute(object); err != nil {
			said.Kstatus = failure(err)
		} else {
			said.Kstatus = result.Status.String()
		}
		if result, err := helmstatus.Compute(object); err != nil {
			said.KstatusFlux = failure(err)
		} else {
			said.KstatusFlux = result.Status.String()
		}
		if result, err := exprs.Evaluate(context.Background(), object); err != nil {
			said.Flux = failure(err)
		} else {
			said.Flux = result.Status.String()
		}
		if result, err := argoHealth(health, object); err != nil {
			said.Argo = failure(err)
		} else {
			said.Argo, said.ArgoMessage = result.Status, result.Message
		}
		return said
	}
}

func failure(err error) string {
	return "error: " + err.Error()
}

// healthCheckExprs reads the expressions out of the Kustomization that holds them, as Flux's own types know them.
func healthCheckExprs(path string) (*cel.StatusEvaluator, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	reader := yaml.NewYAMLToJSONDecoder(bytes.NewReader(text))
	for {
		var kustomization struct {
			Spec struct {
				HealthCheckExprs []map[string]any `json:"healthCheckExprs"`
			} `json:"spec"`
		}
		if err := reader.Decode(&kustomization); errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: no spec.healthCheckExprs", path)
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, entry := range kustomization.Spec.HealthCheckExprs {
			var check kustomize.CustomHealthCheck
			if again, err := strict.Marshal(entry); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			} else if err := strict.UnmarshalStrict(again, &check); err != nil {
				return nil, fmt.Errorf("%s: healthCheckExprs: %w", path, err)
			}
			return cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		}
	}
}
