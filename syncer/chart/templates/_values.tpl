{{/*
What a values file asks for, whatever dialect it is in, over what `defaults` says: a mapping by the places of the
syncer's model, with the chart's own keys by the names of vcluster 0.15. Templates look at this only. Where each place is
in each dialect is in files/keys.yaml, which is made of the tables that the syncer reads files by.
*/}}
{{- define "values" -}}
{{- $keys := .Files.Get "files/keys.yaml" | fromYaml -}}
{{- $said := dict -}}
{{- range $move := $keys.moves -}}
{{- $found := dict "value" $.Values -}}
{{- range $step := $move.from -}}
{{- if and (kindIs "map" $found.value) (hasKey $found.value $step) -}}
{{- $_ := set $found "value" (get $found.value $step) -}}
{{- else -}}
{{- $_ := set $found "value" nil -}}
{{- end -}}
{{- end -}}
{{- include "as-the-model-has-it" (list $move $found) -}}
{{- if not (kindIs "invalid" $found.value) -}}
{{- $at := $said -}}
{{- range $step := initial $move.to -}}
{{- if not (hasKey $at $step) -}}
{{- $_ := set $at $step dict -}}
{{- end -}}
{{- $at = get $at $step -}}
{{- end -}}
{{- $last := last $move.to -}}
{{- if and (kindIs "slice" $found.value) (hasKey $at $last) -}}
{{- $_ := set $at $last (concat (get $at $last) $found.value) -}}
{{- else -}}
{{- $_ := set $at $last $found.value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $model := $keys.base -}}
{{- include "lay-over" (list $model (deepCopy (.Values.defaults | default dict))) -}}
{{- include "lay-over" (list $model $said) -}}
{{- toYaml $model -}}
{{- end -}}

{{/* Changes what was found in a file, `value` of the second, to the form that the model has it in. */}}
{{- define "as-the-model-has-it" -}}
{{- $move := index . 0 -}}
{{- $found := index . 1 -}}
{{- $value := $found.value -}}
{{- if kindIs "invalid" $value -}}
{{- else if eq $move.form "switch" -}}
{{- $_ := set $found "value" (ternary nil (eq (toString $value) "true") (eq (toString $value) "auto")) -}}
{{- else if eq $move.form "optional" -}}
{{- $_ := set $found "value" (ternary nil $value (empty $value)) -}}
{{- else if eq $move.form "selector" -}}
{{- $labels := dict -}}
{{- range $part := compact (splitList "," $value) -}}
{{- $sides := splitn "=" 2 $part -}}
{{- $_ := set $labels (trim $sides._0) (trim $sides._1) -}}
{{- end -}}
{{- $_ := set $found "value" $labels -}}
{{- else if eq $move.form "registry" -}}
{{- $_ := set $found "value" (ternary "" (printf "%s/" (trimSuffix "/" $value)) (empty $value)) -}}
{{- else if eq $move.form "image" -}}
{{- $repository := ternary $value.repository $move.repository (hasKey $value "repository") -}}
{{- if or (not (hasKey $value "tag")) (regexMatch "^(loft-sh/vcluster(-oss|-pro)?|loftsh/vcluster)$" $repository) -}}
{{- /* vcluster's own program, which the syncer takes the place of, or half a name, which the syncer refuses. */ -}}
{{- $_ := set $found "value" nil -}}
{{- else -}}
{{- $registry := ternary $value.registry $move.registry (hasKey $value "registry") -}}
{{- $name := join "/" (compact (list $registry $repository)) -}}
{{- $_ := set $found "value" (ternary $name (printf "%s:%s" $name $value.tag) (empty $value.tag)) -}}
{{- end -}}
{{- else if eq $move.form "resources" -}}
{{- $rules := list -}}
{{- range $name, $asked := $value -}}
{{- if and $asked.enabled (ne (toString $asked.scope) "Cluster") (empty (dig "mappings" "byName" dict $asked)) -}}
{{- $sides := splitn "." 2 (first (splitList "/" $name)) -}}
{{- $rule := dict "apiGroups" (list $sides._1) "resources" (list $sides._0 (printf "%s/status" $sides._0)) "verbs" (list "create" "delete" "get" "list" "patch" "update" "watch") -}}
{{- $rules = append $rules $rule -}}
{{- end -}}
{{- end -}}
{{- $_ := set $found "value" $rules -}}
{{- else if eq $move.form "cluster-resources" -}}
{{- $names := list -}}
{{- range $name, $asked := $value -}}
{{- if and $asked.enabled (eq (toString $asked.scope) "Cluster") -}}
{{- $names = append $names (first (splitList "/" $name)) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $found "value" $names -}}
{{- else if eq $move.form "mapped-resources" -}}
{{- $mapped := list -}}
{{- range $name, $asked := $value -}}
{{- range $from, $_ := ternary (dig "mappings" "byName" dict $asked) dict (eq (toString $asked.enabled) "true") -}}
{{- $sides := splitn "." 2 (first (splitList "/" $name)) -}}
{{- $mapped = append $mapped (dict "group" $sides._1 "resource" $sides._0 "from" $from) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $found "value" $mapped -}}
{{- end -}}
{{- end -}}

{{/* Puts the second mapping over the first, key by key, down to what is no mapping; false and empty count too. */}}
{{- define "lay-over" -}}
{{- $below := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (hasKey $below $key) (kindIs "map" (get $below $key)) -}}
{{- include "lay-over" (list (get $below $key) $value) -}}
{{- else -}}
{{- $_ := set $below $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
