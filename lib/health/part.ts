import type { Ref } from '../kubernetes/objects.ts'
import type { Trouble } from './probe.ts'

/** An object that makes up this Flux, and who says so. */
export interface Part {
  readonly ref: Ref
  /** `FluxInstance flux-system/flux` */
  readonly by: string
  readonly keeper: PartKeeper
  /** What is wrong with it, where it had to be read to know the others; what it is otherwise, the probe reads. */
  readonly fault?: Pick<Trouble, 'reason' | 'since' | 'damage'>
}

/** What recreates a part. */
export type PartKeeper =
  /** An object of Flux, when asked. */
  | { readonly is: 'flux'; readonly ref: Ref }
  /** Nothing but this command, of the program that a person has installed it with. */
  | { readonly is: 'person'; readonly command: string }
