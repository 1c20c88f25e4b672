/** `ferry://app/`: the renderer's files, under a strict content security policy. There is no `file://` in the app. */
import { readFile } from 'node:fs/promises'
import { protocol, type Session } from 'electron'
import { CONTENT_SECURITY_POLICY, fileFor, SCHEME } from './app-files.ts'

/** Before the app is ready: a scheme of the rank of https. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ])
}

export function serveApp(session: Session, folder: string): void {
  const headers = {
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
  }
  session.protocol.handle(SCHEME, async (request) => {
    const file = request.method === 'GET' ? fileFor(request.url, folder) : undefined
    const bytes = file && (await readFile(file.path).catch(() => undefined))
    if (file === undefined || bytes === undefined) return new Response('Not found', { status: 404, headers })
    return new Response(new Uint8Array(bytes), { headers: { ...headers, 'Content-Type': file.type } })
  })
}
