import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../lib/base/paths.ts'

/** A measurement as the page shows it: the same title replaces what stood there. */
export interface Section {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** What is measured, against what. */
  readonly explained: string
}

/** Puts the section where its title stands in a page of docs/, else at the end. */
export async function putSection({ title, columns, rows, explained }: Section, name = 'performance.md'): Promise<void> {
  const page = join(projectRoot, 'docs', name)
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const where = `Node ${process.versions.node}, ${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${new Date().toISOString().slice(0, 10)}.`
  const own = [`## ${title}\n`, `${explained} ${where}\n`, row(columns), row(columns.map(() => '---')), ...rows.map(row)].join('\n')
  const [head = '', ...sections] = (await readFile(page, 'utf8')).split(/^(?=## )/m)
  const at = sections.findIndex((section) => section.startsWith(`## ${title}\n`))
  if (at < 0) sections.push(own)
  else sections[at] = own
  await writeFile(page, `${[head, ...sections].map((section) => section.trim()).join('\n\n')}\n`)
}

/** The columns of a comparison. */
export const compared = ['', 'median', 'fastest–slowest', 'ratio', 'peak memory'] as const
