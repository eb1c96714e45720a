import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { request } from 'undici'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../lib/kubernetes/client.ts'
import { kinds, parseObject } from '../../lib/kubernetes/objects.ts'
import { type LabAccess, labStatus } from '../../lab/client.ts'
import { layoutOf } from '../../lab/layout.ts'
import { pushAuthorization, registryLoginVariables } from '../../lab/registry-login.ts'
import { startOf } from '../../lib/process/process-start.ts'
import { type LabStatus, statusSchema } from '../../lab/status.ts'
import { type Ended, script, startOwnLab, type TestLab, withLogin } from './harness.ts'

const run = promisify(execFile)
let lab: TestLab
let access: LabAccess
let infra: Cluster

beforeAll(async () => {
  lab = await startOwnLab(['infra', 'apps'])
  access = await lab.access()
  infra = await lab.cluster('lab-infra')
})
afterAll(() => lab.close())

const documentSchema = v.looseObject({ schemaVersion: v.literal(1), script: v.literal('lab'), outcome: v.string(), exitCode: v.number() })

function documentOf({ stdout }: Ended): v.InferOutput<typeof documentSchema> {
  return v.parse(v.pipe(v.string(), v.parseJson(), documentSchema), stdout)
}

async function status(): Promise<LabStatus> {
  const reported = await labStatus()
  if (reported === undefined) throw new Error('the lab is down')
  return reported
}

/** Whether someone listens at `HOST:PORT`. */
function reach(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const [host = '', port] = address.split(':')
    const call = connect(Number(port), host, () => resolve(true)).on('error', () => resolve(false))
    call.on('connect', () => call.destroy())
  })
}

async function pidOf(process: string, cluster?: string): Promise<number> {
  const found = (await status()).processes.find((one) => one.name === process && one.cluster === cluster)
  return found?.pid ?? Number.NaN
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}

/** The addresses on which a process listens for TCP, from /proc. */
function listeningAddresses(pid: number | undefined): string[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
  const rows = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/)
    const isListening = state === '0A' && sockets.includes(`socket:[${inode}]`)
    return isListening ? [local.startsWith('0100007F:') ? '127.0.0.1' : local] : []
  })
}

const note = parseObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'note', namespace: 'default' }, data: { is: 'here' } })
const noteRef = { ...kinds.configMap, namespace: 'default', name: 'note' }

async function git(...args: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: lab.home, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' }
  return (await run('git', args, { env })).stdout.trim()
}

describe('up', () => {
  test('gives API servers with nothing of Flux on them, and a node', async () => {
    for (const context of ['lab-infra', 'lab-apps']) {
      const cluster = await lab.cluster(context)
      expect((await cluster.list(kinds.node)).map(({ metadata }) => metadata.name)).toEqual(['lab'])
      expect(await cluster.list(kinds.crd)).toEqual([])
      expect(await cluster.list(kinds.pod)).toEqual([])
      expect(await cluster.get({ ...kinds.namespace, name: 'flux-system' })).toBeUndefined()
    }
  })

  test('gives a registry with the charts and the artifact of one version', async () => {
    const { registry, operatorVersion } = await status()
    const expected = [
      `charts/flux-instance:${operatorVersion}`,
      `charts/flux-operator:${operatorVersion}`,
      `flux-operator-manifests:v${operatorVersion}`,
    ]
    expect(registry.artifacts).toEqual(expected)
    const show = ['show', 'chart', '--plain-http', `oci://${access.registry}/charts/flux-instance`, '--version', operatorVersion]
    expect((await run(join(access.bin, 'helm'), show, { env: { HOME: lab.home } })).stdout).toContain('name: flux-instance')
  })

  test('a registry that everyone reads, and only those push to who know the login', async () => {
    const folder = mkdtempSync(join(lab.home, 'artifact-'))
    const push = ['push', 'artifact', `oci://${access.registry}/forged:latest`, '--path', folder, '--source=me', '--revision=1']
    const pushAs = (login: Record<string, string>): Promise<unknown> =>
      run(join(access.bin, 'flux'), [...push, '--insecure-registry'], { env: { HOME: folder, ...login } })
    await expect(pushAs({})).rejects.toThrow("pushing takes the login of the lab's Git")
    await pushAs(registryLoginVariables(layoutOf(lab.home)))
    const pushed = `http://${access.registry}/v2/forged/manifests/latest`
    expect((await request(pushed)).statusCode).toBe(200)
    expect((await request(pushed, { method: 'DELETE' })).statusCode).toBe(401)
    const headers = { authorization: pushAuthorization(access.git.password) }
    expect((await request(pushed, { method: 'DELETE', headers })).statusCode).toBe(202)
  })

  test('a second time has nothing to do, and touches no process', async () => {
    const before = await status()
    const again = await lab.run('lab', ['up', '--clusters', 'apps,infra', '--json'])
    expect(again.stderr).toContain('the lab is up already')
    expect(documentOf(again)).toMatchObject({ outcome: 'unchanged', exitCode: 0, started: [] })
    const pids = (list: LabStatus): unknown => list.processes.map(({ name, pid }) => [name, pid])
    expect(pids(await status())).toEqual(pids(before))
  })

  test('status --json says all of it', async () => {
    const reported = documentOf(await lab.run('lab', ['status', '--json']))
    expect(reported).toMatchObject({ up: true, home: lab.home, outcome: 'done', exitCode: 0 })
    expect(v.parse(statusSchema, reported)).toEqual(await status())
    expect((await lab.run('lab', ['status'])).stdout).toContain('Stand-ins, held Ready and doing nothing: notification-controller')
  })

  test('is for the person alone: closed home, loopback, certificates that are checked, processes that know nothing', async () => {
    expect(statSync(lab.home).mode & 0o777).toBe(0o700)
    expect(statSync(access.kubeconfig).mode & 0o777).toBe(0o600)
    const { clusters, processes } = await status()
    const url = `${clusters[0]?.server}/version`
    await expect(request(url)).rejects.toThrow(/self-signed|unable to verify/)
    const kubectl = join(access.bin, 'kubectl')
    const nobody = ['--kubeconfig', access.kubeconfig, '--context', 'lab-infra', '--token', 'guessed', 'get', 'ns']
    await expect(run(kubectl, nobody, { env: { HOME: lab.home } })).rejects.toThrow('You must be logged in')
    if (process.platform !== 'linux') return
    const allowed = ['PATH', 'HOME', 'TMPDIR', 'GOGC', 'PWD', 'OLDPWD', 'SHLVL', '_']
    for (const { pid } of processes) {
      const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
        .split('\0')
        .map((entry) => entry.split('=')[0] ?? '')
      expect(names.filter((name) => name !== '' && !allowed.includes(name))).toEqual([])
    }
    const addresses = processes.flatMap(({ name, pid }) => listeningAddresses(pid).map((address) => `${name} ${address}`))
    expect(addresses.length).toBeGreaterThan(4)
    expect(addresses.filter((address) => !address.endsWith(' 127.0.0.1'))).toEqual([])
    expect(addresses.filter((address) => address.startsWith('etcd '))).toEqual([])
  })

  test('env makes a shell reach everything', async () => {
    const { stdout } = await lab.run('lab', ['env'])
    const commands =
      'kubectl --context lab-apps get ns default -o name; git ls-remote "$FLUX_LAB_GIT_URL" refs/heads/main; echo "$FLUX_LAB_REGISTRY"'
    const shell = await run('/bin/sh', ['-c', `${stdout}\n${commands}`], { env: { PATH: process.env.PATH, HOME: lab.home } })
    expect(shell.stdout).toBe(`namespace/default\n${(await status()).git.head}\trefs/heads/main\n${access.registry}\n`)
    expect(stdout).not.toContain(access.git.password)
  })
})

describe('Git', () => {
  test('one repository, open at one address and with a password at the other', async () => {
    const { url, anonymousUrl, username, password } = access.git
    const login = (secret: string): string => url.replace('://', `://${username}:${secret}@`)
    const listed = await git('ls-remote', anonymousUrl)
    expect(await git('ls-remote', login(password))).toBe(listed)
    expect(listed).not.toContain('refs/lab')
    await expect(git('ls-remote', login('wrong'))).rejects.toThrow('Authentication failed')
    await expect(git('ls-remote', url)).rejects.toThrow('could not read Username')
    const pushing = git('--git-dir', join(lab.home, 'git', 'fleet.git'), 'push', anonymousUrl, 'main:refs/heads/forged')
    await expect(pushing).rejects.toThrow('could not read Username')
  })

  test('takes commits, which push then does not overwrite by itself', async () => {
    const clone = mkdtempSync(join(lab.home, 'clone-'))
    await git('clone', '--quiet', withLogin(access.git), clone)
    await run('/bin/sh', ['-c', 'echo "# changed" >> kubernetes/clusters/infra/kustomization.yaml'], { cwd: clone })
    await git('-C', clone, '-c', 'user.name=me', '-c', 'user.email=me@localhost', 'commit', '--quiet', '-am', 'Changed by hand')
    await git('-C', clone, 'push', '--quiet')
    const refused = await lab.run('lab', ['push'])
    expect(refused.stderr).toContain('Changed by hand')
    expect(refused.code).toBe(3)
    expect((await lab.run('lab', ['push', '--overwrite', '-m', 'As on disk'])).code).toBe(0)
    const unchanged = await lab.run('lab', ['push', '--json'])
    expect(documentOf(unchanged)).toMatchObject({ outcome: 'unchanged', commit: (await status()).git.head })
  })
})

describe('kubectl and logs', () => {
  test("kubectl's answer and exit code are passed on", async () => {
    const found = await lab.run('lab', ['kubectl', '--context', 'lab-apps', '--', 'get', 'nodes', '-o', 'name'])
    expect([found.code, found.stdout]).toEqual([0, 'node/lab\n'])
    const missing = await lab.run('lab', ['kubectl', '--', 'get', 'ns', 'nowhere'])
    expect([missing.code, missing.stdout]).toEqual([1, ''])
  })

  test('logs of processes are found by name', async () => {
    expect((await lab.run('lab', ['logs', 'supervisor'])).stdout).toContain('asked for up infra,apps')
    expect((await lab.run('lab', ['logs', 'kube-apiserver', '--context', 'lab-apps'])).stdout).toContain('Serving securely on 127.0.0.1')
    const unknown = await lab.run('lab', ['logs', 'kube-apiserve'])
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('did you mean kube-apiserver?')])
  })
})

describe('what is killed', () => {
  test.each(['etcd', 'kube-apiserver', 'kube-controller-manager'])('%s is started again, with everything there', async (name) => {
    await infra.apply(note)
    const before = await pidOf(name, 'infra')
    process.kill(before, 'SIGKILL')
    expect((await lab.run('lab', ['up'])).code).toBe(0)
    expect(await infra.get(noteRef)).toMatchObject({ data: { is: 'here' } })
    await expect.poll(() => pidOf(name, 'infra'), { timeout: 60_000 }).not.toBe(before)
  })

  test('the registry is started again, and filled again', async () => {
    const before = await status()
    process.kill(await pidOf('registry'), 'SIGKILL')
    await expect.poll(async () => (await status()).registry, { timeout: 60_000 }).toEqual(before.registry)
  })

  test('a lab whose supervisor was killed is cleared and comes back whole, at the same addresses', async () => {
    const before = await status()
    await infra.apply(note)
    process.kill(before.supervisor.pid, 'SIGKILL')
    const down = await lab.run('lab', ['status', '--json'])
    expect(documentOf(down)).toMatchObject({ up: false, exitCode: 0 })
    const again = await lab.run('lab', ['up'])
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('the lab had been killed')])
    const after = await status()
    expect([after.clusters, after.git, after.registry]).toEqual([before.clusters, before.git, before.registry])
    expect(before.processes.flatMap(({ pid, name }) => (pid !== undefined && startOf(pid) !== undefined ? [name] : []))).toEqual([])
    expect(await infra.get(noteRef)).toMatchObject({ data: { is: 'here' } })
  })
})

const system = { ...kinds.namespace, name: 'kube-system' }

describe('snapshot and reset', () => {
  test('clusters and Git are what they were; what came later is gone, what was deleted is back', async () => {
    const apps = await lab.cluster('lab-apps')
    await infra.apply(note)
    const { head } = (await status()).git
    expect((await lab.run('lab', ['snapshot', 'noted'])).code).toBe(0)
    const uid = (await infra.get(noteRef))?.metadata.uid ?? ''
    await infra.remove(noteRef, { uid })
    await apps.apply(note)
    await git('-C', lab.home, 'init', '--quiet', 'other')
    const other = ['-C', join(lab.home, 'other'), '-c', 'user.name=me', '-c', 'user.email=me@localhost']
    await git(...other, 'commit', '--quiet', '--allow-empty', '-m', 'Another history')
    await git(...other, 'push', '--quiet', '--force', withLogin(access.git), 'HEAD:main')
    expect((await lab.run('lab', ['reset', 'noted'])).code).toBe(0)
    expect((await infra.get(noteRef))?.metadata.uid).toBe(uid)
    expect(await apps.get(noteRef)).toBeUndefined()
    expect((await status()).git.head).toBe(head)
  })

  test('a wiped cluster is a new one under the same address; the other and Git stay', async () => {
    const apps = await lab.cluster('lab-apps')
    await Promise.all([infra.apply(note), apps.apply(note)])
    const { head } = (await status()).git
    const uid = (await infra.get(system))?.metadata.uid
    expect((await lab.run('lab', ['wipe', '--context', 'lab-infra'])).code).toBe(0)
    expect(await infra.get(noteRef)).toBeUndefined()
    expect((await infra.get(system))?.metadata.uid).not.toBe(uid)
    expect(await apps.get(noteRef)).toBeDefined()
    expect((await status()).git.head).toBe(head)
    await infra.apply(note)
  })

  test('a name that was not taken is a usage error', async () => {
    const refused = await lab.run('lab', ['reset', 'notet'])
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('there is no snapshot "notet"; did you mean noted?')])
  })
})

describe('faults', () => {
  const set = async (fault: string): Promise<void> => expect((await lab.run('lab', ['fault', 'set', fault])).code).toBe(0)
  const clear = async (): Promise<void> => expect((await lab.run('lab', ['fault', 'clear'])).code).toBe(0)
  test.each(['api-down', 'git-down', 'registry-down'])('%s refuses connections until it is cleared', async (fault) => {
    const {
      clusters,
      git: { url },
      registry,
    } = await status()
    const addresses = { 'api-down': clusters[0]?.server ?? '', 'git-down': url, 'registry-down': `http://${registry.address}` }
    const reached = (): Promise<string[]> =>
      Promise.all(Object.entries(addresses).map(async ([name, at]) => `${name} ${await reach(new URL(at).host)}`))
    const expected = (isDown: boolean): string[] => Object.keys(addresses).map((name) => `${name} ${!(isDown && name === fault)}`)
    await set(fault)
    expect(await reached()).toEqual(expected(true))
    expect((await status()).faults).toEqual([fault])
    await clear()
    expect(await reached()).toEqual(expected(false))
  })

  test('api-slow makes every request late', async () => {
    await set('api-slow=300')
    const started = performance.now()
    await infra.read('/version')
    expect(performance.now() - started).toBeGreaterThan(300)
    await clear()
  })

  test('an image cannot be pulled until that is cleared', async () => {
    await set('image=web:1')
    const labels = { app: 'web' }
    const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'example.com/web:1' }] } }
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' } }
    await infra.apply(parseObject({ ...deployment, spec: { selector: { matchLabels: labels }, template } }))
    const podOf = async (): Promise<unknown> => (await infra.list(kinds.pod, { namespace: 'default', labels: 'app=web' }))[0]?.status
    const waiting = { containerStatuses: [{ state: { waiting: { reason: expect.stringMatching(/ImagePull/) } } }] }
    await expect.poll(podOf, { timeout: 60_000 }).toMatchObject(waiting)
    await clear()
    await expect.poll(podOf, { timeout: 60_000 }).toMatchObject({ containerStatuses: [{ ready: true }] })
  })
})

describe('two labs', () => {
  test('run side by side, and one goes down without the other', async () => {
    const home = mkdtempSync(join(tmpdir(), 'frb-lab-'))
    try {
      const up = await script('lab', ['up', '--json'], { home })
      const other = v.parse(statusSchema, documentOf(up))
      const own = await status()
      const portsOf = ({ processes }: LabStatus): number[] => processes.flatMap(({ ports }) => Object.values(ports))
      expect(portsOf(other).filter((port) => portsOf(own).includes(port))).toEqual([])
      expect((await script('lab', ['down'], { home })).code).toBe(0)
      expect((await status()).clusters.map(({ ready }) => ready)).toEqual([true, true])
    } finally {
      rmSync(home, { recursive: true })
    }
  })
})

describe('down', () => {
  test('leaves no process, no port and no state; the next up is a new, empty cluster', async () => {
    const before = await status()
    expect((await lab.run('lab', ['down'])).code).toBe(0)
    expect(before.processes.flatMap(({ pid, name }) => (pid !== undefined && startOf(pid) !== undefined ? [name] : []))).toEqual([])
    const ports = before.processes.flatMap(({ ports: used }) => Object.values(used))
    expect(ports.length).toBeGreaterThan(5)
    expect(await Promise.all(ports.map((port) => reach(`127.0.0.1:${port}`)))).toEqual(ports.map(() => false))
    expect(readdirSync(lab.home).filter((name) => ['clusters', 'git', 'snapshots', 'kubeconfig', 'sockets'].includes(name))).toEqual([])
    expect(existsSync(join(lab.home, 'logs', 'infra-kube-apiserver.log'))).toBe(true)
    expect((await lab.run('lab', ['down'])).stderr).toContain('the lab was down already')
    const away = await lab.run('lab', ['env'])
    expect([away.code, away.stdout, away.stderr]).toEqual([3, '', expect.stringContaining('npx zx scripts/lab.ts up')])
    const again = await lab.run('lab', ['up'])
    expect(again.code).toBe(0)
    expect(await lab.cluster('lab-infra').then((cluster) => cluster.get(noteRef))).toBeUndefined()
  })
})
