/** `runner diff A B`: what two experiments mean differently, and what the difference costs. No image is touched. */
import { diffExperiments, type ExperimentDiff } from '../experiment/diff.ts'
import { costsOf } from '../network/memory.ts'
import { loadChecked } from './load.ts'
import { memoryOf } from './plan.ts'
import type { Listener } from './story.ts'
import type { Workspace } from './workspace.ts'

export interface DiffRequest {
  readonly before: string
  readonly after: string
  /** Applied to the second: one file twice shows what settings change. */
  readonly set: readonly string[]
  readonly workspace: Workspace
  readonly listen: Listener
}

export interface WholeDiff extends ExperimentDiff {
  readonly costs: readonly CostChange[]
}

export interface CostChange {
  readonly what: string
  readonly unit: 'count' | 'bytes'
  readonly before: number
  readonly after: number
}

/** Throws `Fault` where one of the files is at fault. */
export async function diffFiles({ before, after, set, workspace, listen }: DiffRequest): Promise<WholeDiff> {
  const loaded = [await loadChecked(before, [], workspace), await loadChecked(after, set, workspace)] as const
  for (const { diagnostics, sources } of loaded) if (diagnostics.length > 0) listen({ type: 'warnings', diagnostics, sources })
  const [a, b] = loaded
  const [costsBefore, costsAfter] = [costs(a), costs(b)]
  return {
    ...diffExperiments(a.located.experiment, b.located.experiment),
    costs: costsBefore.map(({ what, unit, value }, index) => ({ what, unit, before: value, after: costsAfter[index]?.value ?? 0 })),
  }
}

interface Cost {
  readonly what: string
  readonly unit: CostChange['unit']
  readonly value: number
}

function costs({ located: { experiment }, network }: Awaited<ReturnType<typeof loadChecked>>): readonly Cost[] {
  const { multiplyAdds, activations } = costsOf(network)
  const memory = memoryOf({ experiment, network, dataset: null })
  return [
    { what: 'parameters', unit: 'count', value: network.trainable + network.nonTrainable },
    { what: 'of them to train', unit: 'count', value: network.trainable },
    { what: 'multiply-adds of an image', unit: 'count', value: multiplyAdds },
    { what: 'activations of an image', unit: 'bytes', value: activations },
    { what: 'kept by the optimizer', unit: 'bytes', value: memory.optimizer },
    { what: 'a training step', unit: 'bytes', value: memory.trainStep },
    { what: 'memory at most, images aside', unit: 'bytes', value: memory.peak.train },
  ]
}
