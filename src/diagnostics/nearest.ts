/** The word that was probably meant. */
import { distance } from 'fastest-levenshtein'

/**
 * The one of `words` that begins with what was received; else the nearest, where no more than a third of its letters (and one at least)
 * or only the order of two letters differ. Upper and lower case count as alike.
 */
export function nearestWord(received: string, words: readonly string[]): string | undefined {
  const beginning = words.filter((word) => received.length >= 3 && word.toLowerCase().startsWith(received.toLowerCase()))
  if (beginning.length === 1) return beginning[0]
  const ranked = words
    .map((word) => ({ word, differing: distance(received.toLowerCase(), word.toLowerCase()) }))
    .sort((a, b) => a.differing - b.differing)
  const [best] = ranked
  if (!best || best.differing >= best.word.length) return undefined
  const isNear = best.differing <= Math.max(1, Math.floor(best.word.length / 3))
  return isNear || (best.differing === 2 && sortedLetters(received) === sortedLetters(best.word)) ? best.word : undefined
}

function sortedLetters(word: string): string {
  return Array.from(word.toLowerCase()).sort().join('')
}

/** The words as a sentence names them: `a, b or c`. */
export function listWords(words: readonly string[]): string {
  const last = words.at(-1) ?? ''
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`
}
