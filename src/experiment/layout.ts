/** The placeholders of a layout template such as `{patient}/{class}/{*}_x{x:int}.png`. */

export interface Placeholder {
  /** "*" matches anything and is not kept. */
  readonly name: string
  /** `{x:int}` matches a whole number. */
  readonly isInteger: boolean
}

/** In the order of the template; null where its braces are not `{name}`, `{name:int}` or `{*}`. */
export function layoutPlaceholders(layout: string): readonly Placeholder[] | null {
  if (/[{}]/u.test(layout.replaceAll(/\{(?:\*|[A-Za-z_][A-Za-z0-9_]*(?::int)?)\}/gu, ''))) return null
  return [...layout.matchAll(/\{([^{}:]*)(:int)?\}/gu)].map(([, name = '', type]) => ({ name, isInteger: type !== undefined }))
}

/** The placeholders that a split may keep together: all but class, split, whole numbers and anything. */
export function layoutGroups(layout: string): readonly string[] {
  const names = (layoutPlaceholders(layout) ?? []).filter(({ isInteger }) => !isInteger).map(({ name }) => name)
  return [...new Set(names)].filter((name) => name !== 'class' && name !== 'split' && name !== '*')
}
