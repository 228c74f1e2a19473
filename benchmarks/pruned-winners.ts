/**
 * How often pruning would have stopped the best: a recorded sweep, trained to its end without pruning, replayed through each pruner over many
 * orders of arrival, fixed seed, no training.
 * usage: npm run pruned-winners [-- RECORDED.json | SWEEP-FOLDER] [--record FILE]
 */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import type { Prune } from '../src/experiment/schema/sweep.ts'
import { goalOf, type Goal } from '../src/experiment/schema/training.ts'
import { readJournal } from '../src/journal/journal.ts'
import { runFolder } from '../src/journal/run-folder.ts'
import { foldRun } from '../src/journal/run-state.ts'
import { keyOf, permutation } from '../src/random/philox.ts'
import { trialTag } from '../src/run/begin.ts'
import { readShown } from '../src/sweep/judge-trial.ts'
import { bestFirst, makePruner } from '../src/sweep/pruner.ts'
import { knownTrials } from '../src/sweep/trials.ts'

interface RecordedTrial {
  readonly run: string
  readonly variant: string
  /** The seed and the validation images: only within it are trials compared. */
  readonly block: string
  /** Of each epoch. */
  readonly seconds: readonly number[]
  /** By epochs: what the trial would have ended with there. */
  readonly values: readonly number[]
}

interface RecordedSweep {
  readonly version: 1
  readonly name: string
  readonly metric: string
  readonly trials: readonly RecordedTrial[]
}

const orders = 1000
const workers = 2

const pruners: readonly (readonly [string, Prune])[] = [
  ['median, as it is by default', { median: { warmup: null, trials: 4 } }],
  ['median, after 3 epochs', { median: { warmup: 3, trials: 4 } }],
  ['median, after the first epoch', { median: { warmup: 1, trials: 4 } }],
  ['successiveHalving, as it is by default', { successiveHalving: { warmup: null, trials: 4, factor: 2 } }],
  ['successiveHalving, factor 3', { successiveHalving: { warmup: null, trials: 4, factor: 3 } }],
  ['successiveHalving, after 3 epochs', { successiveHalving: { warmup: 3, trials: 4, factor: 3 } }],
  ['successiveHalving, after the first epoch', { successiveHalving: { warmup: 1, trials: 4, factor: 3 } }],
]

async function recordSweep(path: string): Promise<RecordedSweep> {
  const { events } = await readJournal(runFolder(path).journal)
  const metric = events.flatMap((event) => (event.type === 'parameters' ? (event.values['sweep.metric'] ?? []) : []))[0] ?? 'val/roc_auc'
  const trials = [...(await knownTrials(runFolder(path))).values()].flatMap((trial): RecordedTrial[] => {
    const shown = readShown(trial.events, metric)
    const { started, committed } = foldRun(trial.events)
    if (!shown || trial.state !== 'finished') return []
    return [
      {
        run: started?.name ?? shown.run,
        variant: started?.tags[trialTag.variant] ?? '',
        block: shown.block,
        seconds: committed.map(({ seconds }) => Number(seconds.toFixed(3))),
        values: shown.values.map((value) => Number(value.toPrecision(7))),
      },
    ]
  })
  return { version: 1, name: foldRun(events).started?.name ?? '', metric, trials }
}

interface Replayed {
  readonly stopped: ReadonlySet<RecordedTrial>
  readonly epochs: number
}

/** Two trials at a time, each epoch as long as it was. */
function replay(queue: readonly RecordedTrial[], prune: Prune, goal: Goal): Replayed {
  const pruner = makePruner(prune, goal)
  const done = new Map<RecordedTrial, number>()
  const stopped = new Set<RecordedTrial>()
  const waiting = [...queue]
  const running: { trial: RecordedTrial; at: number }[] = []
  const begin = (at: number): void => {
    const trial = waiting.shift()
    if (trial) running.push({ trial, at: at + (trial.seconds[0] ?? 0) })
  }
  for (let worker = 0; worker < workers; worker++) begin(0)
  for (;;) {
    const [next] = running.sort((a, b) => a.at - b.at)
    if (!next) break
    const { trial } = next
    const planned = trial.values.length
    const epoch = (done.get(trial) ?? 0) + 1
    done.set(trial, epoch)
    const others = queue
      .filter((other) => other !== trial && other.block === trial.block)
      .map((other) => ({ run: other.run, values: other.values.slice(0, done.get(other) ?? 0) }))
    const goesOn = !pruner.epochs(planned).includes(epoch) || pruner.judge(trial, others, epoch, planned).goesOn
    if (!goesOn) stopped.add(trial)
    if (goesOn && epoch < planned) next.at += trial.seconds[epoch] ?? 0
    else {
      running.splice(running.indexOf(next), 1)
      begin(next.at)
    }
  }
  return { stopped, epochs: [...done.values()].reduce((a, b) => a + b, 0) }
}

function last({ values }: RecordedTrial): number {
  return values.at(-1) ?? NaN
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length
}

const { values: options, positionals } = parseArgs({ options: { record: { type: 'string' } }, allowPositionals: true })
const source = positionals[0] ?? 'benchmarks/recorded/learning-rate.json'
const sweep = (await stat(source)).isDirectory() ? await recordSweep(source) : (JSON.parse(await readFile(source, 'utf8')) as RecordedSweep)
if (options.record !== undefined) await writeFile(options.record, `${JSON.stringify(sweep, null, 1)}\n`)

const { trials, metric } = sweep
const goal = goalOf(metric)
const order = bestFirst(goal)
const blocks = [...new Set(trials.map(({ block }) => block))]
const variants = [...new Set(trials.map(({ variant }) => variant))]
const ofVariant = (variant: string): RecordedTrial[] => trials.filter((trial) => trial.variant === variant)
const ranked = [...variants].sort((a, b) => order(meanOf(ofVariant(a).map(last)), meanOf(ofVariant(b).map(last))))
const best = ranked[0] ?? ''
const planned = trials.reduce((sum, { values }) => sum + values.length, 0)
const bestOf = (some: readonly RecordedTrial[]): RecordedTrial | undefined => [...some].sort((a, b) => order(last(a), last(b)))[0]

console.log(`${sweep.name}: ${variants.length} variants, ${blocks.length} seeds, ${planned} epochs, by ${metric}; best on average ${best}`)
console.log(`${orders} orders of arrival, ${workers} at a time\n`)
console.log(`${''.padEnd(42)}best variant   best of a seed   left of it   epochs`)
console.log(`${''.padEnd(42)}     stopped          stopped    is worse   saved`)
for (const [name, prune] of pruners) {
  let lostVariant = 0
  let lostTrials = 0
  let regret = 0
  let epochs = 0
  for (let arrival = 0; arrival < orders; arrival++) {
    const queue = blocks.flatMap((block, index) => {
      const own = trials.filter((trial) => trial.block === block)
      return [...permutation(keyOf(1, 'pruned-winners', arrival, index), own.length)].flatMap((position) => own[position] ?? [])
    })
    const replayed = replay(queue, prune, goal)
    epochs += replayed.epochs
    if (ofVariant(best).some((trial) => replayed.stopped.has(trial))) lostVariant += 1
    for (const block of blocks) {
      const own = trials.filter((trial) => trial.block === block)
      const [winner, left] = [bestOf(own), bestOf(own.filter((trial) => !replayed.stopped.has(trial)))]
      if (!winner || !left) continue
      if (left !== winner) lostTrials += 1
      regret += Math.abs(last(winner) - last(left))
    }
  }
  const cells = [
    `${((100 * lostVariant) / orders).toFixed(1)} %`.padStart(12),
    `${((100 * lostTrials) / orders / blocks.length).toFixed(1)} %`.padStart(14),
    (regret / orders / blocks.length).toFixed(4).padStart(10),
    `${(100 * (1 - epochs / orders / planned)).toFixed(0)} %`.padStart(6),
  ]
  console.log(`${name.padEnd(42)}${cells.join('   ')}`)
}
