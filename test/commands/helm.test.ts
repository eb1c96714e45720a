import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { renderChart } from '../../lib/desired-state/render-chart.ts'

const folder = mkdtempSync(join(tmpdir(), 'helm-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('what Git names is never a flag of helm', async () => {
  const helm = join(folder, 'helm-program')
  const said = join(folder, 'said')
  const digest = 'a'.repeat(64)
  const pull = `mkdir "$HELM_DATA_HOME/web" && echo 'version: 1.0.0' >"$HELM_DATA_HOME/web/Chart.yaml" && echo 'Digest: sha256:${digest}' >&2`
  const note = `echo "$*" | sed "s,$HELM_DATA_HOME,HOME,g" >>'${said}'`
  writeFileSync(helm, `#!/bin/sh\n${note}\ntest "$1" = template || { ${pull}; }\n`, { mode: 0o755 })
  const chart = {
    name: '../../../web',
    releaseName: '--post-renderer=/bin/sh',
    namespace: '--kubeconfig',
    url: '--registry-config=/web',
    version: '--insecure-skip-tls-verify',
    insecure: false,
    values: {},
    patches: [],
    tracksDigest: true,
  }
  const tools = { kubectl: 'kubectl', helm, flux: undefined }
  expect(
    await renderChart(
      {
        tools,
        registry: {},
        folder: () => folder,
        cluster: { get: () => Promise.resolve(undefined), signal: new AbortController().signal },
      },
      chart,
      '1.36.3',
    ),
  ).toEqual([])
  expect(readFileSync(said, 'utf8')).toBe(
    `pull --version=--insecure-skip-tls-verify --untar --untardir HOME -- --registry-config=/web
template --namespace=--kubeconfig --kube-version 1.36.3 --no-hooks --values - -- --post-renderer=/bin/sh HOME/web
`,
  )
  const [home = ''] = readdirSync(folder).filter((name) => name.startsWith('helm-') && name !== 'helm-program')
  expect(readFileSync(join(folder, home, 'web', 'Chart.yaml'), 'utf8')).toBe(`version: 1.0.0+${digest.slice(0, 12)}\n`)
})

test.each([
  ['registry.example.com', false],
  ['127.0.0.1:5000', true],
])('the login for %s goes to it over http, as Git wants: %s', async (host, isSent) => {
  const helm = join(folder, 'helm-login')
  writeFileSync(helm, `#!/bin/sh\ntest -e "$HELM_REGISTRY_CONFIG" && echo with the login >&2 || echo without one >&2\nexit 1\n`, {
    mode: 0o755,
  })
  const chart = {
    name: 'web',
    releaseName: 'web',
    namespace: 'shop',
    url: `oci://${host}/charts/web`,
    version: '1 | reboot',
    insecure: true,
    values: {},
    patches: [],
    tracksDigest: true,
  }
  const registry = { username: 'jane', password: 'hunter2', hosts: [host] }
  const tools = { kubectl: 'kubectl', helm, flux: undefined }
  const cluster = { get: () => Promise.resolve(undefined), signal: new AbortController().signal }
  await expect(renderChart({ tools, registry, folder: () => folder, cluster }, chart, '1.36.3')).rejects.toMatchObject({
    message: `chart oci://${host}/charts/web 1 | reboot cannot be pulled: ${isSent ? 'with the login' : 'without one'}`,
    remedy: isSent
      ? `helm show chart oci://${host}/charts/web --version '1 | reboot'`
      : "the registry's login is not sent over http: serve it over https, and remove insecure: true from the OCIRepository in Git",
  })
})

test('a registry that says nothing, and a chart that renders without an end, are not waited for forever', async () => {
  const helm = join(folder, 'helm-silent')
  writeFileSync(helm, '#!/bin/sh\nsleep 600\n', { mode: 0o755 })
  const chart = {
    name: 'web',
    releaseName: 'web',
    namespace: 'shop',
    url: 'oci://registry.example.com/charts/web',
    version: '1.0.0',
    insecure: false,
    values: {},
    patches: [],
    tracksDigest: false,
  }
  const soon = AbortSignal.timeout(500)
  const deadline = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(soon)
  onTestFinished(() => deadline.mockRestore())
  const tools = { kubectl: 'kubectl', helm, flux: undefined }
  const cluster = { get: () => Promise.resolve(undefined), signal: new AbortController().signal }
  await expect(renderChart({ tools, registry: {}, folder: () => folder, cluster }, chart, '1.36.3')).rejects.toMatchObject({
    kind: 'blocked',
    message: 'chart oci://registry.example.com/charts/web 1.0.0 cannot be pulled: registry.example.com has not sent it within 3 m 00 s',
  })
  expect(deadline).toHaveBeenCalledWith(180_000)
})

test('what a chart renders, with values of Secrets, is written nowhere but in the folder that goes with the run', async () => {
  const helm = join(folder, 'helm-rendering')
  const kubectl = join(folder, 'kubectl-program')
  const seen = join(folder, 'patched-in')
  const pull = `mkdir "$HELM_DATA_HOME/web" && echo 'version: 1.0.0' >"$HELM_DATA_HOME/web/Chart.yaml" && echo 'Digest: sha256:${'a'.repeat(64)}' >&2`
  writeFileSync(helm, `#!/bin/sh\ntest "$1" = template || { ${pull}; }\n`, { mode: 0o755 })
  writeFileSync(kubectl, `#!/bin/sh\nfor word; do :; done; dirname "$word" >'${seen}'\n`, { mode: 0o755 })
  const chart = {
    name: 'web',
    releaseName: 'web',
    namespace: 'shop',
    url: 'oci://registry.example.com/charts/web',
    version: '1.0.0',
    insecure: false,
    values: {},
    patches: [{ patch: 'kind: A' }],
    tracksDigest: false,
  }
  const cluster = { get: () => Promise.resolve(undefined), signal: new AbortController().signal }
  await renderChart({ tools: { kubectl, helm, flux: undefined }, registry: {}, folder: () => folder, cluster }, chart, '1.36.3')
  expect(readFileSync(seen, 'utf8').trim()).toBe(folder)
})
