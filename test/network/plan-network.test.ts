import { describe, expect, it } from 'vitest'
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts'
import type { Layer } from '../../src/experiment/experiment.ts'
import { planNetwork } from '../../src/network/plan-network.ts'
import { countValues } from '../../src/network/parameters.ts'
import type { Network } from '../../src/network/plan.ts'
import { renderPlan } from '../../src/network/render-plan.ts'
import { readFixture } from '../parity/fixtures.ts'
import type { NetworkCase } from '../parity/fixtures.ts'
import { conv2d, dense, depthwiseConv2d, experimentWith, flatten, maxPooling2d } from './stack.ts'

const softmax: Layer = { kind: 'activation', name: 'probabilities', activation: 'softmax' }

/** Keras counts a stack that gives logits as well; runner wants its head. */
function planOf({ layers, inputShape, planned }: NetworkCase): Network {
  const last = layers.at(-1)
  const hasHead = last && 'activation' in last && last.activation !== 'linear'
  const classes = hasHead && last.activation === 'sigmoid' ? 2 : (planned.at(-1)?.outputShape[0] ?? 0)
  return plan(hasHead ? layers : [...layers, softmax], inputShape, classes)
}

function plan(layers: readonly Layer[], shape: readonly number[], classes = 2): Network {
  const { value, diagnostics } = planNetwork(experimentWith(layers, { shape, classes }))
  if (!value) throw new Error(JSON.stringify(diagnostics))
  return value
}

function faultsOf(layers: readonly Layer[], shape: readonly number[], classes = 2): readonly Diagnostic[] {
  const { value, diagnostics } = planNetwork(experimentWith(layers, { shape, classes }))
  expect(value).toBeUndefined()
  return diagnostics
}

describe('a network counts as Keras counts it', () => {
  for (const network of readFixture('networks')) {
    it(`has ${network.total} parameters: ${network.name}`, () => {
      const planned = planOf(network)
      expect(planned.trainable + planned.nonTrainable).toBe(network.total)
      expect(planned.trainable).toBe(network.trainable)
      for (const [index, expected] of network.planned.entries()) {
        const layer = planned.layers[index]
        expect(layer?.outputShape, `${index}`).toEqual(expected.outputShape)
        expect(countValues(layer?.parameters ?? []), `${index}`).toBe(expected.count)
        const parameters = layer?.parameters.map(({ role, shape, fanIn, fanOut, isTrainable }) => ({
          role,
          shape,
          fans: [fanIn, fanOut],
          isTrainable,
        }))
        expect(parameters, `${index}`).toEqual(expected.parameters)
      }
    })
  }

  it('CancerNet has 1,235,133 of them, in a plan that says so', () => {
    const [cancernet] = readFixture('networks')
    if (!cancernet) throw new Error('no CancerNet')
    const text = renderPlan(planOf(cancernet))
    expect(text).toContain('1,235,133 parameters: 1,233,533 to train, 1,600 moving statistics')
    expect(text).toMatch(/^separableConv2d_2 +64 filters, 3x3, padding same, relu +24x24x64 +2,400 +0 +1,345,536 +144.0 KiB$/m)
    // One operation with the pooling behind it, which keeps its maxima as they are and as they were before the normalization.
    expect(text).toMatch(/^batchNormalization_1 .* 64 +64 +73,728 +0 B$/m)
    expect(text).toMatch(/^maxPooling2d_3 +2x2 +6x6x128 +0 +0 +0 +36.0 KiB$/m)
    expect(text).toMatch(/^dense_2 +2 units +2 +514 +0 +512 +8 B$/m)
    expect(text).toMatch(/^probabilities +softmax over 2 classes/m)
  })
})

describe('the last activation becomes the head', () => {
  it('is taken off a dense layer', () => {
    const network = plan([flatten, dense(2, { activation: 'softmax' })], [4, 4, 1])
    expect(network.head).toBe('softmax')
    expect(network.layers.at(-1)?.layer).toMatchObject({ kind: 'dense', activation: 'linear' })
  })

  it('is taken off as a layer', () => {
    const network = plan([flatten, dense(2), softmax], [4, 4, 1])
    expect(network.layers.map(({ layer }) => layer.kind)).toEqual(['flatten', 'dense'])
  })

  it('is a sigmoid of one unit for two classes', () => {
    const network = plan([flatten, dense(1, { activation: 'sigmoid' })], [4, 4, 1])
    expect(network.head).toBe('sigmoid')
    expect(network.classes).toBe(2)
  })
})

describe('a stack that cannot work is a fault of the layer', () => {
  const head = [flatten, dense(2, { name: 'head', activation: 'softmax' })]

  it('pools an image away', () => {
    const pools = ['a', 'b', 'c', 'd'].map((name) => maxPooling2d(2, name))
    const [fault, ...rest] = faultsOf([...pools, ...head], [10, 8, 3])
    expect(rest).toEqual([])
    expect(fault).toMatchObject({
      code: 'shape-empty',
      severity: 'error',
      message: 'd makes 0x0 of an image of 1x1',
      place: { file: 'stack.yaml', offset: 300 },
      hint: expect.stringContaining('padding: same') as string,
    })
  })

  it('lays a kernel of 5x5 over an image of 4x9', () => {
    expect(faultsOf([conv2d(3, { kernelSize: [5, 5] }), ...head], [4, 9, 3])).toMatchObject([
      { code: 'shape-empty', message: 'conv2d_1 makes 0x5 of an image of 4x9', expected: 'an image of 5x5 or more', received: '4x9x3' },
    ])
  })

  it('puts a dense layer on an image, and is judged to its end', () => {
    const faults = faultsOf([dense(16), dense(3, { name: 'head', activation: 'softmax' })], [8, 8, 3])
    expect(faults.map(({ code }) => code)).toEqual(['dense-needs-flat', 'head-shape'])
    expect(faults[0]?.hint).toContain('globalAveragePooling2d')
    expect(faults[1]).toMatchObject({ expected: '2', received: '3', place: { offset: 100 } })
  })

  it('convolves a flat list', () => {
    expect(faultsOf([flatten, conv2d(3)], [8, 8, 3])).toMatchObject([{ code: 'needs-image', received: '192', place: { offset: 100 } }])
  })

  it('strides a depthwise convolution by 2 and 1', () => {
    expect(faultsOf([depthwiseConv2d({ strides: [2, 1] }), ...head], [8, 8, 3])).toMatchObject([
      { code: 'unequal-strides', received: '2x1' },
    ])
  })

  it('ends without probabilities', () => {
    expect(faultsOf([flatten, dense(2, { activation: 'relu' })], [8, 8, 3])).toMatchObject([
      { code: 'head-activation', received: 'activation relu' },
    ])
    expect(faultsOf([flatten], [8, 8, 3])).toMatchObject([{ code: 'head-activation', received: 'flatten' }])
    expect(faultsOf([], [8, 8, 3])).toMatchObject([{ code: 'head-missing' }])
  })

  it('ends in a sigmoid that cannot tell its classes apart', () => {
    const sigmoid = (units: number): Layer[] => [flatten, dense(units, { activation: 'sigmoid' })]
    expect(faultsOf(sigmoid(2), [8, 8, 3])).toMatchObject([{ code: 'head-shape', expected: '1', received: '2' }])
    expect(faultsOf(sigmoid(1), [8, 8, 3], 4)).toMatchObject([{ code: 'head-activation' }])
  })

  it('has nothing to train', () => {
    const pooling: Layer = { kind: 'globalAveragePooling2d', name: 'pooling' }
    expect(faultsOf([pooling, softmax], [8, 8, 3], 3)).toMatchObject([{ code: 'nothing-to-train' }])
  })

  it('gives two layers one name', () => {
    const twice = [conv2d(2), conv2d(2), ...head]
    expect(faultsOf(twice, [8, 8, 3])).toMatchObject([{ code: 'layer-name-twice', place: { offset: 100 } }])
  })
})
