/*
 * heartbeat MS: one line every MS milliseconds on standard output,
 *   HB <seq> t=<ms> gap=<us>
 * seq counts from 1 without holes; t is CLOCK_MONOTONIC; gap is how much later than one period after the previous
 * wake-up this one came. A guest that was stopped shows the stop in gap, once: missed beats are not made up.
 */
#include "sys.h"

static int run(int argc, char **argv) {
  int ms = argc == 2 ? parse_num(argv[1], 60000) : -1;
  struct text out = { .n = 0 };
  if (ms < 1) {
    put_str(&out, "usage: heartbeat MS (1 to 60000)\n");
    flush_to(&out, 2);
    return 2;
  }
  u64 period = (u64)(u32)ms * 1000u, previous = now_us(), due = previous + period;
  for (u64 seq = 1;; seq++) {
    while (sleep_until_us(due) == -EINTR) {}
    u64 now = now_us(), gap = now > previous + period ? now - previous - period : 0;
    put_str(&out, "HB ");
    put_num(&out, seq);
    put_str(&out, " t=");
    put_num(&out, div64(now, 1000));
    put_str(&out, " gap=");
    put_num(&out, gap);
    put_char(&out, '\n');
    flush_to(&out, 1);
    previous = now;
    due += period;
    if (due <= now) due = now + period;
  }
}
