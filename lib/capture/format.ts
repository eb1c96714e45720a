import * as v from 'valibot'
import { OperatorError } from '../base/errors.ts'
import { type Capture, type CaptureHeader, type Entry, read, roles } from './capture.ts'
import { refOf } from '../kubernetes/objects.ts'
import type { AuthorProof } from './proof.ts'
import { verifyEntry } from './verify-entry.ts'

/** Of what a capture is made below its encryption and gzip: a line of JSON that says what it is, and a line for each object. */
const format = 'flux-runbook capture'
const schemaVersion = 1

const headerSchema = v.object({
  format: v.literal(format),
  schemaVersion: v.literal(schemaVersion),
  context: v.string(),
  server: v.string(),
  uid: v.string(),
  namespace: v.string(),
  fluxVersion: v.optional(v.string()),
  takenAt: v.string(),
  /** How many lines follow. */
  entries: v.number(),
  /** Of earlier versions' captures there is none. */
  proof: v.optional(v.record(v.string(), v.string()), {}),
})

/** The lines of a capture's text, each with its end; without the proof, what that is of. */
export function* linesOf({ header, entries }: Capture, proof: AuthorProof = {}): Generator<string> {
  const { context, server, uid, namespace, fluxVersion, takenAt } = header
  const facts = { format, schemaVersion, context, server, uid, namespace, fluxVersion, takenAt, entries: entries.length }
  const proven = Object.keys(proof).length === 0 ? {} : { proof }
  yield `${JSON.stringify({ ...facts, ...proven })}\n`
  for (const { role, because, broughtBy, suspendedBy, text } of entries) {
    yield `${JSON.stringify({ role, because, broughtBy, suspendedBy }).slice(0, -1)},${text.slice(1)}\n`
  }
}

const entrySchema = v.looseObject({
  role: v.picklist(roles),
  because: v.array(v.string()),
  broughtBy: v.optional(v.string()),
  suspendedBy: v.optional(v.string()),
})

/**
 * Parses a capture's text, line by line.
 * @throws OperatorError where it is another version's, or contains what no capture does; an ordinary error where it is not a capture at all
 */
export async function parseLines(lines: AsyncIterable<string>): Promise<{ readonly capture: Capture; readonly proof: AuthorProof }> {
  let header: v.InferOutput<typeof headerSchema> | undefined
  const entries: Entry[] = []
  for await (const line of lines) {
    if (header === undefined) header = parseHeader(line)
    else entries.push(parseEntry(line, header.namespace))
  }
  if (header === undefined) throw new Error('it is empty')
  if (entries.length !== header.entries) throw new Error(`its header says ${header.entries} objects, but it contains ${entries.length}`)
  return { capture: { header: factsOf(header), entries }, proof: header.proof }
}

function factsOf({
  format: _format,
  schemaVersion: _version,
  entries: _entries,
  proof: _proof,
  fluxVersion,
  ...facts
}: v.InferOutput<typeof headerSchema>): CaptureHeader {
  return fluxVersion === undefined ? facts : { ...facts, fluxVersion }
}

const versionSchema = v.object({ format: v.literal(format), schemaVersion: v.number() })

function parseHeader(line: string): v.InferOutput<typeof headerSchema> {
  const value: unknown = JSON.parse(line)
  const about = v.safeParse(versionSchema, value)
  if (about.success && about.output.schemaVersion !== schemaVersion) {
    throw new OperatorError(`it has version ${about.output.schemaVersion}, and this program reads version ${schemaVersion}`, {
      kind: 'blocked',
      remedy: 'restore it with the version of this project that wrote it, or a newer one: git pull',
    })
  }
  return v.parse(headerSchema, value)
}

function parseEntry(line: string, namespace: string): Entry {
  const { role, because, broughtBy, suspendedBy, ...rest } = v.parse(entrySchema, JSON.parse(line))
  const text = JSON.stringify(rest)
  const { object } = read({ text })
  verifyEntry(role, object, namespace)
  return {
    ref: refOf(object),
    role,
    because,
    ...(broughtBy === undefined ? {} : { broughtBy }),
    ...(suspendedBy === undefined ? {} : { suspendedBy }),
    text,
  }
}
