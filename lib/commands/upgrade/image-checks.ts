import { printable } from '../../base/shell-line.ts'
import { commandOf } from './commands.ts'
import type { UpgradeStage } from './stage.ts'
import { commitOf, checkpoint, readUpgradeState, type UpgradeState } from './state.ts'
import type { BranchVersions } from './steps/git-versions.ts'
import type { ImageCheck } from './steps/image-check.ts'

/** The images of an upgrade. Where Git says the new version already, Flux is on its way to it: then it is followed, and rolled back if it fails. */
export function upgradeImages(stage: UpgradeStage, notes: UpgradeState, at: BranchVersions): ImageCheck {
  return {
    ...imagesOf(stage, notes, commandOf(stage, notes)),
    async settled(signal) {
      const { imagesChecked = '' } = readUpgradeState(stage.memory) ?? {}
      if (imagesChecked !== '') return imagesChecked
      const inGit = await at.read(signal).catch(() => undefined) // the next step tells why Git does not answer
      return inGit?.isSo === true || commitOf(stage.memory) !== '' ? 'not checked: Git has this version already' : undefined
    },
  }
}

/** Those of a rollback: of what is rolled back to. */
export function rollbackImages(stage: UpgradeStage, notes: UpgradeState): ImageCheck {
  const { target, memory, branch } = stage
  const flags = ['--to', notes.to.flux, ...(branch === undefined ? [] : ['--branch', branch])]
  return {
    ...imagesOf(stage, notes, `npx zx scripts/${stage.script}.ts ${target.where} ${printable(flags)}`),
    settled() {
      const { imagesChecked = '', isGoingBack: isRollingBack = false } = readUpgradeState(memory) ?? {}
      if (imagesChecked !== '') return Promise.resolve(imagesChecked)
      return Promise.resolve(isRollingBack ? 'not checked: the run had already started' : undefined)
    },
  }
}

/** Those of an upgrade by a Pulumi stack. */
export function stackImages(stage: UpgradeStage, notes: UpgradeState, isChanged: () => boolean): ImageCheck {
  return {
    ...imagesOf(stage, notes, commandOf(stage, notes)),
    settled() {
      const { imagesChecked = '' } = readUpgradeState(stage.memory) ?? {}
      if (imagesChecked !== '') return Promise.resolve(imagesChecked)
      return Promise.resolve(isChanged() ? 'not checked: the stack has this version already' : undefined)
    },
  }
}

function imagesOf({ session, memory }: UpgradeStage, notes: UpgradeState, command: string): Omit<ImageCheck, 'settled'> {
  return {
    notes,
    checked: (imagesChecked) => checkpoint(memory, { imagesChecked }),
    cleanup: session.cleanupClient,
    without: `${command} --no-image-check`,
  }
}
