import { describe, expect, it } from 'vitest'
import { trainingBatches } from '../../src/engine/images.ts'
import { judge } from '../../src/engine/probabilities.ts'

describe('the batches of an epoch', () => {
  it('put the short one in the middle, far from the training’s first step and from the evaluation', () => {
    const batches = trainingBatches(Int32Array.of(5, 3, 8, 1, 9, 2, 7, 4, 6, 0), 4)
    expect(batches.map((rows) => [...rows])).toEqual([
      [8, 1, 9, 2],
      [5, 3],
      [7, 4, 6, 0],
    ])
  })

  it('are all full where the batch size divides the rows', () => {
    expect(trainingBatches(Int32Array.of(1, 2, 3, 4), 2).map((rows) => rows.length)).toEqual([2, 2])
  })

  it('are one where there are fewer rows than a batch has', () => {
    expect(trainingBatches(Int32Array.of(1, 2, 3), 32).map((rows) => rows.length)).toEqual([3])
  })
})

describe('the validation loss', () => {
  const logits = Float32Array.of(2, -1, 0.5, 0.25)
  const labels = Int32Array.of(0, 1)
  const p = (a: number, b: number): number => Math.exp(a) / (Math.exp(a) + Math.exp(b))
  const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z))

  it('of a softmax is the cross-entropy over its classes', () => {
    expect(judge(logits, labels, 2, 'binaryCrossentropy').loss).toBeCloseTo(-(Math.log(p(2, -1)) + Math.log(p(0.25, 0.5))) / 2, 6)
  })

  it('is what training minimises: over the sigmoid of each logit where the file says so', () => {
    const first = -(Math.log(sigmoid(2)) + Math.log(1 - sigmoid(-1))) / 2
    const second = -(Math.log(1 - sigmoid(0.5)) + Math.log(sigmoid(0.25))) / 2
    const judged = judge(logits, labels, 2, 'sigmoidCrossentropy')
    expect(judged.loss).toBeCloseTo((first + second) / 2, 6)
    expect(judged.probabilities[0]).toBeCloseTo(p(2, -1), 6)
  })
})
