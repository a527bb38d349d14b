{{/*
Adds to rules by namespace the right to read something there: takes the rules, the namespace that an empty one stands for,
the resources, and `namespace/name` or `namespace/*`.
*/}}
{{- define "may-read" -}}
{{- $rules := index . 0 -}}
{{- $own := index . 1 -}}
{{- $resources := index . 2 -}}
{{- $sides := splitList "/" (index . 3) -}}
{{- $namespace := default $own (first $sides) -}}
{{- $name := last $sides -}}
{{- if or (ne (len $sides) 2) (empty $name) -}}
{{- fail (printf "`%s` is nothing that the host can show: it is NAMESPACE/NAME or NAMESPACE/*" (index . 3)) -}}
{{- end -}}
{{- if and (eq $namespace $own) (eq $name "*") (has "secrets" $resources) -}}
{{- fail (printf "not all Secrets of %s can be shown: the keys of the control plane are there; name single ones" $own) -}}
{{- end -}}
{{- $rule := dict "apiGroups" (list "") "resources" $resources "verbs" (list "get" "list" "watch") -}}
{{- if ne $name "*" -}}
{{- $_ := set $rule "resourceNames" (list $name) -}}
{{- end -}}
{{- $_ := set $rules $namespace (append (default list (get $rules $namespace)) $rule) -}}
{{- end -}}
