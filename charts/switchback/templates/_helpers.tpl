{{- define "switchback.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "switchback.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "switchback.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "switchback.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "switchback.selectorLabels" -}}
app.kubernetes.io/name: {{ include "switchback.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "switchback.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "switchback.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "switchback.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "switchback.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* Name of the ValidatingAdmissionPolicy and of its binding. */}}
{{- define "switchback.approvalPolicy" -}}
{{- printf "%s-approval" (include "switchback.fullname" .) }}
{{- end }}

{{- /* Name of the policy that holds the operator to what it may change of Services and pods. */}}
{{- define "switchback.trafficPolicy" -}}
{{- printf "%s-traffic" (include "switchback.fullname" .) }}
{{- end }}

{{- define "switchback.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{- /* Whoever stands by should not go down with whoever works. A wish only: there may be one node. Not by spread
constraints, which count for nothing where nodes have no zone. */}}
{{- define "switchback.affinity" -}}
{{- with .Values.affinity }}
{{- toYaml . }}
{{- end }}
{{- if and (gt (int .Values.replicaCount) 1) (not (hasKey (default dict .Values.affinity) "podAntiAffinity")) }}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
  {{- range $weight, $key := dict "100" "kubernetes.io/hostname" "50" "topology.kubernetes.io/zone" }}
  - weight: {{ $weight }}
    podAffinityTerm:
      topologyKey: {{ $key }}
      labelSelector:
        matchLabels:
          {{- include "switchback.selectorLabels" $ | nindent 10 }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* What the operator may do in the namespaces it serves. No verb on Secrets: only the pods of Jobs read them. */}}
{{- define "switchback.rules" -}}
- apiGroups: [switchback.dev]
  resources: [databasemigrations]
  verbs: [get, list, watch]
# For the finalizer switchback.dev/in-flight, so that a deletion waits for what runs. Only metadata.finalizers is
# written, but a right cannot be narrower than the object; the approval policy binds the operator like everybody.
- apiGroups: [switchback.dev]
  resources: [databasemigrations]
  verbs: [patch]
- apiGroups: [switchback.dev]
  resources: [databasemigrations/status]
  verbs: [patch]
# Asked for when a Job is to be owned by the resource, where OwnerReferencesPermissionEnforcement is on (OpenShift).
- apiGroups: [switchback.dev]
  resources: [databasemigrations/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods, configmaps]
  verbs: [get, list, watch]
# An event that repeats raises the count of the first one.
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- if or .Values.snapshots.volumeSnapshot.enabled .Values.snapshots.cloudNativePG.enabled }}
# Why nothing takes up a restore point that the operator has asked for.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
# Restore points. Deleted is only what bears the operator's marks, and only beyond spec.snapshot.retention.
- apiGroups: [snapshot.storage.k8s.io]
  resources: [volumesnapshots]
  verbs: [get, list, {{ if .Values.snapshots.volumeSnapshot.enabled }}create, {{ end }}delete]
{{- end }}
{{- if .Values.snapshots.volumeSnapshot.enabled }}
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
{{- end }}
{{- if .Values.snapshots.cloudNativePG.enabled }}
- apiGroups: [postgresql.cnpg.io]
  resources: [clusters]
  verbs: [get]
- apiGroups: [postgresql.cnpg.io]
  resources: [backups]
  verbs: [get, list, create, delete]
{{- end }}
{{- if .Values.traffic.enabled }}
# The traffic of a Service is moved by its selector. Slots are looked at and never changed.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, patch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets]
  verbs: [get, list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
# The pod that checks a new slot is told of the switch by an annotation. A right cannot be narrower than the object;
# templates/traffic-policy.yaml is.
- apiGroups: [""]
  resources: [pods]
  verbs: [patch]
{{- end }}
# The label switchback.dev/require-approval, and whether the namespace is being deleted. In a Role, get covers the
# Role's own namespace and no other.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [{{ if .Values.watchNamespaces }}get{{ else }}get, list{{ end }}]
{{- end }}
