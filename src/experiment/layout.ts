/** The placeholders of a layout template such as `{patient}/{class}/{*}_x{x:int}.png`. */

/** `{name}`, `{name:int}` or `{*}`: the name, and `:int` where it stands. */
export const layoutPlaceholder = /\{(\*|[A-Za-z]\w*)(:int)?\}/gu

/** Their names in the order of the template; null where its braces are not `{name}`, `{name:int}` or `{*}`. */
export function layoutPlaceholders(layout: string): readonly string[] | null {
  if (/[{}]/u.test(layout.replaceAll(layoutPlaceholder, ''))) return null
  return [...layout.matchAll(layoutPlaceholder)].map(([, name = '']) => name)
}

/** The placeholders that a split may keep together: all but class, split, the place on the slide, and anything. */
export function layoutGroups(layout: string): readonly string[] {
  return [...new Set(layoutPlaceholders(layout))].filter((name) => !['class', 'split', 'x', 'y', '*'].includes(name))
}
