/** A domain's XML, as libvirt has it: what a definition says, and how a domain is printed. */
import { FerryError } from '../../../util/errors.ts'
import { domainUuid } from './uuid.ts'
import { element, parseXml, type XmlElement } from './xml.ts'

export interface DomainXml {
  readonly name: string
  /** Path of the kernel; its last part names an image of the lab. */
  readonly kernel: string
  /** Absent: the image's default. */
  readonly memoryMb: number | undefined
  /** `<source dev="…"/>` of the first disk; null: it has none. */
  readonly disk: string | null
  /** `<cmdline>`: `workload=NAME[:VALUE,…] hb=MS`. */
  readonly commandLine: string
}

/** Bytes of libvirt's units (virScaleInteger); KiB where none is given. */
const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kb: 1e3,
  k: 1024,
  kib: 1024,
  mb: 1e6,
  m: 2 ** 20,
  mib: 2 ** 20,
  gb: 1e9,
  g: 2 ** 30,
  gib: 2 ** 30,
}

/** @throws FerryError `config.syntax` with the line, `config.domain` */
export function parseDomainXml(text: string, path: string): DomainXml {
  const root = parseXml(text, path)
  if (root.name !== 'domain') throw bad(path, `unexpected root element <${root.name}>, expecting <domain>`)
  const name = element(root, 'name')?.text.trim() ?? ''
  if (name === '') throw bad(path, 'missing domain name information')
  const kernel = element(root, 'os', 'kernel')?.text.trim() ?? ''
  if (kernel === '') throw bad(path, 'the domain has no <os><kernel>. Write e.g. <kernel>/boot/labos</kernel>')
  const vcpus = element(root, 'vcpu')?.text.trim() ?? '1'
  if (vcpus !== '1') throw bad(path, `a guest of this lab has one vCPU, not ${vcpus}`)
  return {
    name,
    kernel,
    memoryMb: memoryOf(element(root, 'memory'), path),
    disk: element(root, 'devices', 'disk', 'source')?.attributes.get('dev') ?? null,
    commandLine: element(root, 'os', 'cmdline')?.text.trim() ?? '',
  }
}

function memoryOf(memory: XmlElement | undefined, path: string): number | undefined {
  if (memory === undefined) return undefined
  const unit = UNITS[(memory.attributes.get('unit') ?? 'KiB').toLowerCase()] ?? 0
  const megabytes = (Number(memory.text.trim()) * unit) / 2 ** 20
  if (memory.text.trim() === '' || !Number.isInteger(megabytes) || megabytes <= 0) {
    throw bad(path, 'the memory is a whole number of MiB: <memory unit="MiB">32</memory>')
  }
  return megabytes
}

const bad = (path: string, what: string) => new FerryError('config.domain', `XML error: ${what}`, { path })

/** A domain as `virsh dumpxml` prints it. @param live what only a running domain has */
export function domainXml(
  domain: DomainXml,
  live?: { readonly id: number; readonly mac: string; readonly host: string },
): string {
  const { name, kernel, memoryMb, disk, commandLine } = domain
  const memory = memoryMb === undefined ? [] : [`  <memory unit='KiB'>${memoryMb * 1024}</memory>`]
  const mac = live === undefined ? [] : [`      <mac address='${live.mac}'/>`]
  const disks =
    disk === null
      ? []
      : [
          "    <disk type='block' device='disk'>",
          `      <source dev='${escape(disk)}'/>`,
          "      <target dev='hda' bus='ide'/>",
          '      <shareable/>',
          '    </disk>',
        ]
  return [
    `<domain type='kvm'${live === undefined ? '' : ` id='${live.id}'`}>`,
    `  <name>${escape(name)}</name>`,
    ...(live === undefined ? [] : [`  <uuid>${domainUuid(name)}</uuid>`]),
    ...memory,
    "  <vcpu placement='static'>1</vcpu>",
    '  <os>',
    "    <type arch='i686' machine='pc'>hvm</type>",
    `    <kernel>${escape(kernel)}</kernel>`,
    ...(commandLine === '' ? [] : [`    <cmdline>${escape(commandLine)}</cmdline>`]),
    '  </os>',
    '  <devices>',
    ...disks,
    "    <interface type='bridge'>",
    ...mac,
    "      <model type='ne2k_pci'/>",
    '    </interface>',
    "    <serial type='pty'/>",
    '  </devices>',
    '</domain>',
    '',
  ].join('\n')
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll("'", '&apos;')
