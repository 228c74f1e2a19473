/** A run's journal, for stories that cannot go on without it. */
import { Fault } from '../diagnostics/diagnostic.ts'
import { JournalDamage, readJournal, type Replay } from '../journal/journal.ts'
import type { RunFolder } from '../journal/run-folder.ts'

/** Throws `Fault` where it was damaged. */
export async function readEvents(folder: RunFolder): Promise<Replay> {
  return readJournal(folder.journal).catch((error: unknown) => {
    if (!(error instanceof JournalDamage)) throw error
    const hint = 'Restore the file from a backup, or begin the experiment anew.'
    throw new Fault([{ code: 'journal-damaged', severity: 'error', message: error.message, hint }], 1)
  })
}
