/** Falls of log-odds as colours: a map of the same size as its image. */
import type { Patch } from './sheet.ts'

/**
 * Ends and middle of cividis (Nuñez, Anderton and Renslow 2018): for colour-blind people the same, and without colour still from dark to light. Yellow where hiding
 * makes the probability fall, dark blue where it makes it rise.
 */
const [rises, nothing, falls] = [
  [0, 32, 77],
  [124, 123, 120],
  [255, 234, 70],
] as const

/** In log-odds: a change this small is not drawn as a large one. */
const smallest = 0.2

export const occlusionLegend =
  "Beside each patch how its probability changes where a square hides a part of it: yellow where it falls, so that the call rests on that part; dark blue where it rises; grey where it stays. The change is that of the log-odds, on a scale of each map's own up to its largest change, a factor of 1.2 in the odds at least."

/** change [height, width]: how far the log-odds of the call fall */
export function occlusionMap(change: Float32Array, { width, height }: Pick<Patch, 'width' | 'height'>): Patch {
  const largest = change.reduce((most, value) => Math.max(most, Math.abs(value)), smallest)
  const pixels = new Uint8Array(width * height * 3)
  for (const [index, value] of change.entries()) {
    const [end, share] = [value > 0 ? falls : rises, Math.abs(value) / largest]
    for (const channel of [0, 1, 2] as const)
      pixels[index * 3 + channel] = Math.round(nothing[channel] + (end[channel] - nothing[channel]) * share)
  }
  return { width, height, channels: 3, pixels }
}
