/** Sizes for people: `512 B`, `27.0 KiB`, `4.7 MiB`, `1.86 GiB`. */

const units = [
  ['GiB', 2 ** 30, 2],
  ['MiB', 2 ** 20, 1],
  ['KiB', 2 ** 10, 1],
] as const

export function writeBytes(bytes: number): string {
  const [unit, size, digits] = units.find(([, smallest]) => bytes >= smallest) ?? ['B', 1, 0]
  return `${(bytes / size).toFixed(digits)} ${unit}`
}
