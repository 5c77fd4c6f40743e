{{- /* The default name does not depend on that of the release: trust policies in AWS name the ServiceAccount. */ -}}
{{- define "ecr-secret-operator.account" -}}
{{- .Values.serviceAccount.name | default "ecr-secret-operator-controller-manager" -}}
{{- end -}}

{{- /* The ServiceAccount, pod and permissions of `helm test`. */ -}}
{{- define "ecr-secret-operator.test" -}}
ecr-secret-operator-test
{{- end -}}

{{- /* Annotations of an object that exists only while `helm test` runs; the argument is its weight. */ -}}
{{- define "ecr-secret-operator.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- /* What names of cluster-wide objects begin with: two installations in one cluster do not share any. */ -}}
{{- define "ecr-secret-operator.prefix" -}}
{{- if eq .Release.Namespace "ecr-secret-operator" -}}
ecr-secret-operator
{{- else -}}
ecr-secret-operator-{{ .Release.Namespace }}
{{- end -}}
{{- end -}}

{{- define "ecr-secret-operator.pods" -}}
app.kubernetes.io/name: ecr-secret-operator
{{- end -}}

{{- /* A list of mappings as one mapping in YAML; the last that has a key decides. A key that is there twice is no YAML. */ -}}
{{- define "ecr-secret-operator.layered" -}}
{{- $all := dict -}}
{{- range . -}}
{{- range $key, $value := . -}}
{{- $_ := set $all $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{- define "ecr-secret-operator.release" -}}
{{ include "ecr-secret-operator.pods" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- /* Labels of an object that has no others. */ -}}
{{- define "ecr-secret-operator.labels" -}}
{{- include "ecr-secret-operator.labelled" (dict "root" .) -}}
{{- end -}}

{{- /* Labels of an object: those of all, `more` from its own value, and `own`, which the chart sets and no value changes. */ -}}
{{- define "ecr-secret-operator.labelled" -}}
{{- $release := include "ecr-secret-operator.release" .root | fromYaml -}}
{{- include "ecr-secret-operator.layered" (list .root.Values.commonLabels (.more | default dict) (.own | default dict) $release) -}}
{{- end -}}

{{- define "ecr-secret-operator.podLabels" -}}
{{- $own := dict "control-plane" "controller-manager" -}}
{{- include "ecr-secret-operator.layered" (list .Values.commonLabels .Values.podLabels $own (include "ecr-secret-operator.pods" . | fromYaml)) -}}
{{- end -}}

{{- /* Secrets that the image is pulled with, each once. */ -}}
{{- define "ecr-secret-operator.pullSecrets" -}}
{{- $names := .Values.image.pullSecrets -}}
{{- range .Values.imagePullSecrets -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end -}}
{{- end -}}

{{- /* A list of `entries` with one for each value of their field `key`: the last, at the place of the first. */ -}}
{{- define "ecr-secret-operator.byKey" -}}
{{- $last := dict -}}
{{- $keys := list -}}
{{- range .entries -}}
{{- $key := get . $.key | toString -}}
{{- if not (hasKey $last $key) -}}
{{- $keys = append $keys $key -}}
{{- end -}}
{{- $_ := set $last $key . -}}
{{- end -}}
{{- $found := list -}}
{{- range $keys -}}
{{- $found = append $found (get $last .) -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- define "ecr-secret-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default (printf "v%s" $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ecr-secret-operator.tls" -}}
{{- if and .Values.metrics.enabled (ne .Values.metrics.certificate.source "none") -}}
true
{{- end -}}
{{- end -}}

{{- /* Whether the ServiceMonitor shows a token of a ServiceAccount that is made for it. */ -}}
{{- define "ecr-secret-operator.reader" -}}
{{- $metrics := .Values.metrics -}}
{{- if and $metrics.enabled $metrics.secure $metrics.serviceMonitor.enabled (not $metrics.serviceMonitor.authorization) -}}
ecr-secret-operator-metrics-reader
{{- end -}}
{{- end -}}

{{- /* Makes `given` complete: what is null, or missing, becomes the default. Those of values are lists of one, of groups mappings. */ -}}
{{- define "ecr-secret-operator.complete" -}}
{{- range $name, $default := .defaults -}}
{{- $value := index $.given $name -}}
{{- if kindIs "map" $default -}}
{{- if kindIs "invalid" $value -}}
{{- $value = dict -}}
{{- $_ := set $.given $name $value -}}
{{- end -}}
{{- include "ecr-secret-operator.complete" (dict "given" $value "defaults" $default) -}}
{{- else if kindIs "invalid" $value -}}
{{- $_ := set $.given $name (index $default 0) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Each template begins with this: then no value is null, and all of them fit together. */ -}}
{{- define "ecr-secret-operator.values" -}}
{{- include "ecr-secret-operator.complete" (dict "given" .Values "defaults" (include "ecr-secret-operator.defaults" . | fromYaml)) -}}
{{- $_ := set .Values "watchNamespaces" (uniq .Values.watchNamespaces) -}}
{{- include "ecr-secret-operator.check" . -}}
{{- end -}}

{{- /* What the schema cannot say. */ -}}
{{- define "ecr-secret-operator.check" -}}
{{- $metrics := .Values.metrics -}}
{{- if and $metrics.enabled (eq (int $metrics.port) (int .Values.probes.port)) -}}
{{- fail "metrics.port and probes.port are the same: give each a port of its own" -}}
{{- end -}}
{{- if and (include "ecr-secret-operator.tls" .) (not $metrics.certificate.secretName) -}}
{{- fail "metrics.certificate.source needs metrics.certificate.secretName, the Secret that the certificate is in" -}}
{{- end -}}
{{- if and (include "ecr-secret-operator.tls" .) (eq $metrics.certificate.source "cert-manager") (not (get $metrics.certificate.issuerRef "name")) -}}
{{- fail "metrics.certificate.source is cert-manager: name its issuer in metrics.certificate.issuerRef, such as {kind: ClusterIssuer, name: internal}" -}}
{{- end -}}
{{- if and $metrics.readers (not $metrics.secure) -}}
{{- fail "metrics.readers are for metrics.secure: without it everyone may read the metrics. Set metrics.secure to true" -}}
{{- end -}}
{{- if and (not $metrics.enabled) (or $metrics.secure $metrics.serviceMonitor.enabled $metrics.prometheusRule.enabled) -}}
{{- fail "metrics.enabled is false: then leave out metrics.secure, metrics.serviceMonitor and metrics.prometheusRule" -}}
{{- end -}}
{{- range .Values.admissionPolicies.extraAudiences -}}
{{- if hasPrefix "https://kubernetes.default" . -}}
{{- fail (printf "admissionPolicies.extraAudiences: %s is the API server's own, and a token for it would let the operator be somebody else there" .) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (or .Values.aws.roleArn .Values.serviceAccount.annotations) -}}
{{- fail "serviceAccount.create is false: then leave out aws.roleArn and serviceAccount.annotations, and annotate the ServiceAccount yourself" -}}
{{- end -}}
{{- if has .Values.serviceAccount.name (list "ecr-secret-operator-metrics-reader" (include "ecr-secret-operator.test" .)) -}}
{{- fail "serviceAccount.name is the name of another ServiceAccount of the chart: choose another one" -}}
{{- end -}}
{{- if and .Values.aws.roleArn (hasKey .Values.serviceAccount.annotations "eks.amazonaws.com/role-arn") -}}
{{- fail "aws.roleArn and serviceAccount.annotations both name the role: leave one of them out" -}}
{{- end -}}
{{- include "ecr-secret-operator.checkPod" . -}}
{{- range $key, $_ := .Values.commonLabels -}}
{{- if hasPrefix "rbac.authorization.k8s.io/" $key -}}
{{- fail (printf "commonLabels has %s, by which other roles get the operator's permissions: leave it out" $key) -}}
{{- end -}}
{{- end -}}
{{- $objects := list -}}
{{- range .Values.extraObjects -}}
{{- $identity := printf "%s %s %s/%s" .apiVersion .kind (.metadata.namespace | default $.Release.Namespace) .metadata.name -}}
{{- if has $identity $objects -}}
{{- fail (printf "extraObjects has %s twice: leave one of them out" $identity) -}}
{{- end -}}
{{- $objects = append $objects $identity -}}
{{- end -}}
{{- $volumes := list -}}
{{- range concat (include "ecr-secret-operator.volumes" . | fromYamlArray) .Values.extraVolumes -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
{{- if not (has .name $volumes) -}}
{{- fail (printf "extraVolumeMounts mounts the volume %s, which does not exist: add it to extraVolumes" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "ecr-secret-operator.checkPod" -}}
{{- with .Values.strategy -}}
{{- if and (eq (.type | default "") "Recreate") .rollingUpdate -}}
{{- fail "strategy.rollingUpdate is for the type RollingUpdate, and strategy.type is Recreate: leave one of them out" -}}
{{- end -}}
{{- with .rollingUpdate -}}
{{- $none := list "0" "0%" -}}
{{- if and (has (.maxSurge | toString) $none) (has (.maxUnavailable | toString) $none) -}}
{{- fail "strategy.rollingUpdate has 0 for both maxSurge and maxUnavailable: no pod could be replaced" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.dnsPolicy "None") (not .Values.dnsConfig.nameservers) -}}
{{- fail "dnsPolicy is None: name at least one server in dnsConfig.nameservers" -}}
{{- end -}}
{{- if gt (join " " .Values.dnsConfig.searches | len) 2048 -}}
{{- fail "dnsConfig.searches has more than 2048 characters, which Kubernetes does not accept" -}}
{{- end -}}
{{- $addresses := list -}}
{{- range .Values.hostAliases -}}
{{- if has .ip $addresses -}}
{{- fail (printf "hostAliases has %s twice: put all its names into one entry" .ip) -}}
{{- end -}}
{{- $addresses = append $addresses .ip -}}
{{- end -}}
{{- end -}}
