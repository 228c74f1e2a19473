/** A sweep as a person sees it: what runs now in the live line, a line for each trial that ends, a table of variants. */
import type { EndedTrial } from '../sweep/ended-trial.ts'
import type { SweepSummary } from '../sweep/run-sweep.ts'
import type { SweepEvent } from '../sweep/sweep-request.ts'
import { foldSentence, spreadWord, variantName, type VariantSummary } from '../sweep/summary.ts'
import { showRun, type ShowOptions } from './show-run.ts'
import { duration, paint } from './terminal.ts'

interface Running {
  readonly epoch: number
  readonly epochs: number
  /** The sweep's metric at the last epoch that was kept. */
  readonly value?: number | undefined
}

export function showSweep({ terminal, cwd, isQuiet = false }: ShowOptions): (event: SweepEvent) => void {
  const showWhole = showRun({ terminal, cwd, isQuiet })
  const running = new Map<string, Running>()
  const reached = new Map<string, number | undefined>()
  let metric = ''
  let points = 0
  let done = 0
  let reused = 0
  let waiting = ''
  const reasonsSaid = new Set<string>()
  let started = performance.now()
  const live = (): void => {
    const now = [...running].map(runningTrial).join(' · ') + waiting
    const share = [...running.values()].reduce((sum, { epoch, epochs }) => sum + epoch / epochs, done - reused) / (points - reused)
    const seconds = (performance.now() - started) / 1000
    const left = share > 0 ? `   ${duration((seconds / share) * (1 - share))} left` : ''
    terminal.live(`  ${done}/${points} done${left}   ${now}`)
  }
  return (event) => {
    switch (event.type) {
      case 'sweep': {
        points = event.points
        metric = event.metric
        started = performance.now()
        const { parallel, threads } = event
        const atATime = parallel === null ? 'as many at a time as Slurm grants' : `${parallel} at a time`
        const how = `${atATime}, with ${threads} ${threads === 1 ? 'thread' : 'threads'} each`
        if (!isQuiet) terminal.say(`${paint('sweep', 'bold', terminal.color)}  ${points} points, ${how}`)
        return
      }
      case 'trial-story': {
        const { name, event: story } = event
        if (story.type === 'warnings' || story.type === 'tracking-failed') showWhole(story)
        if (story.type === 'planned') running.set(name, { epoch: story.resumeAfter ?? 0, epochs: story.experiment.training.epochs })
        if (story.type === 'journal') {
          const { event: written } = story
          if (written.type === 'run-started') running.set(name, { epoch: 0, epochs: written.epochs })
          if (written.type === 'epoch') reached.set(name, written.metrics[metric])
          const before = running.get(name)
          if (written.type === 'committed' && before) running.set(name, { ...before, epoch: written.epoch, value: reached.get(name) })
        }
        if (!isQuiet) live()
        return
      }
      case 'slurm':
        if (!isQuiet) terminal.say(slurmLine(event))
        return
      case 'queue': {
        waiting = event.waiting === 0 ? '' : `   ${event.waiting} in line (${event.reasons.join(', ')})`
        const unusual = event.reasons.filter((reason) => !ordinary.test(reason) && !reasonsSaid.has(reason))
        for (const reason of unusual) reasonsSaid.add(reason)
        if (unusual.length > 0) terminal.say(paint(`  Slurm lets trials wait: ${unusual.join(', ')}`, 'yellow', terminal.color))
        if (!isQuiet) live()
        return
      }
      case 'slurm-silent':
        terminal.say(paint(`  Slurm does not answer, and is asked again: ${event.message}`, 'yellow', terminal.color))
        return
      case 'trial-ended':
        running.delete(event.name)
        done += 1
        if (event.state === 'reused') reused += 1
        if (!isQuiet || event.state === 'failed')
          terminal.say(trialLine(event, metric, `${String(done).padStart(String(points).length)}/${points}`, terminal.color))
        return
      case 'warnings':
      case 'setup':
      case 'data':
      case 'planned':
      case 'training':
      case 'finishing':
      case 'journal':
      case 'tracking-failed':
        showWhole(event)
    }
  }
}

function runningTrial([name, { epoch, epochs, value }]: readonly [string, Running]): string {
  return `${name} ${epoch}/${epochs}${value === undefined ? '' : ` ${value.toFixed(3)}`}`
}

/** Why a task waits when all is well. */
const ordinary = /^(None|Resources|Priority|JobArrayTaskLimit|BeginTime|Dependency|)$/

function slurmLine({ what, job, trials }: Extract<SweepEvent, { readonly type: 'slurm' }>): string {
  const several = `${trials} ${trials === 1 ? 'trial' : 'trials'}`
  switch (what) {
    case 'submitted':
      return `  ${several} submitted to Slurm as job ${job}`
    case 'attached':
      return `  ${several} found in Slurm, in job ${job}`
    case 'left':
      return `  ${several} of job ${job} ${trials === 1 ? 'goes' : 'go'} on in Slurm. The same command watches again; scancel ${job} ends them.`
  }
}

const styles = { reused: 'dim', finished: 'green', pruned: 'dim', failed: 'red', interrupted: 'yellow' } as const

/** The sweep's metric, and one beside it. */
function trialLine({ name, state, metrics, reason }: EndedTrial, metric: string, place: string, color: boolean): string {
  const scores = [...new Set([metric, 'val/roc_auc', 'val/balanced_accuracy', 'val/accuracy'])]
    .flatMap((each) => (metrics[each] === undefined ? [] : [`${each.replace('val/', '')} ${metrics[each].toFixed(4)}`]))
    .slice(0, 2)
  const rest = reason === null ? scores.join('  ') : reason
  return `  ${place}  ${paint(state.padEnd(11), styles[state], color)}  ${name}  ${rest}`.trimEnd()
}

/** `command` is the one that was given, without `--failed`: the same takes the sweep up again. */
export function renderSweep(
  { metric, variants, trials, tracking, folder: { id } }: SweepSummary,
  { color, folder, command }: { readonly color: boolean; readonly folder: string; readonly command: readonly string[] },
): string {
  const width = Math.max('variant'.length, ...variants.map((variant) => variantName(variant).length))
  const folds = variants[0]?.folds
  const counted = folds ? 'trials' : 'seeds'
  const heading = `  ${'variant'.padEnd(width)}  ${counted}  ${metric.padStart(10)}  95 % over ${spreadWord(variants)}`
  const missing = trials.filter(({ state }) => state === 'failed' || state === 'interrupted').length
  const again = [...command, ...(trials.some(({ state }) => state === 'failed') ? ['--failed'] : [])].map(quoted).join(' ')
  const facts = [
    ['sweep', folder],
    ['MLflow', tracking.isComplete ? (tracking.url ?? `./runner ui ${id}`) : `has not got everything yet: ./runner sync ${id}`],
    ['compare', `runner compare ${folder}`],
    ...(missing > 0 ? [['again', `${missing} of ${trials.length} points are missing: ${again}`]] : []),
  ] as const
  return [
    '',
    paint(heading, 'dim', color),
    ...variants.map((variant) => variantLine(variant, width, counted.length)),
    ...(folds ? [paint(`  ${foldSentence(folds.planned)}`, 'dim', color)] : []),
    '',
    ...facts.map(([name = '', fact = '']) => `  ${paint(name.padEnd(8), 'dim', color)}${fact}`),
  ].join('\n')
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

function variantLine(variant: VariantSummary, width: number, counts: number): string {
  const { values, planned, pruned, folds, mean, interval } = variant
  const count = values.length === planned ? String(planned) : `${values.length}/${planned}`
  const range = interval ? `${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}` : ''
  const lacks = values.length > 0 && folds && folds.missing > 0 ? `nothing of ${folds.missing} of ${folds.planned} folds` : range
  const note = pruned > 0 ? `${pruned} pruned` : lacks
  return `  ${variantName(variant).padEnd(width)}  ${count.padStart(counts)}  ${(mean?.toFixed(4) ?? '–').padStart(10)}  ${note}`.trimEnd()
}
