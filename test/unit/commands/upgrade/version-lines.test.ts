import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { versionsIn, withVersions } from '../../../../lib/desired-state/version-settings.ts'

const file = 'settings.yaml'
const head = 'kind: ConfigMap\nmetadata: {name: flux-settings}\n'

/** The same numbers for the same seed, so that what failed fails again (mulberry32). */
function random(seed: number): (choices: number) => number {
  let state = seed
  return (choices) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * choices)
  }
}

/** Ways to write the same text in a map that begins at this indentation; the value stands between two marks. */
type Style = (value: string, indent: string) => string
const styles: readonly [Style, ...Style[]] = [
  (value) => value,
  (value) => `"${value}"`,
  (value) => `'${value}'`,
  (value) => `!!str ${value}`,
  (value) => `&anchor "${value}"`,
  (value) => `"${value}" # was ${value}`,
  (value) => `  '${value}'   # 2.9.4 "2.9.4"`,
  (value, indent) => `|-\n${indent}  ${value}`,
  (value, indent) => `>-\n${indent}    ${value}\n`,
  (value, indent) => `\n${indent}  "${value}"`,
  (value, indent) => `# on the next line\n${indent}    ${value}`,
]

interface Made {
  readonly text: (flux: string, operator: string) => string
}

/** An odd but legal settings.yaml, as a function of its versions: what withVersions may change is what differs. */
function make(seed: number, [fluxStyle, operatorStyle]: readonly [Style, Style], isFlow: boolean): Made {
  const pick = random(seed)
  const one = <T>(choices: readonly [T, ...T[]]): T => choices[pick(choices.length)] ?? choices[0]
  const [indent, eol] = [one(['  ', '    ']), one(['\n', '\n', '\r\n'])]
  const flowStyle = one<Style>([(value) => value, (value) => `"${value}"`, (value) => `'${value}'`])
  const [quote, before, after] = [one(['', '"', "'"]), pick(3), pick(3)]
  const others: readonly [string, ...string[]] = [
    `other: "2.9.4"`,
    '# flux_version: "2.9.4"',
    `note: |\n${indent}  flux_version: 2.9.4\n${indent}  end`,
    "'odd key': {a: [2.9.4]}",
    '',
  ]
  const [above, below] = [Array.from({ length: pick(3) }, () => one(others)), Array.from({ length: pick(2) }, () => one(others))]
  const lines = [...new Set([...above, '@flux', ...below, '@operator'])]
  const [bom, end] = [one(['', '\ufeff']), one(['', '\n', '\n\n# the end\n', '\n...\n'])]
  const extra = '---\nkind: Secret\ndata: {flux_version: "2.9.4"}\n'
  return {
    text(flux, operator) {
      const key = `${quote}flux_version${quote}`
      const rows = lines.map((line) => {
        if (line === '@flux') return `${indent}${key}: ${fluxStyle(flux, indent)}`
        if (line === '@operator') return `${indent}operator_version:  ${operatorStyle(operator, indent)}`
        return line === '' ? '' : `${indent}${line}`
      })
      const flow = `{ ${key}: ${flowStyle(flux, '')}, "x": 2.9.4,operator_version: ${flowStyle(operator, '')} }`
      const data = isFlow ? `data: ${flow}` : `data:\n${rows.join('\n')}`
      const comment = '# 2.9.4 is what runs\n'
      const text = `${bom}${extra.repeat(before === 2 ? 1 : 0)}---\n${comment}${head}${data}${end}`
      return (after === 2 && !end.includes('...') ? `${text}\n${extra}` : text).replaceAll('\n', eol)
    },
  }
}

describe('another version in settings.yaml', () => {
  test('changes nothing but the versions, however oddly the file is written', () => {
    const pairs = styles.flatMap((flux) => styles.map((operator) => [flux, operator] as const))
    const blocks = pairs.map((pair, seed) => make(seed, pair, false))
    const flows = pairs.slice(0, 30).map((pair, seed) => make(seed, pair, true))
    for (const [seed, { text }] of [...blocks, ...flows].entries()) {
      const before = text('2.9.4', '0.58.12')
      const changed = withVersions(before, file, { flux_version: '2.10.0-rc.1' })
      expect(changed, `seed ${seed}`).toBe(text('2.10.0-rc.1', '0.58.12').replaceAll('was 2.10.0-rc.1', 'was 2.9.4'))
      const both = withVersions(changed, file, { operator_version: '0.59.0', flux_version: '2.9.5' })
      expect(versionsIn(both, file)).toMatchObject({ flux_version: '2.9.5', operator_version: '0.59.0' })
      expect(withVersions(both, file, { flux_version: '2.9.4', operator_version: '0.58.12' }), `seed ${seed}`).toBe(before)
    }
  })

  test('is one line in each of our own settings.yaml', () => {
    for (const cluster of ['infra', 'apps']) {
      const before = readFileSync(`kubernetes/clusters/${cluster}/settings.yaml`, 'utf8')
      const after = withVersions(before, file, { flux_version: '2.9.9' })
      const changed = after.split('\n').filter((line, at) => line !== before.split('\n')[at])
      expect(changed).toEqual(['  flux_version: "2.9.9"'])
    }
  })

  test('takes the place of an alias, whose anchor stays as it is', () => {
    const text = `${head}data:\n  base: &base "2.9.4"\n  flux_version: *base\n`
    expect(withVersions(text, file, { flux_version: '2.9.5' })).toBe(`${head}data:\n  base: &base "2.9.4"\n  flux_version: "2.9.5"\n`)
  })

  test.each([
    [
      'a version that other values are taken from',
      `${head}data:\n  flux_version: &v "2.9.4"\n  other: *v\n`,
      'cannot be changed without changing more',
    ],
    ['a version that does not exist', `${head}data: {a: b}\n`, 'settings.yaml does not say flux_version'],
    [
      'a version that is there twice',
      `${head}data: {flux_version: 2.9.4, flux_version: 2.9.4}\n`,
      'settings.yaml is not YAML: Map keys must be unique',
    ],
    ['no settings', 'kind: Secret\n', 'settings.yaml holds no ConfigMap flux-settings'],
    ['no YAML', `${head}data: {a: [\n`, 'settings.yaml is not YAML'],
  ])('is refused for %s', (_, text, words) => {
    expect(() => withVersions(text, file, { flux_version: '2.9.5' })).toThrow(words)
  })
})
