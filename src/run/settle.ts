/** `runner list` speaks to MLflow only where that shows a run as RUNNING that was killed. */
import { findKilled, settleKilled } from './killed.ts'
import type { Listener } from './story.ts'
import { connect, messageOf } from './track.ts'
import type { Workspace } from './workspace.ts'

export async function settleKilledRuns(workspace: Workspace, listen: Listener): Promise<void> {
  if ((await findKilled(workspace)).length === 0) return
  try {
    const { client, release } = await connect(workspace, listen)
    await settleKilled(workspace, client).finally(release)
  } catch (error) {
    listen({ type: 'tracking-failed', message: `MLflow shows killed runs as RUNNING: ${messageOf(error)}` })
  }
}
