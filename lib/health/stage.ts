import type { Session } from '../session.ts'
import type { Settings } from '../settings.ts'
import type { Target } from '../target.ts'
import { type Scene, setScene } from './scene.ts'

/** The scene of the cluster that a script has reached. */
export function sceneOf({ session, target, settings }: { session: Session; target: Target; settings: Settings }): Scene {
  const { kubectl, remote } = target
  return setScene({
    cluster: session.cluster,
    kubectl,
    login: remote.login,
    folder: session.folder,
    monitoring: settings.PROMETHEUS_URL,
  })
}
