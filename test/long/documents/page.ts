import type { Desk } from './desk.ts'
import type { ShownLine } from './shown-lines.ts'

/** How the clusters infra and apps are where a page begins: without Flux, with Flux 2.9.4, with 2.9.5. */
export type Beginning = 'empty' | 'old' | 'new'

/** What is expected of a line that is pasted. */
export interface Expected {
  /** A part of what it prints. */
  readonly says: RegExp
  readonly code?: number
  /** What happens before it, as the disaster that it repairs. */
  readonly before?: (desk: Desk) => Promise<void>
  /** The lab came up again: a checkout of its Git and a kubeconfig as they are now. */
  readonly isAnew?: boolean
  /** What someone else does while it runs. */
  readonly meanwhile?: (desk: Desk) => Promise<void>
  /** Ctrl-C, once it has printed this. */
  readonly stopAt?: RegExp
  /** What is added to it or typed in its place, and why. */
  readonly instead?: { readonly typed: (line: string) => string; readonly why: string }
}

/** Which line; where it means something else in another place, under which heading. */
interface Which {
  readonly line: RegExp
  readonly under?: string
}

export type Rule = Which & (Expected | { readonly untried: string })

/** A page, and what is expected of each of its lines: the first rule that is for it, then the rules for all pages. */
export interface Page {
  readonly file: string
  readonly begins: Beginning
  readonly rules: readonly Rule[]
  /** Sections whose commands another test types, each with that test's file. */
  readonly elsewhere?: Readonly<Record<string, string>>
}

export function ruleFor(line: ShownLine, rules: readonly Rule[]): Rule | undefined {
  return rules.find((rule) => rule.line.test(line.text) && (rule.under === undefined || rule.under === line.heading))
}

/** Whether another test types what stands under this heading. */
export function isElsewhere({ elsewhere = {} }: Page, { heading }: ShownLine): boolean {
  return elsewhere[heading] !== undefined
}
