{{/*
The control plane's pod. Takes the root with `persistent` in it. Whatever changes in it makes a running one start again.

A liveness probe is for what hangs, not for what is slow: each asks the program alone, may take 15 seconds, and restarts it after 20
failures in a row, some five minutes. On two processors with a load of 100, answers took longer than that for minutes; a restart then
takes minutes, too, and adds to the load.
*/}}
{{- define "pod" -}}
{{- $values := include "values" . | fromYaml -}}
{{- $registry := $values.defaultImageRegistry -}}
{{- $persistent := .persistent -}}
metadata:
  labels:
    {{- include "selector" . | nindent 4 }}
    {{- with $values.syncer.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A new pod starts when the values change: its programs read them at their start.
    virtual-cluster/values: {{ include "values-hash" . }}
    {{- with $values.syncer.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "account" . }}
  # Only the syncer gets the host's token, by a volume of its own.
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 10
  {{- include "pod-confined" . | nindent 2 }}
  {{- include "placed" $values | nindent 2 }}
  # Each starts when the one before it has: the API server needs the certificates, the controller manager gives
  # up on an API server that is not there within ten seconds. etcd is first because it needs nothing.
  initContainers:
  - name: etcd
    restartPolicy: Always
    image: {{ $registry }}{{ $values.etcd.image }}
    imagePullPolicy: {{ $values.etcd.imagePullPolicy }}
    command:
    - etcd
    - --name={{ .Release.Name }}
    - --data-dir=/data/etcd
    # Its own pod only: nothing here asks who it is that asks.
    - --listen-client-urls=http://127.0.0.1:2379
    - --advertise-client-urls=http://127.0.0.1:2379
    - --listen-peer-urls=http://127.0.0.1:2380
    - --listen-metrics-urls=http://127.0.0.1:2381
    {{- if ne $persistent "true" }}
    # This store is deleted with the pod, so it does not have to survive a power failure of the node.
    - --unsafe-no-fsync
    {{- end }}
    {{- with $values.etcd.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    # The probe reads from this member, as etcd's `/livez` does. It runs inside of the container, because an HTTP probe needs a port
    # that every pod of the host can connect to. An alarm, such as a full disk, does not fail it. The kubelet restarts an etcd that
    # exits, so this probe is for one that hangs: the API server's own probe restarts the API server only. Each probe starts a
    # process, so the period is long.
    livenessProbe:
      exec:
        command:
        - etcdctl
        - --endpoints=http://127.0.0.1:2379
        - --command-timeout=28s
        - get
        - --consistency=s
        - --keys-only
        - alive
      periodSeconds: 60
      timeoutSeconds: 30
      failureThreshold: 5
    resources: {{- toYaml $values.etcd.resources | nindent 6 }}
    securityContext: {{- include "confined" . | nindent 6 }}
    volumeMounts:
    - {name: data, mountPath: /data}
  - name: init
    image: {{ $registry }}{{ $values.syncer.image }}
    imagePullPolicy: {{ $values.syncer.imagePullPolicy }}
    args:
    - init
    - --name={{ .Release.Name }}
    - --namespace={{ .Release.Namespace }}
    - --log={{ $values.syncer.logLevel }}
    env:
    {{- with $values.syncer.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    # An Event about the pod says why it fails.
    - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    resources: {{- toYaml $values.syncer.resources | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext: {{- include "confined" . | nindent 6 }}
    volumeMounts:
    - {name: pki, mountPath: /pki}
    - {name: config, mountPath: /config, readOnly: true}
    - {name: host, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  - name: kube-apiserver
    restartPolicy: Always
    image: {{ $registry }}{{ $values.api.image }}
    imagePullPolicy: {{ $values.api.imagePullPolicy }}
    command:
    - kube-apiserver
    - --etcd-servers=http://127.0.0.1:2379
    - --secure-port=6443
    - --advertise-address=$(POD_IP)
    - --service-cluster-ip-range={{ include "serviceCIDR" . }}
    # The syncer keeps the Service `kubernetes`: its address is one of the host's.
    - --endpoint-reconciler-type=none
    - --tls-cert-file=/pki/apiserver.crt
    - --tls-private-key-file=/pki/apiserver.key
    - --client-ca-file=/pki/ca.crt
    # For logs and what is run in pods it asks the syncer in the kubelets' place: each node has this address for it.
    - --kubelet-client-certificate=/pki/apiserver-kubelet-client.crt
    - --kubelet-client-key=/pki/apiserver-kubelet-client.key
    - --kubelet-certificate-authority=/pki/ca.crt
    - --kubelet-preferred-address-types=InternalDNS
    # So it does for metrics, and any API server of the tenant's own for its API, on behalf of whoever asks. Those learn
    # from a config map in kube-system by whose certificate to know it.
    - --proxy-client-cert-file=/pki/front-proxy-client.crt
    - --proxy-client-key-file=/pki/front-proxy-client.key
    - --requestheader-client-ca-file=/pki/front-proxy-ca.crt
    - --requestheader-allowed-names=front-proxy-client
    - --requestheader-username-headers=X-Remote-User
    - --requestheader-group-headers=X-Remote-Group
    - --requestheader-extra-headers-prefix=X-Remote-Extra-
    - --service-account-key-file=/pki/sa.pub
    - --service-account-signing-key-file=/pki/sa.key
    - --service-account-issuer=https://kubernetes.default.svc.cluster.local
    - --authorization-mode=RBAC
    - --allow-privileged=true
    - --enable-priority-and-fairness=false
    - --profiling=false
    {{- with $values.api.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    env:
    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    # A third less memory for a tenth more processor time.
    - {name: GOGC, value: "40"}
    startupProbe:
      httpGet: {path: /readyz, port: 6443, scheme: HTTPS}
      periodSeconds: 1
      timeoutSeconds: 5
      failureThreshold: 600
    livenessProbe:
      httpGet: {path: /livez, port: 6443, scheme: HTTPS}
      periodSeconds: 10
      timeoutSeconds: 15
      failureThreshold: 20
    # It is the startup probe that is waited for; each of these is a TLS connection.
    readinessProbe:
      httpGet: {path: /readyz, port: 6443, scheme: HTTPS}
      periodSeconds: 5
      timeoutSeconds: 5
      failureThreshold: 3
    ports:
    - {name: api, containerPort: 6443}
    resources: {{- toYaml $values.api.resources | nindent 6 }}
    securityContext: {{- include "confined" . | nindent 6 }}
    volumeMounts:
    - {name: pki, mountPath: /pki, readOnly: true}
    - {name: scratch, mountPath: /tmp}
  containers:
  - name: syncer
    image: {{ $registry }}{{ $values.syncer.image }}
    imagePullPolicy: {{ $values.syncer.imagePullPolicy }}
    args:
    - run
    - --name={{ .Release.Name }}
    - --namespace={{ .Release.Namespace }}
    - --log={{ $values.syncer.logLevel }}
    - --status=0.0.0.0:8080
    - --metrics={{ $values.syncer.metricsAddress }}
    {{- with $values.syncer.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    env:
    {{- with $values.syncer.env }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    readinessProbe:
      httpGet: {path: /readyz, port: 8080}
      periodSeconds: 1
      timeoutSeconds: 5
    livenessProbe:
      httpGet: {path: /healthz, port: 8080}
      periodSeconds: 10
      timeoutSeconds: 15
      failureThreshold: 20
    ports:
    - {name: status, containerPort: 8080}
    resources: {{- toYaml $values.syncer.resources | nindent 6 }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext: {{- include "confined" . | nindent 6 }}
    volumeMounts:
    - {name: pki, mountPath: /pki, readOnly: true}
    - {name: config, mountPath: /config, readOnly: true}
    - {name: host, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  - name: kube-controller-manager
    image: {{ $registry }}{{ $values.controller.image }}
    imagePullPolicy: {{ $values.controller.imagePullPolicy }}
    command:
    - kube-controller-manager
    - --kubeconfig=/pki/controller-manager.kubeconfig
    - --use-service-account-credentials
    - --service-account-private-key-file=/pki/sa.key
    - --root-ca-file=/pki/ca.crt
    - --cluster-signing-cert-file=/pki/ca.crt
    - --cluster-signing-key-file=/pki/ca.key
    - --leader-elect=false
    # Nodes, volumes, devices and load balancers are the host's, and so is when a pod has to go.
    - --controllers={{ include "controllers" . }}
    # It makes an account and a token for each of its controllers before the last one starts.
    - --kube-api-qps=200
    - --kube-api-burst=400
    - --tls-cert-file=/pki/apiserver.crt
    - --tls-private-key-file=/pki/apiserver.key
    - --profiling=false
    {{- with $values.controller.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    env:
    - {name: GOGC, value: "40"}
    livenessProbe:
      httpGet: {path: /healthz, port: 10257, scheme: HTTPS}
      initialDelaySeconds: 10
      periodSeconds: 10
      timeoutSeconds: 15
      failureThreshold: 20
    resources: {{- toYaml $values.controller.resources | nindent 6 }}
    securityContext: {{- include "confined" . | nindent 6 }}
    volumeMounts:
    - {name: pki, mountPath: /pki, readOnly: true}
    - {name: scratch, mountPath: /tmp}
  volumes:
  - name: pki
    emptyDir: {medium: Memory, sizeLimit: 1Mi}
  - name: scratch
    emptyDir: {sizeLimit: 16Mi}
  - name: config
    secret: {secretName: vc-config-{{ .Release.Name }}}
  {{- include "host-volume" . | nindent 2 }}
  {{- if ne $persistent "true" }}
  - name: data
    emptyDir: {}
  {{- end }}
{{- end -}}

{{/* The hash of what the programs read at their start. `allowDataLoss` is not among it. */}}
{{- define "values-hash" -}}
{{- $defaults := omit (.Values.defaults | default dict) "allowDataLoss" -}}
{{- set (omit .Values "allowDataLoss") "defaults" $defaults | toYaml | sha256sum -}}
{{- end -}}
