/** A text in the user's own editor. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { FerryError } from '../util/errors.ts'

const FALLBACK = process.platform === 'win32' ? 'notepad' : 'vi'

/**
 * Opens `$VISUAL`, `$EDITOR` or `vi` on a copy of the text, and waits until it is closed.
 * @param path names the copy; nothing is read or written there
 * @returns the text as it is then
 * @throws FerryError `editor` where it cannot be started, or says that it failed
 */
export function editText(text: string, path: string): string {
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || FALLBACK
  const folder = mkdtempSync(join(tmpdir(), 'ferry-edit-'))
  try {
    const copy = join(folder, basename(path))
    writeFileSync(copy, text)
    // An editor may be named with options (`code --wait`): the shell takes them apart, as git has it.
    const command = process.platform === 'win32' ? `${editor} "${copy}"` : `${editor} '${copy}'`
    const { status, error } = spawnSync(command, { stdio: 'inherit', shell: true })
    if (status !== 0) {
      const message = `The editor (${editor}) did not end well, so the file is as it was. $EDITOR names another one.`
      throw new FerryError('editor', message, { editor, status }, error)
    }
    return readFileSync(copy, 'utf8')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
