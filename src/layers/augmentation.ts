/**
 * The affine warp of augmentation: numbers drawn on the host, pure functions of (seed, epoch, image), and the matrices that the graph
 * applies. Ranges and composition are those of Keras's ImageDataGenerator.
 */
import type { Augmentation } from '../experiment/experiment.ts'
import { keyOf, philox, uniforms } from '../random/philox.ts'

/** One image's warp. Angles in degrees, shifts in pixels, zooms as factors; x is the column, y the row. */
export interface Warp {
  readonly theta: number
  readonly tx: number
  readonly ty: number
  readonly shear: number
  readonly zx: number
  readonly zy: number
  readonly flipHorizontal: boolean
  readonly flipVertical: boolean
}

/** What image `row` of the pack undergoes in that epoch, in images of the given size. */
export function drawWarp(augmentation: Augmentation, seed: number, epoch: number, row: number, height: number, width: number): Warp {
  const [low, high] = philox(keyOf(seed, 'augmentation', epoch), row)
  const draws = uniforms([low, high], 8)
  const between = (index: number, from: number, to: number): number => from + (to - from) * (draws[index] ?? 0)
  const { rotation, shift, shear, zoom, flip } = augmentation
  return {
    theta: between(0, -rotation, rotation),
    tx: between(1, -shift.width, shift.width) * width,
    ty: between(2, -shift.height, shift.height) * height,
    shear: between(3, -shear, shear),
    zx: between(4, 1 - zoom[0], 1 + zoom[1]),
    zy: between(5, 1 - zoom[0], 1 + zoom[1]),
    flipHorizontal: flip.includes('horizontal') && (draws[6] ?? 0) < 0.5,
    flipVertical: flip.includes('vertical') && (draws[7] ?? 0) < 0.5,
  }
}

/**
 * Eight numbers for `warp`: input = M (output - centre) + centre with M = rotation · shift · shear · zoom (Keras's
 * apply_affine_transform), read by flipped output pixels where a flip follows. The centre is the image's middle unless given as (x, y).
 */
export function warpTransform(
  warp: Warp,
  height: number,
  width: number,
  centre: readonly [number, number] = [(width - 1) / 2, (height - 1) / 2],
): number[] {
  const angle = (warp.theta * Math.PI) / 180
  const slant = (warp.shear * Math.PI) / 180
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const [cosSlant, sinSlant] = [Math.cos(slant), Math.sin(slant)]
  let a = cos * warp.zx
  let b = (-cos * sinSlant - sin * cosSlant) * warp.zy
  let c = sin * warp.zx
  let d = (-sin * sinSlant + cos * cosSlant) * warp.zy
  const [x, y] = centre
  let e = cos * warp.tx - sin * warp.ty + x - a * x - b * y
  let f = sin * warp.tx + cos * warp.ty + y - c * x - d * y
  if (warp.flipHorizontal) {
    e += a * (width - 1)
    f += c * (width - 1)
    a = -a
    c = -c
  }
  if (warp.flipVertical) {
    e += b * (height - 1)
    f += d * (height - 1)
    b = -b
    d = -d
  }
  return [a, b, e, c, d, f, 0, 0]
}
