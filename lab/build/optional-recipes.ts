import { kubernetesVersion, readModuleRecipe, type Recipe } from './recipe.ts'

/**
 * The recipe of what proves the monitoring: Prometheus' promtool, Alertmanager, and VictoriaMetrics to scrape the lab. Built by the tests
 * that want it only.
 */
export function readMonitoringRecipe(): Promise<Recipe> {
  const [alertmanager, prometheus] = ['github.com/prometheus/alertmanager', 'github.com/prometheus/prometheus']
  const victoria = 'github.com/VictoriaMetrics/VictoriaMetrics'
  return readModuleRecipe('monitoring', (versionOf) => ({
    name: 'monitoring',
    title: "the lab's monitoring",
    usually: 'some three minutes, once',
    programs: [
      { name: 'alertmanager', package: `${alertmanager}/cmd/alertmanager`, version: versionOf(alertmanager) },
      { name: 'promtool', package: `${prometheus}/cmd/promtool`, version: versionOf(prometheus) },
      { name: 'victoria-metrics', package: `${victoria}/app/victoria-metrics`, version: versionOf(victoria) },
    ],
    tags: 'remove_all_sd', // promtool without the libraries of two dozen clouds
    embedded: [{ to: `${alertmanager}/ui/app/dist/index.html`, text: 'The lab is built without the web interface.\n' }],
    // Only files are wanted of it, so go.mod requires none of it.
    beside: [
      { module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0', folder: 'example/prometheus-operator-crd', to: 'crds' },
    ],
  }))
}

/** The recipe of Git's way over SSH, which no Node and not every machine has a server for. Only a test wants it. */
export function readSshRecipe(): Promise<Recipe> {
  return readModuleRecipe('ssh-server', (versionOf) => ({
    name: 'ssh-server',
    title: "the lab's SSH server",
    usually: 'half a minute, once',
    files: ['go.mod', 'go.sum', 'main.go'],
    programs: [{ name: 'ssh-server', package: 'lab/ssh-server', version: versionOf('golang.org/x/crypto') }],
  }))
}

/** The recipe of helm 3, which most people still have; the default set's is helm 4. */
export function readHelmRecipe(): Promise<Recipe> {
  const module = 'helm.sh/helm/v3'
  return readModuleRecipe('helm-3', (versionOf) => {
    const version = versionOf(module)
    return {
      name: 'helm-3',
      title: 'helm 3',
      usually: 'half a minute, once',
      programs: [{ name: 'helm', package: `${module}/cmd/helm`, version, variables: { [`${module}/internal/version.version`]: version } }],
    }
  })
}

/** The kubectl that the lab can have the scripts use in place of its own, one minor version away from its API servers. */
export const olderKubectl = '1.35'

/** The recipe of that kubectl. */
export function readKubectlRecipe(): Promise<Recipe> {
  const path = `kubectl-${olderKubectl}`
  return readModuleRecipe(path, (versionOf) => {
    const version = versionOf('k8s.io/kubectl').replace(/^v0\./, 'v1.') // its module is numbered so
    return {
      name: path,
      title: `kubectl ${olderKubectl}`,
      usually: 'some three minutes, once',
      files: ['go.mod', 'go.sum', 'main.go'],
      programs: [{ name: 'kubectl', package: `lab/${path}`, version, variables: kubernetesVersion(version) }],
    }
  })
}
