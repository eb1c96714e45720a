import { describe, expect, test } from 'vitest'
import { programOf } from '../../../lab/node/programs.ts'
import { probeUrl } from '../../../lab/node/readiness.ts'
import { podOf } from '../node-pod.ts'

const ports = { metrics: 1001, health: 1002, storage: 1003 }
const places = { storage: '/pod/storage', operatorData: '/operator/data' }

describe('the flags of', () => {
  test('source-controller serve artifacts where sources remember them', () => {
    expect(programOf('source-controller').flags(ports, places)).toEqual([
      '--metrics-addr=127.0.0.1:1001',
      '--health-addr=127.0.0.1:1002',
      '--enable-leader-election=false',
      '--events-addr=',
      '--storage-path=/pod/storage',
      '--storage-addr=127.0.0.1:1003',
      '--storage-adv-addr=127.0.0.1:1003',
    ])
  })
  test('flux-operator name the manifests it carries, and none it does not know', () => {
    const { flags, env } = programOf('flux-operator')
    expect(flags(ports, places)).toContain('--storage-path=/operator/data')
    expect(flags(ports, places).join()).not.toContain('events-addr')
    expect(env).toMatchObject({ GODEBUG: 'fips140=on', WEB_SERVER_PORT: '0' })
  })
  test('any other Flux program stay on loopback', () => {
    const addresses = programOf('helm-controller')
      .flags(ports, places)
      .filter((flag) => flag.includes('-addr=') && !flag.endsWith('='))
    expect(addresses).not.toHaveLength(0)
    for (const address of addresses) expect(address).toMatch(/=127\.0\.0\.1:\d+$/)
  })
})

describe('a readiness probe is asked', () => {
  const url = (program: string, container: object): string | undefined => {
    const [spec] = podOf({ spec: { containers: [{ name: 'manager', image: 'x', ...container }] } }).spec.containers
    return spec === undefined ? undefined : probeUrl(spec, programOf(program), ports)
  }
  test.each([
    ['by the name of its port', 'source-controller', { path: '/', port: 'http' }, 'http://127.0.0.1:1003/'],
    ['by the number of its port', 'flux-operator', { path: '/readyz', port: 8081 }, 'http://127.0.0.1:1002/readyz'],
    ['for metrics', 'helm-controller', { path: '/metrics', port: 8080 }, 'http://127.0.0.1:1001/metrics'],
  ])('%s', (_, program, httpGet, expected) => {
    expect(url(program, { ports: [{ name: 'http', containerPort: 9090 }], readinessProbe: { httpGet } })).toBe(expected)
  })
  test('by the port that the container’s own arguments name, where several share a pod', () => {
    const probe = {
      readinessProbe: { httpGet: { path: '/readyz', port: 'healthz-kc' } },
      ports: [{ name: 'healthz-kc', containerPort: 9794 }],
    }
    expect(url('kustomize-controller', { ...probe, args: ['--health-addr=:9794'] })).toBe('http://127.0.0.1:1002/readyz')
    expect(url('kustomize-controller', { ...probe, args: ['--health-addr=:9440'] })).toBe('http://127.0.0.1:9794/readyz')
  })
  test('nowhere where there is none, or none over HTTP', () => {
    expect(url('helm-controller', {})).toBeUndefined()
    expect(url('helm-controller', { readinessProbe: { tcpSocket: { port: 1 } } })).toBeUndefined()
  })
})
