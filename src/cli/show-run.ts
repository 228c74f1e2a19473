/** A training as a person sees it while it goes on: what it is about, then an epoch a line. */
import { isAbsolute, relative } from 'node:path'
import { renderDiagnostics } from '../diagnostics/frame.ts'
import type { Progress, TrainingEvent } from '../engine/protocol.ts'
import type { Experiment } from '../experiment/experiment.ts'
import type { EngineStarted, EpochEnded } from '../journal/events.ts'
import { stepsPerEpoch } from '../network/schedule.ts'
import { splitLines } from '../run/plan.ts'
import type { ImageProgress, Listener, StoryEvent } from '../run/story.ts'
import { caveats } from './caveats.ts'
import { bar, counted, duration, paint, type Terminal } from './terminal.ts'

type Planned = Extract<StoryEvent, { type: 'planned' }>

export interface ShowOptions {
  readonly terminal: Terminal
  /** Paths in it are shown relative to it. */
  readonly cwd: string
  /** Warnings only. */
  readonly isQuiet?: boolean
}

export function showRun({ terminal, cwd, isQuiet = false }: ShowOptions): Listener {
  let showTraining = trainingShower(terminal, false)
  const showData = dataShower(terminal)
  return (event) => {
    if (isQuiet && !isWarning(event)) return
    switch (event.type) {
      case 'warnings':
        terminal.say(renderDiagnostics(event.diagnostics, event.sources, { color: terminal.color }))
        return
      case 'setup': {
        const { state, text } = event.progress
        if (state === 'working') terminal.live(`  ${text}`)
        else terminal.say(`${state === 'done' ? paint('✓', 'green', terminal.color) : '·'} ${text}`)
        return
      }
      case 'data':
        showData(event.progress)
        return
      case 'planned':
        terminal.say(header(event, terminal, cwd))
        showTraining = trainingShower(terminal, event.experiment.training.select !== null)
        return
      case 'training':
        showTraining(event.event)
        return
      case 'finishing':
        terminal.live(`  ${event.what}`)
        return
      case 'tracking-failed':
        terminal.say(
          `${paint('warning', 'yellow', terminal.color)}  MLflow: ${event.message}. The journal has everything: runner sync sends it later.`,
        )
        return
      case 'journal':
        return
    }
  }
}

function isWarning(event: StoryEvent): boolean {
  return event.type === 'warnings' || event.type === 'tracking-failed' || (event.type === 'training' && event.event.type === 'warning')
}

/** Rate and time left of what is read or made; what was there already is not mentioned. */
function dataShower(terminal: Terminal): (progress: ImageProgress) => void {
  const begun = new Map<string, number>()
  return ({ what, done, total }) => {
    const now = performance.now()
    const started = begun.get(what) ?? now
    begun.set(what, started)
    if (done === total) {
      terminal.say(`${paint('✓', 'green', terminal.color)} ${what}: ${counted(total)}`)
      return
    }
    const perSecond = (done / (now - started)) * 1000
    const rate =
      Number.isFinite(perSecond) && done > 0 ? `${counted(Math.round(perSecond))}/s   ${duration((total - done) / perSecond)} left` : ''
    terminal.live(`  ${what}  ${bar(done / total)}  ${counted(done)}/${counted(total)}   ${rate}`)
  }
}

/** An epoch is shown when its checkpoint is on disk: only then does it count. The best so far is marked where the experiment selects one. */
function trainingShower(terminal: Terminal, isSelecting: boolean): (event: TrainingEvent) => void {
  let pending: EpochEnded | null = null
  let hasHeading = false
  let first: { readonly at: number; readonly share: number } | null = null
  return (event) => {
    switch (event.type) {
      case 'preparing':
        terminal.live(`  ${event.what}`)
        return
      case 'paused':
        return
      case 'progress': {
        const share = (event.epoch - 1 + event.step / event.steps) / event.epochs
        first ??= { at: performance.now(), share }
        const left = ((performance.now() - first.at) / 1000 / (share - first.share)) * (1 - share)
        terminal.live(progressLine(event, left))
        return
      }
      case 'epoch':
        pending = event
        return
      case 'committed':
        if (!pending) return
        if (!hasHeading) terminal.say(paint(epochHeading, 'dim', terminal.color))
        hasHeading = true
        terminal.say(epochLine(pending, isSelecting && event.isBest, terminal))
        return
      case 'warning':
        terminal.say(`${paint('warning', 'yellow', terminal.color)}  ${event.code}\n  ${event.message}`)
        return
      case 'stopped-early':
        terminal.say(`\n  stopped early: ${event.metric} was best in epoch ${event.bestEpoch}`)
        return
    }
  }
}

/** `left` in seconds; not finite at the beginning. */
function progressLine({ epoch, epochs, step, steps, loss, accuracy, imagesPerSecond }: Progress, left: number): string {
  const parts = [
    `epoch ${epoch}/${epochs}  ${bar(step / steps)}  step ${String(step).padStart(String(steps).length)}/${steps}`,
    `${counted(Math.round(imagesPerSecond))} images/s`,
    `loss ${loss.toFixed(4)}`,
    `accuracy ${accuracy.toFixed(3)}`,
    ...(Number.isFinite(left) ? [`${duration(left)} left`] : []),
  ]
  return `  ${parts.join('   ')}`
}

const columns = [
  ['loss', 'train/loss', 4],
  ['accuracy', 'train/accuracy', 3],
  ['val loss', 'val/loss', 4],
  ['accuracy', 'val/accuracy', 3],
  ['balanced', 'val/balanced_accuracy', 3],
  ['AUC', 'val/roc_auc', 3],
] as const
const epochHeading = `  epoch${columns.map(([title]) => title.padStart(11)).join('')}       time`

function epochLine({ epoch, metrics, seconds }: EpochEnded, isBest: boolean, terminal: Terminal): string {
  const cells = columns.map(([, name, digits]) => (metrics[name]?.toFixed(digits) ?? '–').padStart(11))
  const line = `  ${String(epoch).padStart(5)}${cells.join('')}  ${duration(seconds).padStart(9)}`
  return isBest ? `${line}  ${paint('best', 'green', terminal.color)}` : line
}

function deviceLine({ device, threads, tensorflow, accelerator }: EngineStarted, { runtime }: Experiment): string {
  if (accelerator) return `${accelerator.card}, ${runtime.precision}; XLA by ${accelerator.plugin}`
  return `${device === 'gpu' ? 'GPU' : `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`}; TensorFlow ${tensorflow ?? ''}`
}

function header({ experiment, network, dataset, folder, engine, resumeAfter }: Planned, terminal: Terminal, cwd: string): string {
  const { training, optimizer } = experiment
  const images = dataset.counts.train.classes.reduce((a, b) => a + b, 0)
  const [heading = '', ...rows] = splitLines({ experiment, dataset })
  const facts: readonly (readonly [string, string])[] = [
    ...auditLines(dataset).map((line) => ['audit', line] as const),
    ['network', `${counted(network.trainable + network.nonTrainable)} parameters, ${counted(network.trainable)} to train`],
    [
      'training',
      `${training.epochs} epochs of ${counted(stepsPerEpoch(images, training.batchSize))} steps, ${training.batchSize} images each; ${optimizer.kind}, seed ${experiment.seed}`,
    ],
    ['device', deviceLine(engine, experiment)],
    ...(engine.withoutGpu === undefined ? [] : [['no GPU', engine.withoutGpu] as const]),
    ['run', shownPath(folder.path, cwd)],
    ...(resumeAfter === null ? [] : [['goes on', `after epoch ${resumeAfter}`] as const]),
  ]
  return [
    '',
    `  ${paint(experiment.name, 'bold', terminal.color)}`,
    '',
    ...caveats(experiment, dataset, terminal.color),
    `  ${paint(heading, 'dim', terminal.color)}`,
    ...rows.map((row) => `  ${row}`),
    '',
    ...facts.map(([name, fact]) => `  ${paint(name.padEnd(10), 'dim', terminal.color)}   ${fact}`),
    '',
  ].join('\n')
}

/** Findings of one kind that were dealt with in one way are counted together; audit.txt has each. */
function auditLines({ audit }: Planned['dataset']): string[] {
  const counts = new Map<string, number>()
  for (const { what, count, done } of audit.findings) counts.set(`${what}: ${done}`, (counts.get(`${what}: ${done}`) ?? 0) + count)
  return [...counts].map(([line, count]) => `${counted(count)} ${line}`)
}

/** Relative where the user stands above it. */
export function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short
}
