import type { InstallContext } from './installers/installer.ts'
import { type Preview, summarizeChanges } from './pulumi-output.ts'
import type { Stack } from './pulumi-stack.ts'

/** Builds a stack's project, and sums up what `pulumi up` would change; with what people should know of that before they consent. */
export async function buildAndPreview(
  stack: Stack,
  build: string | undefined,
  { console, isDryRun }: Pick<InstallContext, 'console' | 'isDryRun'>,
): Promise<Preview & { readonly notices: readonly string[] }> {
  const isOld = isDryRun && build !== undefined
  if (!isOld) await stack.build()
  console.action(`pulumi preview of stack ${stack.name}`)
  const preview = await stack.preview()
  for (const line of summarizeChanges(preview.changes)) console.line(`  ${line}`)
  return {
    ...preview,
    notices: isOld ? [`the preview shows the last build: a dry run writes no files, so it does not run ${build}`] : [],
  }
}
