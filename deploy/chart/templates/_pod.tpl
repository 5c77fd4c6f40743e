{{- /* What the pod's container has of the chart's own; the values extraEnv, extraVolumes and so on may replace entries. */ -}}
{{- define "ecr-secret-operator.env" -}}
# A uid that the cluster chose has no home, and the Kubernetes library asks for one when it is imported.
- name: HOME
  value: /
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.watchNamespaces }}
- name: WATCH_NAMESPACE
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.aws.credentialsSecret }}
{{- if .name }}
- name: AWS_CONFIG_FILE
  value: /var/run/secrets/aws/credentials
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ .name | quote }}
      key: {{ .accessKeyIdKey | quote }}
      optional: true
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .name | quote }}
      key: {{ .secretAccessKeyKey | quote }}
      optional: true
{{- end }}
{{- end }}
{{- if not .Values.aws.nodeIdentity }}
- name: AWS_EC2_METADATA_DISABLED
  value: "true"
{{- end }}
{{- end -}}

{{- define "ecr-secret-operator.volumeMounts" -}}
{{- if .Values.aws.credentialsSecret.name }}
- name: aws-credentials
  mountPath: /var/run/secrets/aws
  readOnly: true
{{- end }}
{{- if .Values.aws.tokenAudience }}
- name: bound-sa-token
  mountPath: /var/run/secrets/openshift/serviceaccount
  readOnly: true
{{- end }}
{{- if include "ecr-secret-operator.tls" . }}
- name: metrics-tls
  mountPath: /var/run/secrets/metrics-tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "ecr-secret-operator.volumes" -}}
{{- with .Values.aws.credentialsSecret }}
{{- if .name }}
- name: aws-credentials
  secret:
    secretName: {{ .name | quote }}
    optional: true
    items:
      - key: {{ .configKey | quote }}
        path: credentials
{{- end }}
{{- end }}
{{- with .Values.aws.tokenAudience }}
- name: bound-sa-token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          audience: {{ . | quote }}
{{- end }}
{{- if include "ecr-secret-operator.tls" . }}
- name: metrics-tls
  secret:
    secretName: {{ .Values.metrics.certificate.secretName | quote }}
{{- end }}
{{- end -}}
