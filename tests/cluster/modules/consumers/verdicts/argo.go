package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// Argo CD ends a script after this time.
const luaLimit = time.Second

type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// action is one entry of discovery.lua, as Argo CD lists it.
type action struct {
	Name     string `json:"name"`
	Disabled bool   `json:"disabled"`
}

// outcome is what an action would do. Scripts refuse with error(…).
type outcome struct {
	Patch json.RawMessage `json:"patch,omitempty"`
	Error string          `json:"error,omitempty"`
}

// runLua runs a script in a state like Argo CD's: its interpreter, without the standard libraries except these
// three. Argo CD also lends `os.time` and `os.date`; our scripts have no use for a clock, so it stays away here.
func runLua(script string, object *unstructured.Unstructured) (*lua.LTable, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	}
	for _, name := range []string{lua.LoadLibName, lua.BaseLibName, lua.TabLibName} {
		call := lua.P{Fn: state.NewFunction(libraries[name]), Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	limited, cancel := context.WithTimeout(context.Background(), luaLimit)
	defer cancel()
	state.SetContext(limited)
	state.SetGlobal("actionParams", state.NewTable())
	state.SetGlobal("obj", toLua(state, object.Object))
	if err := state.DoString(script); err != nil {
		if known := (*lua.ApiError)(nil); errors.As(err, &known) {
			known.StackTrace = "" // Argo CD shows people the error without it
		}
		return nil, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("the script gave %s, not a table", state.Get(-1).Type())
	}
	return table, nil
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch known := value.(type) {
	case bool:
		return lua.LBool(known)
	case string:
		return lua.LString(known)
	case int64:
		return lua.LNumber(known)
	case float64:
		return lua.LNumber(known)
	case []any:
		table := state.CreateTable(len(known), 0)
		for _, item := range known {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(known))
		for key, item := range known {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

func argoHealth(script string, object *unstructured.Unstructured) (health, error) {
	table, err := runLua(script, object)
	if err != nil {
		return health{}, err
	}
	var said health
	if err := fromLua(table, &said); err != nil {
		return health{}, err
	}
	switch said.Status {
	case "Healthy", "Progressing", "Suspended", "Degraded", "Missing", "Unknown":
		return said, nil
	default:
		return health{}, fmt.Errorf("%q is no health status of Argo CD", said.Status)
	}
}

func discover(script string, object *unstructured.Unstructured) any {
	table, err := runLua(script, object)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	found := []action{}
	table.ForEach(func(name, entry lua.LValue) {
		one := action{Name: name.String()}
		if options, ok := entry.(*lua.LTable); ok {
			one.Disabled = lua.LVAsBool(options.RawGetString("disabled"))
		}
		found = append(found, one)
	})
	return found
}

// act gives the merge patch between the object and what the script makes of it: that is what Argo CD sends.
func act(script string, object *unstructured.Unstructured) any {
	table, err := runLua(script, object)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	var changed map[string]any
	if err := fromLua(table, &changed); err != nil {
		return outcome{Error: err.Error()}
	}
	restoreEmpty(changed, object.Object)
	patch, err := mergePatch(object.Object, changed)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	return outcome{Patch: patch}
}

func mergePatch(before, after map[string]any) (json.RawMessage, error) {
	old, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	fresh, err := json.Marshal(after)
	if err != nil {
		return nil, err
	}
	return jsonpatch.CreateMergePatch(old, fresh)
}

func fromLua(table *lua.LTable, into any) error {
	text, err := luajson.Encode(table)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// restoreEmpty turns empty lists back into the empty objects that they were: Lua knows no difference. Argo CD
// does the same before it compares.
func restoreEmpty(changed, before any) {
	switch now := changed.(type) {
	case map[string]any:
		old, ok := before.(map[string]any)
		if !ok {
			return
		}
		for key, item := range now {
			list, isList := item.([]any)
			if _, wasObject := old[key].(map[string]any); wasObject && isList && len(list) == 0 {
				now[key] = map[string]any{}
				continue
			}
			restoreEmpty(item, old[key])
		}
	case []any:
		old, ok := before.([]any)
		if !ok {
			return
		}
		for index := range min(len(now), len(old)) {
			restoreEmpty(now[index], old[index])
		}
	}
}
