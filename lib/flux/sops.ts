/** The entry of a Secret in which an age key is given to kustomize-controller, and how the names of all that it reads end. */
export const ageKeyEntry = 'age.agekey'
const ageEnding = '.agekey'
/** Where the key is where a Kustomization names no Secret, and kustomize-controller is given none: the name that Flux's own guide gives. */
export const usualAgeSecret = 'sops-age'

/** Whether kustomize-controller reads an age key from the entry of this name (internal/decryptor, DecryptionAgeExt). */
export function isAgeKeyEntry(name: string): boolean {
  return name.endsWith(ageEnding)
}

/** The Secret in Flux's namespace that kustomize-controller takes where a Kustomization names none, by its flag wherever that is said. */
export function fallbackAgeSecretIn(text: string): string | undefined {
  return /--sops-age-secret=([a-z0-9][a-z0-9.-]*)/.exec(text)?.[1]
}
