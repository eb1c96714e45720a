import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join, posix } from 'node:path'
import * as v from 'valibot'
import { nearest } from '../../base/nearest.ts'
import { scriptCall } from '../../base/shell-line.ts'
import { moduleFile } from '../../process/own-module.ts'
import { checkMetrics } from './file-rules.ts'
import type { Diagnostic, Location } from './diagnostic.ts'
import { type Call, callOf, type HelpTexts, helpTextsOf } from './help-texts.ts'
import { type ShellCommand, commandsIn } from './shell-words.ts'
import { filesBelow } from './source.ts'

/** A command that a document tells people to type. */
export interface ShownCommand extends Location, ShellCommand {}

interface Block {
  readonly language: string
  /** The line of the block's first line. */
  readonly line: number
  readonly text: string
}

/** Programs that people are asked to type and that are not scripts of ours. */
const programs = [
  'kubectl',
  'flux',
  'helm',
  'git',
  'npm',
  'npx',
  'flux-runbook',
  'pulumi',
  'age-keygen',
  'curl',
  'chmod',
  'cp',
  'export',
  'base64',
  'jq',
  'promtool',
  'amtool',
  'sops',
  'cat',
  'date',
  'less',
]

/** README.md and every document below docs/. */
export async function documentsIn(root: string): Promise<string[]> {
  return [...(existsSync(join(root, 'README.md')) ? ['README.md'] : []), ...(await filesBelow(root, 'docs', /\.md$/))]
}

/** Every command in the ```sh blocks of a document. */
export async function shownCommandsOf(root: string, file: string): Promise<ShownCommand[]> {
  return commandsInBlocks(file, blocksOf(await readFile(join(root, file), 'utf8')))
}

function commandsInBlocks(file: string, blocks: readonly Block[]): ShownCommand[] {
  return blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ line, text }) =>
      statements(text).flatMap((statement) =>
        commandsIn(statement.text).map((command) => ({ ...command, file, line: line + statement.line })),
      ),
    )
}

/** A block's lines, continued ones as one, each with the line it begins on. */
function statements(text: string): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = []
  for (const [line, words] of text.split('\n').entries()) {
    const last = found.at(-1)
    if (last?.text.endsWith('\\') === true) found[found.length - 1] = { line: last.line, text: `${last.text}\n${words}` }
    else found.push({ line, text: words })
  }
  return found
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  let open: { language: string; line: number; lines: string[] } | undefined
  for (const [at, line] of text.split('\n').entries()) {
    const fence = /^\s*```(\w*)/.exec(line)
    if (fence === null) open?.lines.push(line)
    else if (open === undefined) open = { language: fence[1] ?? '', line: at + 2, lines: [] }
    else {
      blocks.push({ language: open.language, line: open.line, text: open.lines.join('\n') })
      open = undefined
    }
  }
  return blocks
}

/** Checks that what the documents tell people to type is there, that their links lead somewhere, and their queries find something. */
export async function checkDocuments(root: string, files: readonly string[]): Promise<Diagnostic[]> {
  const read = await Promise.all(files.map(async (file) => ({ file, text: await readFile(join(root, file), 'utf8') })))
  const documents = read.map(({ file, text }) => ({ file, text, blocks: blocksOf(text) }))
  const commands = documents.flatMap(({ file, blocks }) => commandsInBlocks(file, blocks))
  const calls = commands.flatMap((command) => callOf(command) ?? [])
  const help = await helpTextsOf(
    root,
    calls.filter((call) => existsSync(fileOf(root, call))),
  )
  return [
    ...(await Promise.all(commands.map((command) => checkCommand(root, command, help)))).flat(),
    ...documents.flatMap((document) => checkLinks(root, document, documents)),
    ...documents.flatMap(({ file, blocks }) => blocks.flatMap(({ text, line }) => checkMetrics(file, text, line))),
  ]
}

/** What npm knows in a folder: its own verbs that people are asked to type, and the package's scripts. */
async function npmScripts(folder: string): Promise<string[]> {
  const content = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
  const schema = v.pipe(v.string(), v.parseJson(), v.object({ scripts: v.optional(v.record(v.string(), v.string()), {}) }))
  return ['ci', 'install', 'pack', ...Object.keys(v.parse(schema, content).scripts)]
}

async function checkCommand(root: string, command: ShownCommand, help: HelpTexts): Promise<Diagnostic[]> {
  const { file, line, program, words } = command
  const found = (message: string, remedy: string): Diagnostic[] => [{ file, line, rule: 'command', message, remedy }]
  if (!programs.includes(program))
    return found(`${program} is not a program that this runbook knows`, 'fix it, or put it into a block that is not sh')
  if (program === 'npm') {
    const [folder = '', own] = words[0] === '--prefix' ? [words[1], words.slice(2)] : ['', words]
    const [verb = '', name = ''] = own
    const wanted = verb === 'run' ? name : verb
    const scripts = await npmScripts(join(root, folder))
    return scripts.includes(wanted) ? [] : found(`npm has no script ${wanted}`, `write one of ${scripts.join(', ')}`)
  }
  if (program !== 'npx' && program !== 'flux-runbook') return []
  const call = callOf(command)
  if (call === undefined) return found(`${[program, ...words].join(' ')} runs no script of this repository`, 'write npx zx scripts/NAME.ts')
  if (!existsSync(fileOf(root, call))) return found(`there is no ${call.script}`, 'fix the name')
  const known = help.get(call.key) ?? ''
  const flags = [...known.matchAll(/^ {2}--([a-z][a-z-]*)/gm)].map(([, name = '']) => name)
  return call.flags.flatMap((flag) => {
    if (flags.includes(flag)) return []
    const close = nearest(flag, flags)
    return found(`${call.key} has no flag --${flag}`, close === undefined ? helpCall(call) : `did you mean --${close}?`)
  })
}

function fileOf(root: string, { script, isInstalled }: Call): string {
  return isInstalled ? moduleFile(script) : join(root, script)
}

function helpCall({ key }: Call): string {
  const [script = '', ...words] = key.split(' ')
  return scriptCall(basename(script, '.ts'), [...words, '--help'])
}

interface Read {
  readonly file: string
  readonly text: string
}

/** Links to files of the repository, and to headings of its documents. */
function checkLinks(root: string, { file, text }: Read, documents: readonly Read[]): Diagnostic[] {
  return text.split('\n').flatMap((content, index) =>
    [...content.matchAll(/\]\((?!\w+:)([^()\s]+)\)/g)].flatMap(([, link = '']) => {
      const found = (message: string): Diagnostic[] => [{ file, line: index + 1, rule: 'link', message, remedy: 'fix the link' }]
      const [target = '', heading] = link.split('#')
      const path = target === '' ? file : posix.join(posix.dirname(file), target)
      if (!existsSync(join(root, path))) return found(`the link leads to ${path}, which does not exist`)
      const document = documents.find((one) => one.file === path)
      if (heading === undefined || document === undefined || headingsOf(document.text).includes(heading)) return []
      return found(`the link leads to #${heading}, which is not a heading of ${path}`)
    }),
  )
}

/** The headings of a document, as GitHub makes links of them. */
export function headingsOf(text: string): string[] {
  const prose = text.replaceAll(/^[ \t]*```[^]*?^[ \t]*```/gm, '')
  return [...prose.matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) =>
    heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
