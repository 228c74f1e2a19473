/** Where in the file a fault can be mended that was found later than its text was read. */
import type { Place } from '../diagnostics/diagnostic.ts'
import type { Located } from './experiment.ts'

/** The place of a value, or of the nearest around it that is written; to be spread into a diagnostic. */
export function placeNear({ places }: Pick<Located, 'places'>, path: string): { readonly place?: Place } {
  for (let around = path; around !== ''; around = around.slice(0, Math.max(0, around.lastIndexOf('.')))) {
    const place = places.get(around)
    if (place) return { place }
  }
  return {}
}
