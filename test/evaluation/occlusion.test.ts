import { expect, it } from 'vitest'
import { fallOfLogOdds, fallsByPixel, hide, squaresOver } from '../../src/evaluation/occlusion.ts'

it.each([
  [48, 48],
  [32, 32],
  [50, 20],
  [7, 5],
  [1, 1],
])('squares cover every pixel of %i x %i, and leave none of it', (width, height) => {
  const seen = new Uint8Array(width * height)
  for (const { x, y, side } of squaresOver({ width, height, channels: 3 })) {
    expect(x + side).toBeLessThanOrEqual(width)
    expect(y + side).toBeLessThanOrEqual(height)
    for (let row = y; row < y + side; row++) seen.fill(1, row * width + x, row * width + x + side)
  }
  expect(seen.every((value) => value === 1)).toBe(true)
})

it('hides with the mean colour, and nothing else', () => {
  const size = { width: 2, height: 2, channels: 3 } as const
  const pixels = Uint8Array.from([0, 10, 255, 100, 30, 255, 0, 10, 255, 100, 30, 255])
  expect([...hide(pixels, size, { x: 1, y: 0, side: 1 })]).toEqual([0, 10, 255, 50, 20, 255, 0, 10, 255, 100, 30, 255])
})

it('finds the part that a model looks at', () => {
  const size = { width: 16, height: 16, channels: 1 } as const
  // A model that asks for one bright corner.
  const probability = (pixels: Uint8Array): number => (pixels[2 * 16 + 13] === 200 ? 0.9 : 0.1)
  const image = new Uint8Array(256)
  image[2 * 16 + 13] = 200
  const squares = squaresOver(size)
  const falls = squares.map((square) => fallOfLogOdds(probability(image), probability(hide(image, size, square))))
  const map = fallsByPixel(size, squares, falls)
  expect(map.indexOf(Math.max(...map))).toBe(12)
  expect(map[2 * 16 + 13]).toBeCloseTo(2 * Math.log(9), 5)
  expect(map[12 * 16 + 2]).toBe(0)
})
