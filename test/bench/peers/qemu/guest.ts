/**
 * The guest in QEMU: booted once for each size of RAM, from the kernel and initramfs that Ferry boots, and kept at its
 * prompt as a file; every run starts from there, as Ferry's guests do.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { linuxCommandLine } from '../../../../images/linux/cmdline.ts'
import { ensureLinux } from '../../../../images/linux/image.ts'
import { Switch } from '../../../../engine/network/switch.ts'
import { FerryError } from '../../../../engine/util/errors.ts'
import { GUEST } from '../observer.ts'
import { QemuNic } from './nic.ts'
import { Qemu } from './process.ts'
import { isOver, migrationStatus, UNLIMITED_BPS } from '../../../../engine/qemu/qmp-messages.ts'

const BOOT_DEADLINE_MS = 120_000
const COMMAND_DEADLINE_MS = 20_000
const SAVE_DEADLINE_MS = 60_000
const CALIBRATION_MB = 128

export class QemuGuests {
  readonly #folder: string
  readonly #states = new Map<number, Promise<string>>()
  #khz: Promise<number> | null = null
  #files: Promise<{ kernel: string; initrd: string }> | null = null

  /** @param folder for kernel, states and sockets; the caller removes it */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** File of the guest at its prompt, as a stream that `-incoming` takes. @throws FerryError `qemu.*` */
  state(ramMb: number): Promise<string> {
    const known = this.#states.get(ramMb)
    if (known !== undefined) return known
    const made = this.#make(ramMb)
    this.#states.set(ramMb, made)
    return made
  }

  async #make(ramMb: number): Promise<string> {
    this.#khz ??= this.#calibrate()
    const words = `tsc_early_khz=${await this.#khz}`
    const file = join(this.#folder, `linux-${ramMb}.state`)
    await this.#booted(ramMb, words, (qemu) => save(qemu, file))
    return file
  }

  /**
   * Rate of the guest's time stamp counter, kHz. TCG's runs at the host's rate, not at the 1 GHz of v86 that the command
   * line gives, and without ACPI tables the guest finds nothing to measure it by and falls back on a clock of 4 ms
   * jiffies. So a guest with QEMU's tables (and without a network: the tables' windows take the card's ports) measures
   * it once, and the others are told.
   */
  #calibrate(): Promise<number> {
    return this.#booted(CALIBRATION_MB, 'tsc_early_khz=0 acpi=force', async (qemu) => {
      const [, mhz] = await qemu.command('dmesg', /tsc: Detected (\d+\.\d+) MHz/, COMMAND_DEADLINE_MS)
      return Math.round(Number(mhz) * 1000)
    })
  }

  /** Boots a guest to its prompt, does something with it and ends it. */
  async #booted<T>(ramMb: number, words: string, use: (qemu: Qemu) => Promise<T>): Promise<T> {
    const nic = await QemuNic.listen(new Switch(), 'guest')
    try {
      this.#files ??= this.#unpack()
      const boot = {
        ...(await this.#files),
        commandLine: linuxCommandLine({ address: `${GUEST.ip}/24`, extra: words }),
      }
      const qemu = await Qemu.start({
        ...{ folder: this.#folder, ramMb, mac: GUEST.mac, netdev: nic.netdev, boot },
        onSerial: () => undefined,
      })
      try {
        await qemu.expect(/linux# /, BOOT_DEADLINE_MS)
        return await use(qemu)
      } finally {
        await qemu.end()
      }
    } finally {
      nic.close()
    }
  }

  async #unpack(): Promise<{ kernel: string; initrd: string }> {
    const { bzimage, initrd } = await ensureLinux()
    const files = { kernel: join(this.#folder, 'bzimage'), initrd: join(this.#folder, 'initrd') }
    await writeFile(files.kernel, bzimage)
    await writeFile(files.initrd, initrd)
    return files
  }
}

/** Stopped first, so that the file is the guest at one moment and owes nothing to QEMU's dirty log. */
async function save({ qmp }: Qemu, file: string): Promise<void> {
  await qmp.command('stop')
  await qmp.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
  await qmp.command('migrate-set-parameters', { 'max-bandwidth': UNLIMITED_BPS })
  await qmp.command('migrate', { uri: `exec:cat > '${file}'` })
  const end = await qmp.event(isOver, SAVE_DEADLINE_MS)
  if (end === null || migrationStatus(end) !== 'completed') {
    throw new FerryError('qemu.save', 'QEMU could not save the booted guest.')
  }
}
