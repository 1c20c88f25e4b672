/**
 * What some tests need of the system beside npm: the one list, for installing it (install.ts) and for the titles of tests
 * that are left out. Names of packages are Debian's; `a|b` are names of the same thing in different releases.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Need {
  readonly packages: readonly string[]
  /** What the tests do with it. */
  readonly use: string
  /** Whether it is there. */
  readonly here: () => boolean
  /** Ubuntu has it as a snap only, which neither runs in containers nor can be driven by a test. */
  readonly notOnUbuntu?: true
}

/** A browser to drive: named by the user, Debian's, or the one that its maker ships. */
export const chromiumProgram = (): string | undefined =>
  [process.env['FERRY_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
    (path) => path !== undefined && path !== '' && existsSync(path),
  )

export const XVFB = '/usr/bin/Xvfb'

export const NEEDS = {
  compiler: {
    packages: ['gcc', 'libc6-dev', 'binutils'],
    use: 'compile against real headers',
    here: () => onPath('gcc') && onPath('ld') && existsSync('/usr/include/stdio.h'),
  },
  xenHeaders: {
    packages: ['libxen-dev'],
    use: "compare Xen's layouts with its headers",
    here: () => existsSync('/usr/include/xen/hvm/save.h'),
  },
  kvmHeaders: {
    packages: ['linux-libc-dev'],
    use: "compare KVM's layouts with its headers",
    here: () => existsSync('/usr/include/linux/kvm.h'),
  },
  cpio: { packages: ['cpio'], use: 'read archives with another program', here: () => onPath('cpio') },
  qemu: {
    packages: ['qemu-system-x86'],
    use: 'move guests into a real QEMU and back',
    here: () => onPath('qemu-system-i386'),
  },
  python: { packages: ['python3'], use: 'read CSV with Python', here: () => onPath('python3') },
  libreOffice: {
    packages: ['libreoffice-calc-nogui'],
    use: 'open CSV in LibreOffice',
    here: () => onPath('soffice'),
  },
  xvfb: { packages: ['xvfb'], use: 'open windows on a display of their own', here: () => existsSync(XVFB) },
  electronLibraries: {
    packages: ['libgtk-3-0t64|libgtk-3-0', 'libasound2t64|libasound2', 'libnss3', 'libgbm1'],
    use: 'run Electron',
    here: () => ['libgtk-3.so.0', 'libasound.so.2', 'libnss3.so', 'libgbm.so.1'].every(hasLibrary),
  },
  chromium: {
    packages: ['chromium'],
    use: 'use the window in a browser',
    here: () => chromiumProgram() !== undefined,
    notOnUbuntu: true,
  },
} as const satisfies Record<string, Need>

/** Nothing of it is needed, or can be installed by these names, on other systems. */
export const onLinux = process.platform === 'linux'

/** For the titles of tests: a reason to leave them out, or nothing. */
export const because = (reason: string | undefined): string => (reason === undefined ? '' : ` (left out: ${reason})`)

/** The reason to leave out what needs these; undefined = all of it is here. */
export function lacks(...needs: readonly Need[]): string | undefined {
  const missing = needs.filter((need) => !need.here())
  return missing.length === 0 ? undefined : `missing: ${packagesOf(missing).join(' ')}`
}

/** By the name that the oldest release knows. */
export const packagesOf = (needs: readonly Need[]): string[] =>
  needs.flatMap(({ packages }) => packages).map(oldestName)
export const oldestName = (names: string): string => names.split('|').at(-1) ?? names

export function isUbuntu(release = read('/etc/os-release')): boolean {
  return /^ID=ubuntu$/m.test(release)
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

export function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, program)))
}

/** Of this machine's kind: in the folder of its triplet, or in one of the plain ones. */
function hasLibrary(file: string): boolean {
  const triplets = existsSync('/usr/lib') ? readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu')) : []
  return ['/usr/lib64', '/usr/lib', ...triplets.map((name) => join('/usr/lib', name))].some((folder) =>
    existsSync(join(folder, file)),
  )
}
