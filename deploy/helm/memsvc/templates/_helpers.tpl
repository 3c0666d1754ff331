{{- define "memsvc.name" -}}
{{- if contains "memsvc" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-memsvc" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "memsvc.selector" -}}
app.kubernetes.io/name: memsvc
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "memsvc.labels" -}}
{{ include "memsvc.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "memsvc.account" -}}
{{ .Values.serviceAccount.name | default (include "memsvc.name" .) }}
{{- end }}

{{- define "memsvc.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What all pods have in common; takes {root, component, grace}. */}}
{{- define "memsvc.pod" -}}
{{- $root := .root -}}
serviceAccountName: {{ include "memsvc.account" $root }}
automountServiceAccountToken: false
# Kubernetes would tell each pod of every Service by variables, some of them called MEMSVC_...
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .grace }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: scratch
    emptyDir: {}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $root.Values.spread }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "memsvc.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end }}

{{/* What all containers have in common; takes {root}. */}}
{{- define "memsvc.container" -}}
{{- $root := .root -}}
image: {{ include "memsvc.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: scratch, mountPath: /tmp, subPath: tmp}
  - {name: scratch, mountPath: /data, subPath: data}
envFrom:
  - secretRef: {name: {{ $root.Values.existingSecret | quote }}}
{{- end }}

{{- define "memsvc.settings" -}}
{{- range $name, $value := .Values.settings }}
{{- /* Numbers arrive as floats; as they are, a large one would be written 2.5e+07. */}}
{{- if and (kindIs "float64" $value) (eq $value (floor $value)) }}
- {name: {{ $name }}, value: {{ printf "%.0f" $value | quote }}}
{{- else }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}
- {name: MEMSVC_SHUTDOWN_S, value: {{ .Values.server.shutdownS | toString | quote }}}
{{- end }}
