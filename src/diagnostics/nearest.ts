/** The word that was probably meant. */
import { distance } from 'fastest-levenshtein'

/** The nearest of `words`, when no more than a third of its letters (and two at least) differ; upper and lower case count as alike. */
export function nearestWord(received: string, words: readonly string[]): string | undefined {
  const ranked = words
    .map((word) => ({ word, differing: distance(received.toLowerCase(), word.toLowerCase()) }))
    .sort((a, b) => a.differing - b.differing)
  const [best] = ranked
  if (!best || best.differing >= Math.max(received.length, best.word.length)) return undefined
  return best.differing <= Math.max(2, Math.floor(best.word.length / 3)) ? best.word : undefined
}

/** The words as a sentence names them: `a, b or c`. */
export function listWords(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`
}
