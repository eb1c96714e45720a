import { findExecutables } from '../lab/build/executables.ts'
import { readDefaultRecipe } from '../lab/build/recipe.ts'
import { isInstalled } from '../lib/process/installed-programs.ts'
import { createConsole } from '../lib/terminal/console.ts'
import { childEnvironment } from '../lib/process/environment.ts'
import { exitCodes, OperatorError } from '../lib/base/errors.ts'
import { indented, visible } from '../lib/base/outside-text.ts'
import { type Flags, parseFlags } from '../lib/terminal/flags.ts'
import { showHelp, showVersion } from '../lib/terminal/help.ts'
import { newRunId } from '../lib/runner/run-journal.ts'
import { showJson } from '../lib/runner/report.ts'
import { argumentsOf, main } from '../lib/terminal/main.ts'
import { projectRoot } from '../lib/base/paths.ts'
import { showFinding } from '../lib/commands/validate/diagnostic.ts'
import { nothingGiven, readGivenValues } from '../lib/commands/validate/given-values.ts'
import { subjectOf } from '../lib/commands/validate/paths.ts'
import { rulesOf } from '../lib/commands/validate/rules.ts'
import { validateSubject } from '../lib/commands/validate/subject.ts'
import type { ValidationTools } from '../lib/commands/validate/validate.ts'

const flags = {
  values: { type: 'string', value: 'FILE', help: 'values that only the cluster has: NAME: VALUE lines, or its ConfigMaps and Secrets' },
  rules: {
    type: 'string',
    value: 'SET',
    help: "flux: Flux's own rules; project: this project's too (default for this checkout)",
    choices: ['flux', 'project'],
  },
  json: { type: 'boolean', help: 'print the findings on stdout as one JSON document' },
  verbose: { type: 'boolean', help: 'show more details, and stack traces of errors' },
  help: { type: 'boolean', help: 'show this help' },
  version: { type: 'boolean', help: 'show the version' },
} as const satisfies Flags

const page = {
  script: 'validate',
  summary: 'Checks kubernetes/ and docs/, or any repository that Flux follows, without a cluster. Paths limit the report.',
  usage: '[PATH…|URL[#REF]]',
  flags,
  examples: ['', 'kubernetes/clusters/infra', '--json docs', '../fleet', 'https://github.com/ORG/fleet#main'],
}

/** kubectl and flux from PATH, else the lab's own, which also has the CRDs; nothing is built for it. */
async function findTools(): Promise<ValidationTools> {
  const [lab, { operatorVersion }] = await Promise.all([findExecutables(), readDefaultRecipe()])
  const find = async (program: 'kubectl' | 'flux'): Promise<string | undefined> =>
    (await isInstalled(program, childEnvironment())) ? program : lab?.[program]
  const [kubectl, flux] = await Promise.all([find('kubectl'), find('flux')])
  if (kubectl === undefined) {
    const remedy = 'install kubectl (kubernetes.io/docs/tasks/tools), or: npx zx scripts/lab.ts build'
    throw new OperatorError('nothing was checked: kubectl, which builds the tree, is not on PATH', { kind: 'blocked', remedy })
  }
  const release = lab === undefined ? undefined : { folder: lab.operatorConfig, version: operatorVersion }
  return { kubectl, flux, release }
}

await main(async () => {
  const started = new Date()
  const { values, words } = parseFlags('validate', flags, argumentsOf('validate'), Infinity)
  if (values.help === true) return showHelp(page)
  if (values.version === true) return showVersion()
  const console = createConsole({ clean: (text) => text })
  const given = values.values === undefined ? nothingGiven : await readGivenValues(values.values)
  const subject = subjectOf(projectRoot, process.cwd(), words)
  const check = { rules: rulesOf(values.rules), given }
  const { findings, warnings, notChecked, checked, versions } = await validateSubject(subject, check, findTools)
  for (const one of warnings) console.warning(showFinding(one))
  const exitCode = findings.length === 0 ? exitCodes.done : exitCodes.failed
  for (const what of notChecked) console.warning(`not checked: ${what}`)
  for (const { of, file, line, says } of versions ?? [])
    console.faint(`${of === 'flux' ? 'Flux' : 'flux-operator'} ${says}: ${visible(file)}:${line}`)
  const seconds = `${((Date.now() - started.getTime()) / 1000).toFixed(1)}s`
  if (findings.length === 0) console.success(`nothing to fix in ${checked} (${seconds})`)
  else console.failure(`${findings.length === 1 ? '1 problem' : `${findings.length} problems`} in ${checked} (${seconds})`)
  if (values.json !== true) process.stdout.write(findings.map((finding) => `${indented(visible(showFinding(finding)))}\n`).join(''))
  else {
    const outcome = findings.length === 0 ? 'done' : 'failed'
    const document = {
      schemaVersion: 1,
      script: 'validate',
      context: '', // no cluster
      runId: newRunId('validate', started),
      startedAt: started.toISOString(),
      finishedAt: new Date().toISOString(),
      outcome,
      exitCode,
      findings,
      warnings,
      notChecked,
      ...(versions === undefined ? {} : { versions: versions.map(({ of, is, file, line, says }) => ({ of, is, file, line, says })) }),
    }
    process.stdout.write(visible(showJson(document)))
  }
  return exitCode
})
