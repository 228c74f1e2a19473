/** What is trained on: one row an image, in the order of the pack. */

export type SplitName = 'train' | 'validation' | 'test'
export const splitNames = ['train', 'validation', 'test'] as const satisfies readonly SplitName[]

export interface ManifestRow {
  /** Relative to the dataset's root, with forward slashes. */
  readonly path: string
  readonly sha256: string
  /** The patient, or whatever the layout groups by; the path itself where it has no group. */
  readonly group: string
  /** Index into the experiment's classes. */
  readonly class: number
  readonly label: string
  readonly split: SplitName
}

export interface Manifest {
  /** Sorted by path (UTF-16 code units), so independent of the file system's order. */
  readonly rows: readonly ManifestRow[]
  /** sha256 over the canonical split.csv, hex. */
  readonly digest: string
}

/** Every image of the manifest decoded once: rows x height x width x channels, uint8, in manifest order. */
export interface Pack {
  /** Absolute path of the file of raw bytes. */
  readonly path: string
  readonly rows: number
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
  /** Key of its content: manifest digest, image size, decoder version. */
  readonly digest: string
}
