import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { htmlDefinitions, htmlPage } from '../../../lib/base/html-page.ts'
import { escapeHtml, escapeMarkdown, indented, visible } from '../../../lib/base/outside-text.ts'
import { projectRoot } from '../../../lib/base/paths.ts'
import { createRedactor } from '../../../lib/base/redactor.ts'
import { describe as describeRun, showJson } from '../../../lib/runner/report.ts'
import { createConsole } from '../../../lib/terminal/console.ts'

/** A tenant's condition message: it erases the line, forges another, writes the clipboard and turns what follows around. */
const forged = 'no\u001b[2K\r✔ healthy\n✔ infra is healthy\u001b]52;c;cm0gLXJm\u0007\u202edwssap\u2066\u200b\u009b31m'
const shown = 'no\\u001b[2K\\u000d✔ healthy\n  ✔ infra is healthy\\u001b]52;c;cm0gLXJm\\u0007\\u202edwssap\\u2066\\u200b\\u009b31m'

test('what is not to be seen is shown, and the rest stays as it is', () => {
  expect(indented(visible(forged))).toBe(shown)
  expect(visible('größer → 日本語\tfine\r\nnext 🏴\u{e0067}\u2028')).toBe('größer → 日本語\tfine\nnext 🏴\\udb40\\udc67\\u2028')
})

test('what a CI would take for a command from its job is shown as text', () => {
  const azure = 'no ##vso[task.setvariable variable=PATH]/tmp/x and ##teamcity[a] and ##[add-path]/tmp/x'
  expect(visible(azure)).toBe('no #\\u0023vso[task.setvariable variable=PATH]/tmp/x and #\\u0023teamcity[a] and #\\u0023[add-path]/tmp/x')
  expect(JSON.parse(visible(JSON.stringify({ azure })))).toEqual({ azure })
  expect(visible('no:\n  ::set-output name=a::b\n::add-mask::c\n::ADD-PATH::d')).toBe(
    'no:\n  :\\u003aset-output name=a::b\n:\\u003aadd-mask::c\n:\\u003aADD-PATH::d',
  )
  const text = '::1 is fe80::1, ::ffff:10.0.0.1 too\n## [a link](b) ### a ##\n::\na::b::c'
  expect(visible(text)).toBe(text)
})

describe('a forged message', () => {
  test.each(['success', 'warning', 'failure', 'action', 'line', 'faint'] as const)('by %s begins no line of its own', (say) => {
    let written = ''
    const log: string[] = []
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
      written += String(chunk)
      return true
    })
    onTestFinished(() => write.mockRestore())
    createConsole({ clean: createRedactor().clean, log: (line) => log.push(line) })[say](forged)
    for (const text of [written, log.join('\n')]) {
      expect(text).toMatch(/^(\S )?no\\u001b\[2K\\u000d✔ healthy\n {2}✔ infra is healthy\\u001b\]52;/)
      expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u)
    }
  })

  test('waited for is one line', () => {
    const log: string[] = []
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    onTestFinished(() => write.mockRestore())
    createConsole({ clean: (text) => text, log: (line) => log.push(line) })
      .wait('Wait')
      .on('one\n✔ two')
    expect(log).toEqual(['◎ Wait', '◎ one ✔ two'])
  })

  test('means the same in a JSON document, and shows nothing but text', () => {
    const json = createRedactor().clean(showJson({ forged }))
    expect(json).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u)
    expect(JSON.parse(json)).toEqual({ forged })
  })
})

const document = {
  schemaVersion: 1,
  script: 'teardown',
  context: 'a|b',
  runId: 'run',
  startedAt: '2026-11-28T00:00:00.000Z',
  finishedAt: '2026-11-28T00:00:01.000Z',
  outcome: 'failed',
  exitCode: 1,
  operator: 'ann@laptop',
  server: 'https://infra.example.com',
} as const

describe('markup', () => {
  test('is text in a report', () => {
    const message = '**done** <img src=x onerror=alert(1)> [link](javascript:1) `code` &lt;\n\n# ✔ healthy\n1. item\n- item\n| a | b |'
    const steps = [{ id: 'a', title: 'Do | it', risk: 'safe', state: 'failed', startedAt: '', durationMs: 0, detail: 'x |\n# y' } as const]
    const text = describeRun({ ...document, steps, error: { message, remedy: 'kubectl get x_y -n _z_' } }, [
      { title: 'Own', lines: ['- # missing <b>', 'plain\n## forged'] },
    ])
    expect(text.split('\n').filter((line) => line.startsWith('#'))).toEqual([
      '# teardown on a\\|b: failed',
      '## Steps',
      '## Own',
      '## What went wrong',
    ])
    expect(text).toContain('| 1 | Do \\| it | failed | 0.0 s | x \\| # y |')
    expect(text).toContain('- \\# missing \\<b>\nplain ## forged\n')
    expect(text).toContain(
      '\\*\\*done\\*\\* \\<img src=x onerror=alert(1)> \\[link\\](javascript:1) \\`code\\` \\&lt;\n\\# ✔ healthy\n1\\. item\n\\- item\n\\| a \\| b \\|\n',
    )
    expect(text).toContain('Next: kubectl get x_y -n \\_z\\_')
  })
  test('is text in a page', () => {
    expect(escapeHtml('<b>"&\u202e')).toBe('&lt;b&gt;&quot;&amp;\\u202e')
    expect(htmlDefinitions([['<b>', '"&']])).toBe('<dl><div><dt>&lt;b&gt;</dt><dd>&quot;&amp;</dd></div></dl>')
    expect(htmlPage('<b>', '', '').split('&lt;b&gt;')).toHaveLength(3)
  })
  test('loses the indentation that would make it code, and shows what is not to be seen', () => {
    expect(escapeMarkdown('~/.local ~~x~~ 1.2.3')).toBe('~/.local \\~\\~x\\~\\~ 1.2.3')
    expect(escapeMarkdown('a\n\n    code\n\t# b\u202e')).toBe('a\n\ncode\n\\# b\\\\u202e')
  })
})

/** Where text leaves for a terminal or a pipe; what is there passes the gate, or is not from outside. */
const exits = [
  'lib/commands/fleet/fleet-document.ts',
  'lib/connection/kubectl-proxy.ts', // a login program of the person's own kubeconfig, which asks its questions itself
  'lib/runner/run-command.ts',
  'lib/terminal/help.ts',
  'lib/terminal/main.ts',
  'scripts/lab.ts',
  'scripts/validate.ts',
]

test('nothing is written to the terminal but by the console and these few', () => {
  const files = ['lib', 'scripts'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  )
  const writing = files.filter(
    (file) => file.endsWith('.ts') && /(stdout|stderr)\.write\(|console\.log\(/.test(readFileSync(join(projectRoot, file), 'utf8')),
  )
  expect(writing.sort()).toEqual(exits)
})
