/** `/etc/xen/xend-config.sxp`: how it looks as installed and on a host of the lab, and what its entries mean. */
import { type Relocation, syntaxError } from '../../toolstack/relocation.ts'
import { parseSxp, quoteSxp, type SxpEntry } from './sxp.ts'

export const XEND_CONFIG = '/etc/xen/xend-config.sxp'
/** `xend-relocation-port` where the file does not say it (XendOptions.py). */
export const XEND_PORT = 8002

const HEAD = `# -*- sh -*-

#
# Xend configuration file.
#
# Commented out entries show the default for that entry.
#
# Lines change how this host takes guests in as soon as the file is written;
# \`service xend restart\` reads it again.

(xend-http-server no)
(xend-unix-server yes)

# Whether this host takes guests that other hosts send (\`xm migrate\`).
# Without this entry: no.
`
const PORT = `
# Port that xend should use for the relocation interface, if
# xend-relocation-server is set. \`xm migrate\` of this host connects to this
# port of the other host, unless -p names another.
`
const ADDRESS = `
# Address xend should listen on for relocation-socket connections, if
# xend-relocation-server is set. Meaning is that of '' for all interfaces, and
# of 'localhost' for this host alone.
`
const ALLOW = `
# The hosts allowed to talk to the relocation port. If this is empty (the
# default), then all connections are allowed (assuming that the connection
# arrives on a port and interface on which we are listening; see
# xend-relocation-port and xend-relocation-address above). Otherwise, this
# should be a space-separated sequence of regular expressions. Any host with
# a fully-qualified domain name or an IP address that matches one of these
# regular expressions will be accepted.
#
# For example:
#  (xend-relocation-hosts-allow '^localhost$ ^.*\\\\.example\\\\.org$')
#
`
const TAIL = `
(network-script network-bridge)
(vif-script vif-bridge)
(dom0-min-mem 196)
(enable-dom0-ballooning yes)
(dom0-cpus 0)
`

/** The file as a distribution ships it: the four lines of relocation have a `#` in front of them. */
export function xendConfigAsInstalled(): string {
  return file('#', { enabled: true, port: XEND_PORT, address: '', hostsAllow: [] })
}

/** The file of a host that takes guests in. */
export function xendConfig(relocation: Relocation): string {
  return file('', relocation)
}

function file(mark: '#' | '', { enabled, port, address, hostsAllow }: Relocation): string {
  return [
    `${HEAD}${mark}(xend-relocation-server ${enabled ? 'yes' : 'no'})\n`,
    `${PORT}${mark}(xend-relocation-port ${port})\n`,
    `${ADDRESS}${mark}(xend-relocation-address ${quoteSxp(address)})\n`,
    `${ALLOW}${mark}(xend-relocation-hosts-allow ${quoteSxp(hostsAllow.join(' '))})\n`,
    TAIL,
  ].join('')
}

/**
 * What the file says of relocation. As with xend, an entry that is not there has its default, the first of two counts,
 * and entries of other names are not looked at.
 * @throws FerryError `config.syntax` with the line
 */
export function parseXendConfig(text: string, path = XEND_CONFIG): Relocation {
  const entries = parseSxp(text, path)
  const entry = (name: string) => entries.find((e) => e.name === `xend-relocation-${name}`)
  return {
    enabled: truth(entry('server'), path),
    port: port(entry('port'), path),
    address: entry('address')?.values[0] ?? '',
    hostsAllow: patterns(entry('hosts-allow'), path),
  }
}

/** XendOptions.get_config_bool. */
function truth(entry: SxpEntry | undefined, path: string): boolean {
  if (entry === undefined) return false
  const value = (entry.values[0] ?? '').toLowerCase()
  if (['yes', 'y', '1', 'on', 'true', 't'].includes(value)) return true
  if (['no', 'n', '0', 'off', 'false', 'f'].includes(value)) return false
  throw syntaxError(path, entry.line, `${entry.name} is yes or no, not "${value}".`)
}

function port(entry: SxpEntry | undefined, path: string): number {
  if (entry === undefined) return XEND_PORT
  const value = entry.values[0] ?? ''
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < 1 || number > 65535) {
    throw syntaxError(path, entry.line, `a port is a number from 1 to 65535, not "${value}".`)
  }
  return number
}

function patterns(entry: SxpEntry | undefined, path: string): string[] {
  const all = (entry?.values[0] ?? '').split(/\s+/).filter((pattern) => pattern !== '')
  for (const pattern of all) {
    try {
      new RegExp(pattern)
    } catch {
      throw syntaxError(path, entry?.line ?? 1, `"${pattern}" is no regular expression.`)
    }
  }
  return all
}
