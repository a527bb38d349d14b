{{/* What the release is called, and what its objects on the whole host are called. */}}

{{- define "account" -}}
vc-{{ .Release.Name }}
{{- end -}}

{{- define "global" -}}
vc-{{ .Release.Name }}-v-{{ .Release.Namespace }}
{{- end -}}

{{/* Who the policies are about. */}}
{{- define "by-this-virtual-cluster" -}}
- name: by-this-virtual-cluster
  expression: request.userInfo.username == 'system:serviceaccount:{{ .Release.Namespace }}:{{ include "account" . }}'
{{- end -}}

{{/* In CEL: whether a namespace is the tenant's. */}}
{{- define "own" -}}
{{- $release := (index . 0).Release -}}
{{- $namespace := index . 1 -}}
{{ $namespace }}.metadata.?labels['vcluster.loft.sh/vcluster-namespace'].orValue('') == '{{ $release.Namespace }}' && {{ $namespace }}.metadata.?labels['vcluster.loft.sh/vcluster-name'].orValue('') == '{{ $release.Name }}'
{{- end -}}

{{/* What the names of the tenant's namespaces on the host end with; vcluster's rule. */}}
{{- define "suffix" -}}
{{ printf "%sx%s" .Release.Namespace .Release.Name | sha256sum | trunc 8 }}
{{- end -}}

{{/*
In CEL: whether `object` is called as a namespace of the tenant's is: by vcluster's rule, or by choice, as one name or all
names that begin so.
*/}}
{{- define "own-name" -}}
{{- $name := "object.metadata.name" -}}
{{- $ways := list (printf "%s.startsWith('vcluster-') && %s.endsWith('-%s')" $name $name (include "suffix" .)) -}}
{{- range $host := values (include "values" . | fromYaml).namespaces.mappings.byName -}}
{{- $host = replace "${name}" $.Release.Name $host -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*([a-z0-9]|[*]))?$" $host) -}}
{{- fail (printf "no namespace can be called `%s`: `syncer values check` says more" $host) -}}
{{- end -}}
{{- $ways = append $ways (ternary (printf "%s.startsWith('%s')" $name (trimSuffix "*" $host)) (printf "%s == '%s'" $name $host) (hasSuffix "*" $host)) -}}
{{- end -}}
{{- join " || " (uniq (sortAlpha $ways)) -}}
{{- end -}}

{{/*
Labels that every namespace of the tenant has on the host: those of the values, and the Pod Security Standard unless they
give another one.
*/}}
{{- define "namespace-labels" -}}
{{- $values := include "values" . | fromYaml -}}
{{- merge (dict) $values.namespaces.labels (dict "pod-security.kubernetes.io/enforce" $values.policies.podSecurityStandard) | toYaml -}}
{{- end -}}

{{/* In CEL: whether a label's key is one that the virtual cluster may set to any value on its namespaces. */}}
{{- define "own-label" -}}
({{ . }} == 'kubernetes.io/metadata.name' || {{ . }}.startsWith('vcluster.loft.sh/') || {{ include "is-one-of" (list . "variables.allowed") }})
{{- end -}}

{{/* In CEL, with the variables of the policy on namespaces: whether a label may have the value that it has. */}}
{{- define "may-set" -}}
variables.before[?{{ . }}] == optional.of(variables.labels[{{ . }}]) || variables.fixed[?{{ . }}] == optional.of(variables.labels[{{ . }}]) || ({{ . }} == variables.enforce && variables.levels[?variables.labels[{{ . }}]].orValue(-1) >= variables.levels[variables.fixed[{{ . }}]]) || {{ . }} in variables.harmless || ({{ . }} == variables.enforce + '-version' && variables.labels[{{ . }}] == 'latest') || (!{{ . }}.startsWith('pod-security.kubernetes.io/') && {{ include "own-label" . }})
{{- end -}}

{{/* In CEL: whether a name is one of a list in which `*` at the end of an item stands for any rest. */}}
{{- define "is-one-of" -}}
{{- $name := index . 0 -}}
{{ index . 1 }}.exists(allowed, allowed.endsWith('*') ? {{ $name }}.startsWith(allowed.substring(0, size(allowed) - 1)) : {{ $name }} == allowed)
{{- end -}}

{{/* In CEL: quantities by resource, as texts, without those that were taken away. */}}
{{- define "quantities" -}}
{{- $known := dict -}}
{{- range $resource, $quantity := . -}}
{{- if not (or (kindIs "invalid" $quantity) (eq (toString $quantity) "")) -}}
{{- $_ := set $known $resource (toString $quantity) -}}
{{- end -}}
{{- end -}}
{{- $known | toJson | replace "\"" "'" -}}
{{- end -}}

{{/* What policies of the host select a control plane by: vcluster's labels. The selector of a StatefulSet cannot change, so a
release keeps the one that it was installed with. */}}
{{- define "selector" -}}
{{- $there := lookup "apps/v1" "StatefulSet" .Release.Namespace .Release.Name | default dict }}
{{- "app: " }}{{ dig "spec" "selector" "matchLabels" "app" "vcluster" $there }}
release: {{ .Release.Name | quote }}
{{- end -}}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with (include "values" . | fromYaml).syncer.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The host's range of service addresses. */}}
{{- define "serviceCIDR" -}}
{{- $found := dig "spec" "cidrs" (list) (lookup "networking.k8s.io/v1" "ServiceCIDR" "" "kubernetes") -}}
{{- (include "values" . | fromYaml).serviceCIDR | default (join "," $found) | default "10.96.0.0/12" -}}
{{- end -}}

{{/* The controllers that the virtual cluster has. */}}
{{- define "controllers" -}}
{{- $without := list
  "cloud-node-lifecycle-controller"
  "device-taint-eviction-controller"
  "ephemeral-volume-controller"
  "node-ipam-controller"
  "node-lifecycle-controller"
  "node-route-controller"
  "persistentvolume-attach-detach-controller"
  "persistentvolume-binder-controller"
  "persistentvolume-expander-controller"
  "pod-garbage-collector-controller"
  "resourceclaim-controller"
  "service-lb-controller"
  "taint-eviction-controller"
  "ttl-controller" -}}
*,-{{ join ",-" $without }}
{{- end -}}

{{/* How all containers are confined. */}}
{{- define "confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* How a pod is confined. */}}
{{- define "pod-confined" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* Where a pod is to run, by the values. */}}
{{- define "placed" -}}
{{- with .syncer.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .syncer.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .syncer.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .syncer.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The host's token and authority, for the one container that talks to the host. */}}
{{- define "host-volume" -}}
- name: host
  projected:
    sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3607}
    - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
    - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}

{{/* The annotations of what runs after the release was removed, by its place in the order. */}}
{{- define "after-uninstall" -}}
helm.sh/hook: post-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
