import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { script, withLogin } from '../../lab/harness.ts'
import { ageAtHand, back, both, typing } from './disasters.ts'
import { type Desk, pushTree } from './desk.ts'
import type { Page } from './page.ts'

const captured = typing('npx zx scripts/capture.ts --context infra --out ~/infra.age')
const newNamespace = typing('kubectl --context infra create namespace flux-system')

export const capture: Page = {
  file: 'docs/capture.md',
  begins: 'new',
  rules: [
    { line: /capture\.ts --context infra$/, says: /✔ capture on infra: captured, decrypted again and compared completely/ },
    { line: /restore\.ts .*--dry-run/, before: captured, says: /nothing to do: everything exists as captured/ },
    { line: /restore\.ts .*capture\.txt$/, says: /nothing to do: everything exists as captured/ },
    { line: /^age .*@tsv/, before: ageAtHand, says: /referred\tSecret\tflux-git/ },
    { line: /^age .*kubectl create/, before: both(back('empty'), newNamespace), says: /secret\/flux-git created/ },
  ],
}

const plan = { typed: (line: string) => `${line} --dry-run`, why: 'hours; test/long/each-loss.test.ts carries it out' }
export const drill: Page = {
  file: 'docs/drill.md',
  begins: 'new',
  rules: [
    { line: /each-loss --resume/, code: 2, says: /there is no interrupted run of drill/ },
    { line: /each-loss( --only \S+)?$/, instead: plan, says: /✔ drill on lab-infra: \d+ losses to rehearse/ },
    { line: /--pairs 40 --seed 7/, instead: plan, says: /✔ drill on lab-infra: 40 losses to rehearse/ },
  ],
}

export const howItWorks: Page = {
  file: 'docs/how-it-works.md',
  begins: 'new',
  rules: [{ line: /port-forward/, untried: "the lab's node forwards no ports" }],
}

const shell = (name: string) => ({
  typed: () => `flux-runbook completion ${name}`,
  why: `${name} is not everywhere; what it would read is printed`,
})
export const installed: Page = {
  file: 'docs/installed.md',
  begins: 'new',
  rules: [
    {
      line: /^flux-runbook health-check/,
      before: typing('npm pack', 'npm install --global ./flux-runbook-0.1.0.tgz'),
      says: /✔ health-check on infra: healthy/,
    },
    { line: /^flux-runbook upgrade/, says: /nothing to do: that version runs/ },
    { line: /^flux-runbook lab status/, says: /Stand-ins, held Ready/ },
    {
      line: /completion bash/,
      instead: { typed: (line) => `${line}\ncomplete -p flux-runbook`, why: 'it prints nothing by itself' },
      says: /complete .*flux-runbook/,
    },
    { line: /completion zsh/, instead: shell('zsh'), says: /compdef/ },
    { line: /completion fish/, instead: shell('fish'), says: /complete .*flux-runbook/ },
  ],
}

export const monitoring: Page = { file: 'docs/monitoring.md', begins: 'new', rules: [] }

export const preflight: Page = {
  file: 'docs/preflight.md',
  begins: 'empty',
  rules: [
    { line: /kubectl apply/, says: /clusterrole\.rbac\.authorization\.k8s\.io\/flux-runbook-operator created/ },
    { line: /create clusterrolebinding/, says: /flux-runbook-operator created/ },
  ],
}

export const pulumi: Page = {
  file: 'docs/pulumi.md',
  begins: 'new',
  rules: [
    { line: /lab\.ts env/, says: /export KUBECONFIG=/ },
    { line: /flux (check|get)/, says: /✔|flux-system/ },
    { line: /upgrade\.ts --context infra/, untried: 'the Flux that it upgrades is one by Pulumi: npm run test:pulumi has it' },
    { line: /bootstrap\.ts --context infra --take-over/, untried: "what it takes over is Pulumi's: npm run test:pulumi has it" },
    { line: /pulumi/, untried: "Pulumi's engine and provider take twenty minutes to build: npm run test:pulumi has them" },
  ],
}

export const validate: Page = {
  file: 'docs/validate.md',
  begins: 'empty',
  rules: [
    { line: /validate\.ts kubernetes\/clusters\/infra docs/, says: /nothing to fix/ },
    { line: /validate\.ts \.\.\/fleet$/, says: /nothing to fix/ },
    { line: /validate\.ts \.\.\/fleet\/clusters\/staging --values/, says: /nothing to fix/ },
    { line: /validate\.ts https/, before: pushOther, says: /nothing to fix/ },
  ],
}

/** A repository as of `flux bootstrap`, in a branch of the lab's Git. */
export async function pushOther(desk: Desk): Promise<void> {
  pushTree(desk, 'bootstrap', withLogin((await desk.lab.access()).git))
}

/** A second lab, of the person alone, which goes with the page. */
const secondLab = (desk: Desk): Promise<void> => {
  const home = mkdtempSync(join(tmpdir(), 'frb-lab-'))
  onTestFinished(async () => {
    await script('lab', ['down'], { home })
    rmSync(home, { recursive: true, force: true })
  })
  desk.env['FLUX_LAB_HOME'] = home
  return pushOther(desk)
}
const down = typing('npx zx scripts/lab.ts down')
const upOther = async (desk: Desk): Promise<void> => {
  const url = desk.own.get('https://github.com/ORG/fleet#main') ?? ''
  await desk.done(`npx zx scripts/lab.ts up --repository ${url} --path clusters/staging`)
}

export const yourCluster: Page = {
  file: 'docs/your-cluster.md',
  begins: 'new',
  rules: [
    {
      line: /--take-over/,
      untried: 'wants a Flux of another installer, whose repository has been prepared: test/long/take-over.test.ts has each',
    },
    { line: /health-check\.ts --context prod/, says: /✔ health-check on prod: healthy/ },
    { line: /capture\.ts --context prod/, says: /✔ capture on prod: captured/ },
    { line: /recover\.ts --context prod/, says: /recover on prod: nothing (to recover|would be changed)/ },
    { line: /lab\.ts up --repository \.\.\/fleet/, before: both(back('empty'), secondLab), says: /has a copy of .*fleet/ },
    { line: /lab\.ts up --repository https/, before: down, says: /✔ the lab is up: production \(.*\), staging/ },
    { line: /lab\.ts status/, says: /stand-in/ },
    {
      line: /bootstrap\.ts --lab --path/,
      before: both(down, typing('npx zx scripts/lab.ts up --repository ../fleet --path clusters/staging')),
      says: /Flux v2\.9\.4 manages itself on lab-infra\./, // as that repository has it
    },
    { line: /^eval/, before: both(down, upOther), says: /(?:)/ },
    { line: /^flux bootstrap git/, says: /all components are healthy/ },
  ],
}
