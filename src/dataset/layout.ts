/** Layout templates: how a path under the dataset's root is read. `{patient}/{class}/{*}_x{x:int}_y{y:int}_{*}.png` */
import { layoutPlaceholder } from '../experiment/layout.ts'

export interface PathParts {
  /** Everything named: class, patient, split, … */
  readonly names: Readonly<Record<string, string>>
  /** Place on the slide, in pixels, where the layout has `{x:int}` and `{y:int}`. */
  readonly x: number | null
  readonly y: number | null
}

export interface Layout {
  /** Names of the placeholders in order, without `*`. */
  readonly placeholders: readonly string[]
  /** Null where the path does not fit. Paths have forward slashes. */
  readonly read: (path: string) => PathParts | null
}

export function parseLayout(template: string): Layout {
  const placeholders: string[] = []
  let pattern = ''
  let end = 0
  for (const match of template.matchAll(layoutPlaceholder)) {
    const [whole, name = '*', isInteger] = match
    pattern += escape(template.slice(end, match.index))
    end = match.index + whole.length
    const shape = isInteger === undefined ? '[^/]+?' : '-?\\d+'
    if (name === '*') pattern += '[^/]*?'
    // A name that stands twice has to have the same value.
    else pattern += placeholders.includes(name) ? `\\k<${name}>` : `(?<${name}>${shape})`
    if (name !== '*' && !placeholders.includes(name)) placeholders.push(name)
  }
  const expression = new RegExp(`^${pattern}${escape(template.slice(end))}$`)
  return {
    placeholders,
    read(path) {
      const names = expression.exec(path)?.groups
      if (!names && !expression.test(path)) return null
      const number = (name: string): number | null => (/^-?\d+$/.test(names?.[name] ?? '') ? Number(names?.[name]) : null)
      return { names: { ...names }, x: number('x'), y: number('y') }
    },
  }
}

/** The path that the layout gives to these values; the n-th `*` (from 0) becomes `filler(n)`. */
export function writePath(template: string, values: Readonly<Record<string, string>>, filler: (star: number) => string): string {
  let stars = 0
  return template.replace(layoutPlaceholder, (_, name: string) => (name === '*' ? filler(stars++) : (values[name] ?? name)))
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
