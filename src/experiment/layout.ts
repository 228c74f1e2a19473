/** The placeholders of a layout template such as `{patient}/{class}/{*}_x{x:int}.png`. */

/** Their names in the order of the template; null where its braces are not `{name}`, `{name:int}` or `{*}`. */
export function layoutPlaceholders(layout: string): readonly string[] | null {
  const placeholder = /\{(\*|[A-Za-z]\w*)(?::int)?\}/gu
  if (/[{}]/u.test(layout.replaceAll(placeholder, ''))) return null
  return [...layout.matchAll(placeholder)].map(([, name = '']) => name)
}

/** The placeholders that a split may keep together: all but class, split, the place on the slide, and anything. */
export function layoutGroups(layout: string): readonly string[] {
  return [...new Set(layoutPlaceholders(layout))].filter((name) => !['class', 'split', 'x', 'y', '*'].includes(name))
}
