/** The experiment's stack worked out layer by layer: shapes, parameters and costs, or every fault that keeps it from being a classifier. */
import type { Diagnostic, Outcome } from '../diagnostics/diagnostic.ts'
import type { Layer, Located } from '../experiment/experiment.ts'
import { placeNear } from '../experiment/places.ts'
import { outputShape, writeShape } from './output-shape.ts'
import type { ShapeFault } from './output-shape.ts'
import { countValues, multiplyAddsOf, parametersOf } from './parameters.ts'
import type { Network, PlannedLayer, Shape } from './plan.ts'

/**
 * The stack without its last activation, which becomes the head: the network's layers give logits. Faults carry the place of their
 * layer (`model.layers.<i>`). What follows a layer whose output is unknown is not judged.
 */
export function planNetwork(located: Located): Outcome<Network> {
  const { experiment } = located
  const { width, height, channels } = experiment.dataset.image
  const classes = experiment.dataset.classes.length
  const inputShape = [height, width, channels]
  const diagnostics: Diagnostic[] = duplicateNames(experiment.model.layers, located)
  const beheaded = behead(experiment.model.layers)

  const layers: PlannedLayer[] = []
  let shape: Shape | null = inputShape
  for (const [index, layer] of beheaded.layers.entries()) {
    const output = outputShape(layer, shape)
    if (isFault(output)) {
      diagnostics.push(atLayer(output, index, located))
      shape = afterFault(output, layer)
      if (!shape) break
      continue
    }
    layers.push({
      layer,
      inputShape: shape,
      outputShape: output,
      parameters: parametersOf(layer, shape),
      multiplyAdds: multiplyAddsOf(layer, shape, output),
    })
    shape = output
  }
  if (shape) diagnostics.push(...judgeHead(beheaded, shape, classes, located))
  const parameters = layers.flatMap((layer) => layer.parameters)
  const trainable = countValues(parameters.filter(({ isTrainable }) => isTrainable))
  if (diagnostics.length === 0 && trainable === 0) diagnostics.push(nothingToTrain(located))
  if (diagnostics.length > 0 || !beheaded.head) return { diagnostics }
  return {
    value: {
      inputShape,
      classes,
      layers,
      parameters,
      head: beheaded.head,
      trainable,
      nonTrainable: countValues(parameters) - trainable,
    },
    diagnostics,
  }
}

interface Beheaded {
  /** With the last activation taken off; its layer too where it was nothing else. */
  readonly layers: readonly Layer[]
  readonly head: Network['head'] | null
  /** The last layer as written. */
  readonly last: Layer | undefined
}

function behead(layers: readonly Layer[]): Beheaded {
  const last = layers.at(-1)
  if (!last || !('activation' in last)) return { layers, head: null, last }
  const { activation } = last
  if (activation !== 'softmax' && activation !== 'sigmoid') return { layers, head: null, last }
  const rest = layers.slice(0, -1)
  return { layers: last.kind === 'activation' ? rest : [...rest, { ...last, activation: 'linear' }], head: activation, last }
}

function judgeHead({ head, last, layers }: Beheaded, output: Shape, classes: number, located: Located): Diagnostic[] {
  const fault = (code: string, message: string, rest: Omit<Diagnostic, 'code' | 'message' | 'severity' | 'place'>): Diagnostic[] => [
    { code, severity: 'error', message, ...placeNear(located, `model.layers.${located.experiment.model.layers.length - 1}`), ...rest },
  ]
  if (!last) {
    return fault('head-missing', 'the model has no layers', { expected: 'at least one dense layer', hint: headHint })
  }
  if (!head) {
    const received = 'activation' in last ? `activation ${last.activation}` : last.kind
    const message = `${last.name} is the last layer, but does not end in probabilities`
    return fault('head-activation', message, { expected: 'activation softmax, or sigmoid with one unit', received, hint: headHint })
  }
  const expected = head === 'sigmoid' ? 1 : classes
  if (head === 'sigmoid' && classes !== 2) {
    const message = `${last.name} ends in a sigmoid, which tells two classes apart, but the dataset has ${classes}`
    return fault('head-activation', message, { expected: 'activation softmax', received: 'activation sigmoid', hint: headHint })
  }
  if (output.length === 1 && output[0] === expected) return []
  const message =
    head === 'sigmoid'
      ? `${last.name} ends in a sigmoid of ${writeShape(output)}, where one number stands for two classes`
      : `${last.name} gives ${writeShape(output)} for ${classes} classes`
  const isDense = layers.at(-1)?.kind === 'dense'
  const hint = isDense ? (head === 'sigmoid' ? 'Write units: 1, or softmax with units: classes.' : 'Write units: classes.') : headHint
  return fault('head-shape', message, { expected: `${expected}`, received: writeShape(output), hint })
}

const headHint = 'End the stack with dense: { units: classes, activation: softmax }.'

/** The shape to go on with after a fault, so that the layers behind it are judged too; null where it cannot be known. */
function afterFault(fault: ShapeFault, layer: Layer): Shape | null {
  return fault.code === 'dense-needs-flat' && layer.kind === 'dense' ? [layer.units] : null
}

function isFault(output: Shape | ShapeFault): output is ShapeFault {
  return 'code' in output
}

function atLayer(fault: ShapeFault, index: number, located: Located): Diagnostic {
  return { severity: 'error', ...fault, ...placeNear(located, `model.layers.${index}`) }
}

function duplicateNames(layers: readonly Layer[], located: Located): Diagnostic[] {
  const first = new Map<string, number>()
  const diagnostics: Diagnostic[] = []
  for (const [index, { name }] of layers.entries()) {
    const other = first.get(name)
    if (other === undefined) {
      first.set(name, index)
      continue
    }
    diagnostics.push({
      code: 'layer-name-twice',
      severity: 'error',
      message: `layers ${other} and ${index} are both named "${name}"`,
      ...placeNear(located, `model.layers.${index}`),
      hint: 'Give each layer an id of its own.',
    })
  }
  return diagnostics
}

function nothingToTrain(located: Located): Diagnostic {
  return {
    code: 'nothing-to-train',
    severity: 'error',
    message: 'no layer of the model has anything to train',
    ...placeNear(located, 'model.layers'),
    hint: headHint,
  }
}
