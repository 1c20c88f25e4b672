/** Options by which a user says what need not travel of the pages. */
import { type Command, Option } from 'commander'
import { COMPRESS_CHOICES, type SavingsInput } from '../contract/savings.ts'

export interface SavingOptions {
  readonly zeroPages: boolean
  readonly delta?: boolean
  readonly compress: (typeof COMPRESS_CHOICES)[number]
}

export function addSavingOptions(command: Command): Command {
  return command
    .addOption(new Option('--no-zero-pages', 'pages of zeros travel as a whole, not as their numbers'))
    .addOption(new Option('--delta', 'pages sent again travel as what changed in them since they were sent last'))
    .addOption(new Option('--no-delta', 'they travel as a whole (the default)'))
    .addOption(
      new Option('--compress <how>', 'compress pages; `auto`: where the link is slower than the compression')
        .choices(COMPRESS_CHOICES)
        .default('auto'),
    )
}

/** The contract's form of them. */
export const savingsInput = ({ zeroPages: zero, delta = false, compress }: SavingOptions): SavingsInput => ({
  zero,
  delta,
  compress,
})
