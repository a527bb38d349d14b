{{/*
Prints "true" if the store is on a volume, else "false": as the values say; else as it is, as a StatefulSet cannot change that; else
"true" if a class is named or the cluster has a default one. Without a cluster (`helm template`) it prints "false".
*/}}
{{- define "persistent" -}}
{{- $storage := (include "values" . | fromYaml).etcd.storage -}}
{{- $there := lookup "apps/v1" "StatefulSet" .Release.Namespace .Release.Name -}}
{{- if has (toString $storage.persistence) (list "true" "false") -}}
{{- toString $storage.persistence -}}
{{- else if $there -}}
{{- include "has-volume" $there -}}
{{- else -}}
{{- $found := dict "class" (not (empty $storage.className)) -}}
{{- range $class := (lookup "storage.k8s.io/v1" "StorageClass" "" "").items -}}
{{- if eq (toString (dig "metadata" "annotations" "storageclass.kubernetes.io/is-default-class" "" $class)) "true" -}}
{{- $_ := set $found "class" true -}}
{{- end -}}
{{- end -}}
{{- toString $found.class -}}
{{- end -}}
{{- end -}}

{{/* Prints "true" if a StatefulSet has its store on a volume, else "false". */}}
{{- define "has-volume" -}}
{{- not (empty (dig "spec" "volumeClaimTemplates" (list) .)) -}}
{{- end -}}

{{/* The hash of a pod, without its comments. */}}
{{- define "pod-hash" -}}
{{- fromYaml . | toYaml | sha256sum -}}
{{- end -}}

{{/* Refuses an upgrade that would throw the virtual cluster's objects away. Takes the root, the pod that is to
be, and "true" if its store is on a volume. */}}
{{- define "keeps-its-store" -}}
{{- $root := index . 0 -}}
{{- $name := $root.Release.Name -}}
{{- $there := lookup "apps/v1" "StatefulSet" $root.Release.Namespace $name -}}
{{- if $there -}}
{{- $has := include "has-volume" $there -}}
{{- if ne $has (index . 2) -}}
{{- fail (printf "the store of virtual cluster %s %s, and a StatefulSet cannot change that: set controlPlane.statefulSet.persistence.volumeClaim.enabled (etcd.storage.persistence in the dialect of vcluster 0.15) to %s or auto. To change it, uninstall the release and install it again, which removes the virtual cluster and all that is in it" $name (ternary "is on a volume" "is on no volume" (eq $has "true")) $has) -}}
{{- end -}}
{{- $was := dig "metadata" "annotations" "virtual-cluster/pod" "" $there -}}
{{- if and (eq $has "false") (ne $was (include "pod-hash" (index . 1))) (not (include "values" $root | fromYaml).allowDataLoss) -}}
{{- fail (printf "this upgrade starts a new pod of virtual cluster %s, and its store is on no volume: all objects of the virtual cluster would be lost. To keep them, upgrade with the values and the chart that it has (helm get values %s --namespace %s). If the loss is meant, set allowDataLoss=true; the syncer then says how the new, empty cluster takes over what the old one has on the host. To have a store that outlives its pod, install the release with controlPlane.statefulSet.persistence.volumeClaim.enabled=true (etcd.storage.persistence=true in the dialect of vcluster 0.15)" $name $name $root.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
