{{/*
Adds to rules by namespace the right to read something there: takes the rules, the namespace that an empty one stands for,
the group and the resources in it, and `namespace/name` or `namespace/*`.
*/}}
{{- define "may-read" -}}
{{- $rules := index . 0 -}}
{{- $own := index . 1 -}}
{{- $group := index . 2 -}}
{{- $resources := index . 3 -}}
{{- $sides := splitList "/" (index . 4) -}}
{{- $namespace := default $own (first $sides) -}}
{{- $name := last $sides -}}
{{- if or (ne (len $sides) 2) (empty $name) -}}
{{- fail (printf "`%s` is nothing that the host can show: it is NAMESPACE/NAME or NAMESPACE/*" (index . 4)) -}}
{{- end -}}
{{- if and (eq $namespace $own) (eq $name "*") (has "secrets" $resources) -}}
{{- fail (printf "not all Secrets of %s can be shown: the keys of the control plane are there; name single ones" $own) -}}
{{- end -}}
{{- $rule := dict "apiGroups" (list $group) "resources" $resources "verbs" (list "get" "list" "watch") -}}
{{- if ne $name "*" -}}
{{- $_ := set $rule "resourceNames" (list $name) -}}
{{- end -}}
{{- $_ := set $rules $namespace (append (default list (get $rules $namespace)) $rule) -}}
{{- end -}}

{{/*
Adds to rules by namespace the right to keep a Service there: takes the rules, the release, and `namespace/name`. What is
applied has a name already when the right to make it is looked at, so that the name can be told for that too.
*/}}
{{- define "may-replicate" -}}
{{- $rules := index . 0 -}}
{{- $release := index . 1 -}}
{{- $sides := splitList "/" (index . 2) -}}
{{- $namespace := default $release.Namespace (first $sides) -}}
{{- $name := last $sides -}}
{{- if or (ne (len $sides) 2) (empty $name) (eq $name "*") -}}
{{- fail (printf "`%s` is no Service of the host: it is NAME or NAMESPACE/NAME" (index . 2)) -}}
{{- end -}}
{{- if and (eq $namespace $release.Namespace) (eq $name $release.Name) -}}
{{- fail (printf "the Service %s of %s is that of the virtual cluster's API; replicate to another name" $name $namespace) -}}
{{- end -}}
{{- $rule := dict "apiGroups" (list "") "resources" (list "services" "endpoints") "resourceNames" (list $name) "verbs" (list "create" "delete" "get" "list" "patch" "update" "watch") -}}
{{- $_ := set $rules $namespace (append (default list (get $rules $namespace)) $rule) -}}
{{- end -}}

{{/* A role and its binding in each namespace: takes the chart's root, what the roles are called, and rules by namespace. */}}
{{- define "roles-in" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s" (include "global" $root) (index . 1) -}}
{{- range $namespace, $rules := index . 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ $namespace | quote }}
  labels: {{- include "labels" $root | nindent 4 }}
rules: {{- toYaml $rules | nindent 0 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $namespace | quote }}
  labels: {{- include "labels" $root | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects:
- {kind: ServiceAccount, name: {{ include "account" $root | quote }}, namespace: {{ $root.Release.Namespace | quote }}}
{{- end }}
{{- end -}}
