/** Trials as processes on this machine, several at a time, each engine serving one after the other. */
import { availableParallelism } from 'node:os'
import pLimit from 'p-limit'
import { startTensorflow } from '../run/prepare.ts'
import { prepareTracking } from '../run/track.ts'
import { visibleCards } from '../setup/nvidia-cards.ts'
import { openEngines } from './engines.ts'
import type { Launcher } from './launcher.ts'
import { runPoint, type Bench } from './run-point.ts'
import type { SweepRequest } from './sweep-request.ts'
import { tellBehind } from './tell-behind.ts'
import { readTrial } from './trials.ts'
import type { Workspace } from '../run/workspace.ts'

export async function localLauncher(parallel: number | null, points: number, { loaded, workspace }: SweepRequest): Promise<Launcher> {
  const { runtime } = loaded.located.experiment
  const cards = runtime.device === 'cpu' ? [] : await visibleCards(workspace.environment)
  const atATime = Math.min(points, parallel ?? (cards.length > 0 ? cards.length : availableParallelism()))
  return {
    parallel: atATime,
    threads: runtime.threads ?? Math.max(1, Math.floor(availableParallelism() / atATime)),
    prepare: () => Promise.resolve(),
    async run(missing, { request, folder, journal, datasetOf, introduced, known, pruning }, onEnd) {
      const { listen, signal, readsTest, retriesFailed } = request
      const limit = pLimit(atATime)
      const [first] = missing
      if (!first) return
      const engines = openEngines((place) =>
        startTensorflow(first.loaded.located.experiment, { ...request, workspace: onCard(workspace, cards, place) }),
      )
      const telling = tellBehind()
      const bench: Bench = {
        ...{ sweep: folder, workspace, signal, readsTest, retriesFailed, pruning, engines, datasetOf },
        waitsForOthers: false,
        listen: (name, event) => listen({ type: 'trial-story', name, event }),
        trackingOf: (tracking, told) => telling.behind(prepareTracking(tracking, workspace, told, introduced)),
        // Whoever was at it may have gone on since.
        knownOf: async (digest) => {
          const before = known.get(digest)
          return before ? readTrial(before.folder) : null
        },
        onBegun: async (point, run) => {
          await journal.append({ type: 'trial-begun', point, run: run.id })
        },
      }
      try {
        const all = missing.map((point) => limit(async () => onEnd(point, await runPoint(point, bench))))
        for (const settled of await Promise.allSettled(all)) if (settled.status === 'rejected') throw settled.reason
      } finally {
        await Promise.all([engines.close(), telling.finish()])
      }
    },
  }
}

/** Several cards are dealt out in turn; one is everybody's. */
function onCard(workspace: Workspace, cards: readonly string[], place: number): Workspace {
  const card = cards[place % cards.length]
  if (card === undefined) return workspace
  return { ...workspace, environment: { ...workspace.environment, CUDA_VISIBLE_DEVICES: card } }
}
