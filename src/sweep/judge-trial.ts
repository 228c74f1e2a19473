/** The judge of a sweep's trials: it reads what all of them have journalled, lets the pruner decide, and journals that before it answers. */
import type { Prune } from '../experiment/schema/sweep.ts'
import { goalOf } from '../experiment/schema/training.ts'
import type { Pruning, Recorded } from '../journal/events.ts'
import type { RunFolder } from '../journal/run-folder.ts'
import { foldRun } from '../journal/run-state.ts'
import type { EpochJudge } from '../run/train.ts'
import { makePruner, type Shown } from './pruner.ts'
import { knownTrials } from './trials.ts'

/** As the file says it, with the metric that it rests on. */
export interface PruningRule {
  readonly prune: Prune
  readonly metric: string
}

/** `planned`: the trial's epochs. What was decided before stands, whatever the others have shown since. */
export function judgeTrial(sweep: RunFolder, { prune, metric }: PruningRule, planned: number): EpochJudge {
  const pruner = makePruner(prune, goalOf(metric))
  return {
    epochs: pruner.epochs(planned),
    async judge(epoch, journal) {
      const before = journal.events.find((event) => event.type === 'pruning' && event.epoch === epoch)
      if (before?.type === 'pruning') return before.goesOn ? null : reasonOf(before, planned)
      const trial = readShown(journal.events, metric)
      if (!trial) return null
      const others = [...(await knownTrials(sweep)).values()].flatMap(({ events }) => readShown(events, metric) ?? [])
      const peers = others.filter(({ run, block }) => run !== trial.run && block === trial.block)
      const judgement = pruner.judge(trial, peers, epoch, planned)
      const event = { type: 'pruning', rule: pruner.rule, epoch, metric, ...judgement } as const
      await journal.append(event)
      return event.goesOn ? null : reasonOf(event, planned)
    },
  }
}

export interface ShownTrial extends Shown {
  /** Its seed and its validation images: only trials in which these are the same are compared. */
  readonly block: string
}

/** Null for a run that never began. At each epoch it is the value of the epoch that would be selected if it were the last. */
export function readShown(events: readonly Recorded[], metric: string): ShownTrial | null {
  const { started, committed } = foldRun(events)
  if (!started) return null
  const validation = events.find((event) => event.type === 'dataset' && event.context === 'validation')
  const isBest = new Map(events.flatMap((event) => (event.type === 'committed' ? [[event.epoch, event.isBest] as const] : [])))
  const values: number[] = []
  for (const { epoch, metrics } of committed) values[epoch - 1] = (isBest.get(epoch) === true ? metrics[metric] : values[epoch - 2]) ?? NaN
  const digest = validation?.type === 'dataset' ? validation.digest : ''
  return { run: started.run, block: `${started.seed} ${digest}`, values }
}

function reasonOf({ rule, epoch, metric, value, threshold, comparedWith }: Pruning, planned: number): string {
  const shown = Number.isFinite(value) ? value.toFixed(4) : `is ${value}`
  const bar = rule === 'median' ? 'the median' : 'the last that goes on'
  return `pruned after epoch ${epoch} of ${planned}: ${metric} ${shown}, and ${bar} of ${comparedWith.length} others has ${(threshold ?? NaN).toFixed(4)}`
}
