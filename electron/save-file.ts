/** Writes a file of the page where the user says. The page proposes a name; it never sees or names a path. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { app, BrowserWindow, dialog, type WebContents } from 'electron'
import { ShellFailure } from './requests.ts'
import type { SaveInput } from './shell.ts'

const KINDS: Readonly<Record<string, string>> = {
  csv: 'Table (CSV)',
  json: 'JSON',
  png: 'Picture (PNG)',
  svg: 'Drawing (SVG)',
  txt: 'Text',
  html: 'Web page (HTML)',
  pcap: 'Packet capture',
  ferryrec: 'Recording',
  webm: 'Video (WebM)',
  qemu: 'Migration stream (QEMU)',
  xen: 'Save image (Xen)',
}

/** @returns the name of the written file, or null where the user cancelled */
export async function saveFile({ name, data }: SaveInput, contents: WebContents): Promise<string | null> {
  const window = BrowserWindow.fromWebContents(contents)
  if (window === null) throw new ShellFailure('shell.window', 'The window is gone.')
  const extension = extname(name).slice(1).toLowerCase()
  const kind = KINDS[extension]
  const { canceled, filePath } = await dialog.showSaveDialog(window, {
    defaultPath: join(app.getPath('documents'), name),
    filters: [
      ...(kind === undefined ? [] : [{ name: kind, extensions: [extension] }]),
      { name: 'All files', extensions: ['*'] },
    ],
  })
  if (canceled || filePath === '') return null
  const partial = `${filePath}.partial`
  try {
    await writeFile(partial, data)
    await rename(partial, filePath)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {})
    const why = error instanceof Error ? error.message : String(error)
    throw new ShellFailure('shell.save', `${basename(filePath)} could not be written: ${why}. Choose another folder.`)
  }
  return basename(filePath)
}
