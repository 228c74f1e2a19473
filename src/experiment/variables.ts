/** `${NAME}` and `${NAME:-default}` in texts of the tree, replaced from an environment that is passed in. */
import type { Diagnostic } from '../diagnostics/diagnostic.ts'
import * as say from './sentences.ts'
import type { ScalarTree, Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Only values are replaced, never keys, and never what a variable holds. `$${` stands for a plain `${`. */
export function replaceVariables(tree: Tree, env: Environment, diagnostics: Diagnostic[]): Tree {
  switch (tree.kind) {
    case 'scalar':
      return typeof tree.value === 'string' && tree.value.includes('${') ? replaceIn(tree, tree.value, env, diagnostics) : tree
    case 'list':
      return { ...tree, items: tree.items.map((item) => replaceVariables(item, env, diagnostics)) }
    case 'map':
      return {
        ...tree,
        entries: new Map(
          [...tree.entries].map(([key, entry]) => [key, { key: entry.key, value: replaceVariables(entry.value, env, diagnostics) }]),
        ),
      }
  }
}

/** A text in which no variable is seen. */
export function escapeVariables(text: string): string {
  return text.replaceAll('${', () => '$${')
}

function replaceIn(tree: ScalarTree, written: string, env: Environment, diagnostics: Diagnostic[]): ScalarTree {
  let isDefault = false
  const value = written.replaceAll(/\$\$\{|\$\{([^}]*)\}?/gu, (whole: string, inner: string | undefined) => {
    if (inner === undefined) return '${'
    const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/su.exec(inner)
    const [, name, fallback] = match ?? []
    if (name === undefined || !whole.endsWith('}')) {
      diagnostics.push(say.variableSyntax(tree.place, whole))
      return whole
    }
    const set = env[name]
    // As in a shell, `:-` also stands in for a variable that is set but empty.
    if (set !== undefined && (set !== '' || fallback === undefined)) return set
    if (fallback === undefined) diagnostics.push(say.variableUnset(tree.place, name))
    else isDefault = true
    return fallback ?? whole
  })
  return { ...tree, value, written, isDefault }
}
