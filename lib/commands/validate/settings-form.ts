import { textAt } from './at.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { SourceFile } from './source.ts'

/** A quantity of memory in megabytes or more: without a unit it would be bytes. */
const memory = /^[1-9]\d*(Mi|Gi|M|G)$/

/** The form of each value of a settings.yaml that no schema checks: Flux would take it, and fail later with other words. */
const forms: Readonly<Record<string, { readonly form: RegExp; readonly remedy: string }>> = {
  git_url: { form: /^(https?|ssh):\/\/[^/]/, remedy: 'write https://HOST/PATH, or ssh://git@HOST/PATH' },
  git_ref: { form: /^refs\/(heads|tags)\/./, remedy: 'write the full ref: refs/heads/BRANCH or refs/tags/TAG' },
  charts_registry: { form: /^oci:\/\/[^/]/, remedy: 'write oci://HOST/PATH' },
  charts_insecure: { form: /^(true|false)$/, remedy: 'write "true" or "false"' },
  distribution_artifact: {
    form: /^$|^oci:\/\/[^/]/,
    remedy: 'write oci://HOST/PATH:TAG, or "" for the manifests in the operator\'s image',
  },
  web_ui: { form: /^(off|restricted|open)$/, remedy: 'write "off", "restricted" or "open"' },
  operator_memory_limit: { form: memory, remedy: 'write a quantity such as 256Mi' },
  kustomize_memory_limit: { form: memory, remedy: 'write a quantity such as 256Mi' },
  controllers_memory_limit: { form: memory, remedy: 'write a quantity such as 256Mi' },
  runbook_url: { form: /^$|^https?:\/\/[^/#]+\/[^#]*$/, remedy: 'write https://HOST/PATH, without #, or ""' },
  operator_chart_digest: { form: /^$|^sha256:[0-9a-f]{64}$/, remedy: 'write sha256: and 64 hexadecimal digits, or ""' },
  instance_chart_digest: { form: /^$|^sha256:[0-9a-f]{64}$/, remedy: 'write sha256: and 64 hexadecimal digits, or ""' },
  operator_version: { form: /^\d+\.\d+\.\d+/, remedy: 'write all three numbers, without a v' },
  image_registry: { form: /^(?!\w+:\/\/)[^\s]+$/, remedy: 'write HOST/PATH, without a scheme' },
  operator_image: { form: /^(?!\w+:\/\/)[^\s]+$/, remedy: 'write HOST/PATH, without a scheme' },
}

/** Finds values of a cluster's flux-settings that have not the form that their comment says. */
export function checkSettings({ documents }: SourceFile): Diagnostic[] {
  return documents
    .filter(({ kind, name }) => kind === 'ConfigMap' && name === 'flux-settings')
    .flatMap(({ file, value, find }) =>
      Object.entries(forms).flatMap(([key, { form, remedy }]) => {
        const is = textAt(value, 'data', key)
        const { line, depth } = find(['data', key])
        if (depth < 2 || form.test(is)) return [] // what it does not say has its default
        return [{ file, line, rule: 'settings', message: `${key} is "${is}"`, remedy }]
      }),
    )
}
