import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../lib/base/paths.ts'
import { kubernetesVersion, type Recipe, requiredVersion, requirements } from './recipe.ts'

/**
 * The recipe of what proves the monitoring: Prometheus' promtool, Alertmanager, and VictoriaMetrics to scrape the lab. Built by the tests
 * that want it only.
 */
export async function readMonitoringRecipe(): Promise<Recipe> {
  const folder = join(packageRoot, 'lab', 'monitoring')
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8')
  const [alertmanager, prometheus] = ['github.com/prometheus/alertmanager', 'github.com/prometheus/prometheus']
  const victoria = 'github.com/VictoriaMetrics/VictoriaMetrics'
  return {
    name: 'monitoring',
    title: "the lab's monitoring",
    usually: 'some three minutes, once',
    folder,
    files: ['go.mod', 'go.sum'],
    modules: requirements(goMod),
    programs: [
      { name: 'alertmanager', package: `${alertmanager}/cmd/alertmanager`, version: requiredVersion(goMod, alertmanager) },
      { name: 'promtool', package: `${prometheus}/cmd/promtool`, version: requiredVersion(goMod, prometheus) },
      { name: 'victoria-metrics', package: `${victoria}/app/victoria-metrics`, version: requiredVersion(goMod, victoria) },
    ],
    tags: 'remove_all_sd', // promtool without the libraries of two dozen clouds
    embedded: [{ to: `${alertmanager}/ui/app/dist/index.html`, text: 'The lab is built without the web interface.\n' }],
    // Only files are wanted of it, so go.mod requires none of it.
    beside: [
      { module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0', folder: 'example/prometheus-operator-crd', to: 'crds' },
    ],
  }
}

/** The recipe of Git's way over SSH, which no Node and not every machine has a server for. Only a test wants it. */
export async function readSshRecipe(): Promise<Recipe> {
  const folder = join(packageRoot, 'lab', 'ssh-server')
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8')
  return {
    name: 'ssh-server',
    title: "the lab's SSH server",
    usually: 'half a minute, once',
    folder,
    files: ['go.mod', 'go.sum', 'main.go'],
    modules: requirements(goMod),
    programs: [{ name: 'ssh-server', package: 'lab/ssh-server', version: requiredVersion(goMod, 'golang.org/x/crypto') }],
    embedded: [],
    beside: [],
  }
}

/** The recipe of helm 3, which most people still have; the default set's is helm 4. */
export async function readHelmRecipe(): Promise<Recipe> {
  const folder = join(packageRoot, 'lab', 'helm-3')
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8')
  const module = 'helm.sh/helm/v3'
  const version = requiredVersion(goMod, module)
  return {
    name: 'helm-3',
    title: 'helm 3',
    usually: 'half a minute, once',
    folder,
    files: ['go.mod', 'go.sum'],
    modules: requirements(goMod),
    programs: [{ name: 'helm', package: `${module}/cmd/helm`, version, variables: { [`${module}/internal/version.version`]: version } }],
    embedded: [],
    beside: [],
  }
}

/** The kubectl that the lab can have the scripts use in place of its own, one minor version away from its API servers. */
export const olderKubectl = '1.35'

/** The recipe of that kubectl. */
export async function readKubectlRecipe(): Promise<Recipe> {
  const folder = join(packageRoot, 'lab', `kubectl-${olderKubectl}`)
  const goMod = await readFile(join(folder, 'go.mod'), 'utf8')
  const version = requiredVersion(goMod, 'k8s.io/kubectl').replace(/^v0\./, 'v1.') // its module is numbered so
  return {
    name: `kubectl-${olderKubectl}`,
    title: `kubectl ${olderKubectl}`,
    usually: 'some three minutes, once',
    folder,
    files: ['go.mod', 'go.sum', 'main.go'],
    modules: requirements(goMod),
    programs: [{ name: 'kubectl', package: `lab/kubectl-${olderKubectl}`, version, variables: kubernetesVersion(version) }],
    embedded: [],
    beside: [],
  }
}
