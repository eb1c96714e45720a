import { Buffer } from 'node:buffer'
import { createHmac } from 'node:crypto'
import { type Document, isMap, isScalar, visit } from 'yaml'

/** `ENC[AES256_GCM,data:…,type:str]`, as SOPS writes each value. */
const encrypted = /ENC\[[A-Z0-9_]+,[^\]]*\]/g

/** Whether a document is encrypted with SOPS, which leaves how it did so at its end. */
export function isEncrypted(document: Document): boolean {
  return isMap(document.contents) && isMap(document.get('sops'))
}

/**
 * Puts random values in place of a document's encrypted ones, and removes what SOPS left: nobody can decrypt it in the lab, and the same keys
 * are there. What other objects ask of a value's form is kept, as far as the type of a Secret says it.
 */
export function withRandomValues(document: Document, random: (value: string) => string): void {
  const type = document.get('type')
  visit(document, {
    Scalar(key, node, path) {
      if (key === 'key' || typeof node.value !== 'string' || node.value.match(encrypted) === null) return
      const parent = path.at(-1)
      const name = parent !== undefined && 'key' in parent && isScalar(parent.key) ? String(parent.key.value) : ''
      const isData = path.some((one) => 'key' in one && isScalar(one.key) && one.key.value === 'data') && document.get('kind') === 'Secret'
      const typed = /,type:(\w+)\]/.exec(node.value)?.[1]
      if (typed === 'int' || typed === 'float') node.value = 1
      else if (typed === 'bool') node.value = true
      else {
        const text = name === '.dockerconfigjson' && type === 'kubernetes.io/dockerconfigjson' ? '{"auths":{}}' : random(node.value)
        node.value = isData ? Buffer.from(text).toString('base64') : text
      }
    },
  })
  document.delete('sops')
}

/** The same for what is encrypted line by line, such as a file of `NAME=VALUE`. */
export function withRandomLines(text: string, random: (value: string) => string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('sops_'))
    .map((line) => line.replace(encrypted, random))
    .join('\n')
}

/**
 * Makes the values of a lab: as good as random, and the same each time for the same file. They can be a part of a host's name too, which is what
 * secret values are often put into.
 * @param seed a secret of the lab's
 */
export function randomValues(seed: string): (file: string) => (value: string) => string {
  return (file) => (value) => `x${createHmac('sha256', seed).update(`${file} ${value}`).digest('hex').slice(0, 24)}`
}
