{{- define "flux-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "flux-operator.fullname" -}}
{{- $own := printf "%s-%s" .Release.Name (include "flux-operator.name" .) -}}
{{- if contains (include "flux-operator.name" .) .Release.Name -}}{{- $own = .Release.Name -}}{{- end -}}
{{- .Values.fullnameOverride | default $own | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "flux-operator.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "flux-operator.fullname" .) -}}
{{- end -}}

{{- define "flux-operator.selector" -}}
app.kubernetes.io/name: {{ include "flux-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* helm.sh/chart is on pods too, as in the real chart. helm-controller adds the artifact's digest to the chart's version, so
     anyone who renders this without it makes the pod start again when helm-controller takes over. */}}
{{- define "flux-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") | trunc 63 | trimSuffix "-" }}
{{ include "flux-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The metadata of an object: (list $ NAME LABELS), LABELS being what the object has of its own. */}}
{{- define "flux-operator.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
labels:
  {{- include "flux-operator.labels" $root | nindent 2 }}
  {{- with index . 2 }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* An object of upstream's with the chart's metadata and, if it lives in one, the release's namespace. */}}
{{- define "flux-operator.namespaced" -}}
{{ include "flux-operator.metadata" . }}
namespace: {{ (index . 0).Release.Namespace }}
{{- end -}}
