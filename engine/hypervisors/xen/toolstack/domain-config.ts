/** A domain's configuration, `/etc/xen/NAME.cfg`: what `xm create` takes from it. */
import { FerryError } from '../../../util/errors.ts'
import { type Extra, parseExtra } from '../../toolstack/extra.ts'
import { syntaxError } from '../../toolstack/relocation.ts'
import { type Assignment, parseAssignments } from './python.ts'

export interface DiskLine {
  /** What the guest sees is behind this device of the host, e.g. `/dev/vg_xen/labos`. */
  readonly source: string
  /** What the guest calls it, e.g. `xvda`. */
  readonly device: string
  readonly writable: boolean
}

export interface DomainConfig extends Extra {
  readonly name: string
  /** Path of the kernel; its last part names an image of the lab. */
  readonly kernel: string
  /** MiB; absent: the image's default. */
  readonly memoryMb: number | undefined
  readonly disks: readonly DiskLine[]
  /** Names that nothing is known of, and that differ from a known one in case only: `Disk` for `disk`. */
  readonly misspelt: readonly string[]
}

const KNOWN = ['name', 'kernel', 'memory', 'maxmem', 'vcpus', 'disk', 'vif', 'extra', 'root', 'builder', 'bootloader']

/**
 * @param path for messages; its name without `.cfg` is the domain's where the file does not say one, as with xm
 * @throws FerryError `config.syntax` with the line, `config.domain`
 */
export function parseDomainConfig(text: string, path: string): DomainConfig {
  // In Python the last assignment counts.
  const all = new Map(parseAssignments(text, path).map((assignment) => [assignment.name, assignment]))
  const kernel = stringOf(all.get('kernel'), path)
  if (kernel === undefined || kernel === '') {
    throw new FerryError('config.domain', `${path} names no kernel. Write e.g. kernel = "/boot/labos".`, { path })
  }
  const vcpus = numberOf(all.get('vcpus'), path)
  if (vcpus !== undefined && vcpus !== 1) {
    throw syntaxError(path, all.get('vcpus')?.line ?? 1, 'a guest of this lab has one vCPU: vcpus = 1.')
  }
  return {
    name: stringOf(all.get('name'), path) ?? nameFrom(path),
    kernel,
    memoryMb: numberOf(all.get('memory'), path),
    disks: disksOf(all.get('disk'), path),
    ...parseExtra(stringOf(all.get('extra'), path) ?? ''),
    misspelt: [...all.keys()].filter((name) => !KNOWN.includes(name) && KNOWN.includes(name.toLowerCase())),
  }
}

/** What a configuration looks like that a user may begin with. */
export function domainConfig(options: { name: string; kernel: string; memoryMb: number; disk?: string }): string {
  const { name, kernel, memoryMb, disk } = options
  return `# Configuration of the domain ${name}, for \`xm create\`.

kernel = "${kernel}"
memory = ${memoryMb}
name = "${name}"
vcpus = 1
vif = [ '' ]

# Disks that the guest sees. To be migrated, they have to be reachable from
# every host, at the same place: \`vgscan\`, \`vgchange -a y\`.
${disk === undefined ? '#' : ''}disk = [ 'phy:${disk ?? `/dev/vg_xen/${name}`},xvda,w' ]

# What the guest does (workload=NAME[:VALUE,...]), and how often it tells that
# it lives, in ms (hb=...).
extra = "workload=idle hb=0"
`
}

const nameFrom = (path: string): string => (path.split('/').at(-1) ?? path).replace(/\.cfg$/, '')

function disksOf(assignment: Assignment | undefined, path: string): DiskLine[] {
  if (assignment === undefined) return []
  const { value, line } = assignment
  if (!Array.isArray(value)) throw syntaxError(path, line, "disk is a list: [ 'phy:/dev/vg_xen/name,xvda,w' ].")
  return value.map((item: unknown) => {
    const match = typeof item === 'string' ? /^(?:phy|file):([^,]+),([^,]+),(r|w|w!)$/.exec(item.trim()) : null
    if (match === null) {
      throw syntaxError(path, line, `a disk is 'phy:DEVICE,NAME,w' or 'file:PATH,NAME,r', not ${JSON.stringify(item)}.`)
    }
    return { source: match[1].trim(), device: match[2].trim(), writable: match[3] !== 'r' }
  })
}

function stringOf(assignment: Assignment | undefined, path: string): string | undefined {
  if (assignment === undefined || assignment.value === null) return undefined
  if (typeof assignment.value === 'string') return assignment.value
  throw syntaxError(path, assignment.line, `${assignment.name} is a string in quotes.`)
}

function numberOf(assignment: Assignment | undefined, path: string): number | undefined {
  if (assignment === undefined || assignment.value === null) return undefined
  // xm takes memory = "64" as well.
  const number = typeof assignment.value === 'string' ? Number(assignment.value) : assignment.value
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0) return number
  throw syntaxError(path, assignment.line, `${assignment.name} is a whole number.`)
}
