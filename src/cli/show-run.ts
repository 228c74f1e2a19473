/** A training as a person sees it: what it is about, an epoch a line, the result as a table. */
import { renderDiagnostics } from '../diagnostics/frame.ts'
import type { EpochEnded } from '../journal/events.ts'
import type { Evaluation, WeightsEvaluation } from '../evaluation/evaluate.ts'
import type { Progress } from '../engine/protocol.ts'
import type { Listener, RunSummary, StoryEvent } from '../run/story.ts'
import { duration, paint, type Terminal } from './terminal.ts'

const splitNames = { train: 'training', validation: 'validation', test: 'testing' } as const

export function showRun(terminal: Terminal): Listener {
  const started = performance.now()
  let lastStep: string | null = null
  return (event) => {
    switch (event.type) {
      case 'warnings':
        terminal.say(renderDiagnostics(event.diagnostics, event.sources, { color: terminal.color }))
        return
      case 'setup': {
        const { state, text } = event.progress
        if (state === 'working') terminal.live(paint(`  ${text}`, 'dim', terminal))
        else terminal.say(`${state === 'done' ? paint('✓', 'green', terminal) : '·'} ${text}`)
        return
      }
      case 'data': {
        const { what, done, total } = event.progress
        const share = `${what} ${Math.round((100 * done) / total)} %`
        if (done === total) terminal.say(`${paint('✓', 'green', terminal)} ${what}: ${total}`)
        else if (share !== lastStep) terminal.live(`  ${share}`)
        lastStep = share
        return
      }
      case 'planned':
        terminal.say(header(event, terminal))
        return
      case 'engine': {
        const { tensorflow, device, threads } = event.started
        terminal.say(`TensorFlow ${tensorflow} on ${device === 'gpu' ? 'the GPU' : `${threads} CPU threads`}\n`)
        return
      }
      case 'training':
        showTraining(event, terminal, started)
        return
      case 'evaluating':
        terminal.live('  evaluating')
        return
      case 'tracking':
        if (event.isWarning)
          terminal.say(
            `${paint('warning', 'yellow', terminal)}  MLflow: ${event.message}. The journal has everything: runner sync sends it later.`,
          )
        else terminal.say(event.message)
        return
      case 'journal':
        return
    }
  }
}

function showTraining({ event }: Extract<StoryEvent, { type: 'training' }>, terminal: Terminal, started: number): void {
  switch (event.type) {
    case 'preparing':
      terminal.live(`  ${event.what}`)
      return
    case 'progress':
      terminal.live(progressLine(event, started))
      return
    case 'epoch':
      if (event.epoch === 1) terminal.say(paint(epochHeader, 'dim', terminal))
      terminal.say(epochLine(event))
      return
    case 'stopped-early':
      terminal.say(`stopped early: ${event.metric} was best in epoch ${event.bestEpoch}`)
      return
    case 'committed':
      return
  }
}

function progressLine({ epoch, epochs, step, steps, loss, accuracy, imagesPerSecond }: Progress, started: number): string {
  const done = (epoch - 1 + step / steps) / epochs
  const left = ((performance.now() - started) / 1000) * (1 / done - 1)
  return `  epoch ${epoch}/${epochs}  step ${step}/${steps}  ${Math.round(imagesPerSecond)} images/s  loss ${loss.toFixed(4)}  accuracy ${accuracy.toFixed(3)}  about ${duration(left)} left`
}

const columns = [
  ['loss', 'train/loss', 4],
  ['accuracy', 'train/accuracy', 3],
  ['val loss', 'val/loss', 4],
  ['accuracy', 'val/accuracy', 3],
  ['balanced', 'val/balanced_accuracy', 3],
  ['AUC', 'val/roc_auc', 3],
] as const
const epochHeader = `epoch  ${columns.map(([title]) => title.padStart(9)).join('')}     time`

function epochLine({ epoch, metrics, seconds }: EpochEnded): string {
  const cells = columns.map(([, name, digits]) => (metrics[name] ?? NaN).toFixed(digits).padStart(9))
  return `${String(epoch).padStart(5)}  ${cells.join('')}  ${duration(seconds).padStart(7)}`
}

/** In red, at the beginning and at the end: what makes the numbers mean something else. */
function honesty({ dataset }: Pick<RunSummary, 'dataset'>, terminal: Terminal): string[] {
  const block = (text: string): string => paint(`!! ${text} !!`, 'red', terminal)
  return [
    ...(dataset.isSynthetic
      ? [block('SYNTHETIC DATA: made-up patches stand in for the images, these numbers say nothing about patients')]
      : []),
    ...(dataset.leakage === null
      ? []
      : [block(`LEAKY SPLIT: images of one patient stand on both sides (${dataset.leakage}); the score flatters`)]),
  ]
}

function header({ experiment, network, dataset, folder }: Extract<StoryEvent, { type: 'planned' }>, terminal: Terminal): string {
  const { classes } = experiment.dataset
  const splits = (['train', 'validation', 'test'] as const).map((split) => {
    const { classes: counts, groups } = dataset.counts[split]
    const parts = classes.map(({ name }, index) => `${counts[index] ?? 0} ${name}`).join(', ')
    return `  ${splitNames[split].padEnd(12)}${parts}  (${groups} groups)`
  })
  const findings = dataset.audit.findings.map(({ what, count, done }) => `  ${count} ${what}: ${done}`)
  return [
    '',
    paint(experiment.name, 'bold', terminal),
    ...honesty({ dataset }, terminal),
    ...splits,
    ...findings,
    `  ${network.trainable + network.nonTrainable} parameters, ${network.trainable} of them trained; ${experiment.training.epochs} epochs of ${Math.ceil(dataset.counts.train.classes.reduce((a, b) => a + b, 0) / experiment.training.batchSize)} steps`,
    `  ${folder.path}`,
    '',
  ].join('\n')
}

/** The result on stdout; the way to see more. */
export function renderSummary(summary: RunSummary, terminal: Terminal): string {
  const { evaluations, folder, result, experiment } = summary
  if (!evaluations) return [`interrupted after epoch ${result.epochs} of ${experiment.training.epochs}`, `  ${folder.path}`].join('\n')
  const { last, selected } = evaluations
  const rows = [
    ...(selected.epoch === last.epoch ? [] : operatingPoints(`selected (epoch ${selected.epoch})`, selected)),
    ...operatingPoints(`last (epoch ${last.epoch})`, last),
  ]
  return [
    '',
    ...honesty(summary, terminal),
    paint(`${'test'.padEnd(24)}${'threshold'.padStart(10)}${metricColumns.map(([title]) => title.padStart(15)).join('')}`, 'dim', terminal),
    ...rows,
    '',
    `run      ${folder.path}`,
    `MLflow   ${whereToSee(summary)}`,
  ].join('\n')
}

function whereToSee({ tracking: { isComplete, url }, folder, experiment }: RunSummary): string {
  if (!experiment.tracking.enabled) return 'not told: tracking.enabled is false'
  if (!isComplete) return `has not got everything yet: runner sync ${folder.id}`
  return url ?? `runner ui ${folder.id}`
}

const metricColumns = [
  ['AUC', 'roc_auc'],
  ['balanced acc.', 'balanced_accuracy'],
  ['F1', 'f1'],
  ['sensitivity', 'sensitivity'],
  ['specificity', 'specificity'],
] as const

function operatingPoints(name: string, evaluation: WeightsEvaluation): string[] {
  return [line(name, evaluation.test), ...(evaluation.chosen ? [line('', evaluation.chosen.test)] : [])]
}

function line(name: string, { threshold, metrics }: Evaluation): string {
  const cells = metricColumns.map(([, metric]) => {
    const value = metrics[metric]
    return (value === undefined ? '–' : value.toFixed(4)).padStart(15)
  })
  return `${name.padEnd(24)}${(threshold === null ? 'highest' : threshold.toFixed(3)).padStart(10)}${cells.join('')}`
}
