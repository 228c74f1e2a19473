/** The plan for programs: what `runner plan --format json` prints. Sizes in bytes, counts of one image where nothing else is said. */
import { splitNames } from '../dataset/manifest.ts'
import { activationBytes, costsOf, countTrainable, type MemoryEstimate } from '../network/memory.ts'
import { planVariants, type VariantPlan } from './sweep-plan.ts'
import { memoryOf, stepsOf, type Steps, type WholePlan } from './plan.ts'

export interface PlanRecord {
  readonly name: string
  readonly network: {
    readonly inputShape: readonly number[]
    readonly classes: readonly string[]
    readonly head: 'softmax' | 'sigmoid'
    readonly layers: readonly LayerRecord[]
    readonly trainable: number
    readonly nonTrainable: number
    readonly multiplyAdds: number
    readonly activationBytes: number
  }
  readonly training: { readonly epochs: number; readonly batchSize: number; readonly optimizer: string }
  /** Null where the images are at fault, as is the split. */
  readonly steps: Steps | null
  readonly split: Readonly<Record<string, SplitRecord>> | null
  /** What makes the numbers of a run mean something else; null where it is not known. */
  readonly isSynthetic: boolean | null
  readonly memory: MemoryEstimate
  /** Null where the file stands for one run; else its points, a record for each variant. */
  readonly sweep: readonly VariantPlan[] | null
}

interface LayerRecord {
  readonly name: string
  readonly kind: string
  readonly outputShape: readonly number[]
  readonly trainable: number
  readonly nonTrainable: number
  readonly multiplyAdds: number
  readonly activationBytes: number
}

interface SplitRecord {
  /** Images of each class, by its name. */
  readonly classes: Readonly<Record<string, number>>
  /** Patients, or whatever the split keeps together. */
  readonly groups: number
}

export function planRecord(plan: WholePlan): PlanRecord {
  const { experiment, network, dataset } = plan
  const { training, optimizer } = experiment
  const { multiplyAdds, activations } = costsOf(network)
  const bytes = activationBytes(network)
  const classes = experiment.dataset.classes.map(({ name }) => name)
  return {
    name: experiment.name,
    network: {
      inputShape: network.inputShape,
      classes,
      head: network.head,
      layers: network.layers.map((planned, index) => ({
        name: planned.layer.name,
        kind: planned.layer.kind,
        outputShape: planned.outputShape,
        ...countTrainable(planned),
        multiplyAdds: planned.multiplyAdds,
        activationBytes: bytes[index] ?? 0,
      })),
      trainable: network.trainable,
      nonTrainable: network.nonTrainable,
      multiplyAdds,
      activationBytes: activations,
    },
    training: { epochs: training.epochs, batchSize: training.batchSize, optimizer: optimizer.kind },
    steps: dataset && stepsOf({ experiment, dataset }),
    split: dataset && Object.fromEntries(splitNames.map((split) => [split, splitRecord(dataset.counts[split], classes)])),
    isSynthetic: dataset && dataset.isSynthetic,
    memory: memoryOf(plan),
    sweep: plan.sweep ? planVariants(plan.sweep) : null,
  }
}

function splitRecord({ classes, groups }: { classes: readonly number[]; groups: number }, names: readonly string[]): SplitRecord {
  return { classes: Object.fromEntries(names.map((name, index) => [name, classes[index] ?? 0])), groups }
}
