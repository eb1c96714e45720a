import type { Ref } from '../kubernetes/objects.ts'

/** An object that makes up this Flux, and who says so. */
export interface Part {
  readonly ref: Ref
  /** `FluxInstance flux-system/flux` */
  readonly by: string
  readonly keeper: PartKeeper
  /** Of a record of Helm's: why it cannot be read, where it cannot. */
  readonly unreadable?: string
}

/** What recreates a part. */
export type PartKeeper =
  /** An object of Flux, when asked. */
  | { readonly is: 'flux'; readonly ref: Ref }
  /** Nothing but this command, of the program that a person has installed it with. */
  | { readonly is: 'person'; readonly command: string }
