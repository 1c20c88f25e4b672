/**
 * Turns the TypeScript that Electron runs into JavaScript under dist-electron/, file by file: types become blanks, so
 * that lines stay where they are, and imports get the new ending. Nothing is bundled; files that are up to date stay.
 */
import { statSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock, writeAtomically } from '../images/cache.ts'

export const PROJECT = fileURLToPath(new URL('..', import.meta.url))
export const COMPILED = join(PROJECT, 'dist-electron')

const FOLDERS = ['electron', 'engine', 'guide', 'images']
/** The package file says the version, and which file is the app's first. */
const PACKAGE = 'package.json'
/** Not needed at run time; exercises are. */
const LEFT_OUT = /(?<!\/guide\/exercises\/[^/]*)\.md$|\.d\.ts$|\/src\//
/** Sources that are read as text, too: they are part of what a built image is known by (images/linux/image.ts). */
const ALSO_SOURCE = /\/images\/linux\/[a-z]+\.ts$/

/** One process at a time. @returns how many files were written */
export function compile(to = COMPILED): Promise<number> {
  return withLock(`${to}.lock`, () => compileAll(to))
}

async function compileAll(to: string): Promise<number> {
  const wanted = new Set<string>()
  let written = 0
  for (const folder of FOLDERS) {
    for (const entry of await readdir(join(PROJECT, folder), { recursive: true, withFileTypes: true })) {
      const source = join(entry.parentPath, entry.name)
      if (!entry.isFile() || LEFT_OUT.test(source.replaceAll('\\', '/'))) continue
      const copy = join(to, relative(PROJECT, source))
      const targets = [copy.replace(/\.(c?)ts$/, '.$1js')]
      if (ALSO_SOURCE.test(source.replaceAll('\\', '/'))) targets.push(copy)
      for (const target of targets) {
        wanted.add(target)
        if (upToDate(source, target)) continue
        // Whole or not at all: half a file would be newer than its source, and stay.
        const bytes = await readFile(source)
        await writeAtomically(target, target === copy ? bytes : toJavaScript(bytes.toString('utf8'), source))
        written++
      }
    }
  }
  wanted.add(join(to, PACKAGE))
  if (!upToDate(join(PROJECT, PACKAGE), join(to, PACKAGE))) {
    const { name, version, description } = JSON.parse(await readFile(join(PROJECT, PACKAGE), 'utf8')) as Record<
      string,
      string
    >
    const manifest = { name, productName: 'Ferry', version, description, type: 'module', main: 'electron/main.js' }
    await writeAtomically(join(to, PACKAGE), `${JSON.stringify(manifest, undefined, 2)}\n`)
    written++
  }
  for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !wanted.has(path)) await rm(path)
  }
  return written
}

/** A string that is a relative path to a TypeScript file: in an import, or in `new URL(…, import.meta.url)`. */
const RELATIVE_PATH = /(['"])(\.{1,2}\/[^'"\n]*)\.(c?)ts\1/g

/** @throws Error that names the file */
export function toJavaScript(source: string, file = 'the source'): string {
  try {
    return stripTypeScriptTypes(source).replace(RELATIVE_PATH, '$1$2.$3js$1')
  } catch (cause) {
    throw new Error(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** At once: a promise for each of a thousand files takes several times as long as looking at them. */
function upToDate(source: string, target: string): boolean {
  const to = statSync(target, { throwIfNoEntry: false })
  return to !== undefined && to.mtimeMs >= statSync(source).mtimeMs
}
