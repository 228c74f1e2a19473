/** Names as MLflow takes them: for each the nearest one, and never one for two. */

/** Room for the number that tells two names apart. */
const longestStem = 240

/** Gives the same names whenever it is asked for the same ones in the same order. */
export function nameGiver(nearest: (name: string) => string): (name: string) => string {
  const given = new Map<string, string>()
  const taken = new Set<string>()
  return (name) => {
    const known = given.get(name)
    if (known !== undefined) return known
    const stem = nearest(name)
    let free = stem
    for (let number = 2; taken.has(free); number++) free = nearest(`${stem.slice(0, longestStem)}_${number}`)
    given.set(name, free)
    taken.add(free)
    return free
  }
}
