/** Where a run's images lie so that MLflow shows them in its grid, as `mlflow.log_image(key=…, step=…)` of Python's client writes them. */

export interface GridImage {
  /** `a/b` is shown as b in the section a. At most what `toImageKey` leaves. */
  readonly key: string
  readonly step: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  /** Tells images of one key, step and time apart; like a UUID without + and %. */
  readonly id: string
}

/** The nearest key that MLflow takes for an image: letters without accents, digits, `_ - . space /`. */
export function toImageKey(name: string): string {
  return name.replace(/[^a-zA-Z0-9_\-./ ]/g, '_')
}

/** Paths of a run's artifacts: the image as PNG, and a smaller WebP, which the grid shows. The run needs the tag `mlflow.loggedImages` too. */
export function gridPaths({ key, step, timestamp, id }: GridImage): { readonly full: string; readonly small: string } {
  const stem = `images/${key.replaceAll('/', '~')}+step+${step}+timestamp+${timestamp}+${id}`
  return { full: `${stem}.png`, small: `${stem}+compressed.webp` }
}
