/*
 * dirty RATE PAGES [seq|random|hotcold]: writes RATE pages per second in a working set of PAGES pages and verifies them
 * all the time.
 *
 * Every page carries its number, a version that grows with each write, and a checksum; the rest follows from the
 * number and the version, so that one wrong byte anywhere is seen. The expected versions are kept apart, in a table:
 * a page that is one write too old is wrong, too.
 *
 * The first wrong byte prints one line on standard error:
 *   DIRTY WRONG page=<n> offset=<bytes> expected=<hex> found=<hex> version=<n>
 * SIGUSR1 verifies every page at once, then replaces /run/dirty.status (so does every second without the full check):
 *   pages=<n> rate=<n> writes=<n> verified=<n> wrong=<n> full=<n>
 * where full counts the complete checks.
 */
#include "sys.h"

#define WORDS 1024u
#define TICK_US 4000u       /* one wake-up per scheduler tick is as fine as it gets */
#define MAX_BACKLOG_US 100000u /* after a stop, no flood of late writes */
#define VERIFY_PER_TICK 4u
#define STATUS "/run/dirty.status"

static u32 *ram, *versions, pages, rate, seed = 0x2545f491;
static u64 writes, verified, wrong, full;
static volatile int asked;

static u32 random32(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}
static u32 mix(u32 a, u32 b) {
  u32 h = a * 0x9e3779b1u ^ (b + 0x7f4a7c15u) * 0x85ebca6bu;
  h ^= h >> 15;
  return h * 0x2c1b3c6du ^ h >> 13;
}

/*
 * Word i of page n at version v. Words 0 to 2 are number, version, checksum; of the rest the first word of every
 * 64 bytes changes with the version, the others only depend on the page: a write costs 66 stores, not 1024.
 */
static u32 word_of(u32 n, u32 v, u32 i) {
  if (i == 0) return n;
  if (i == 1) return v;
  if (i == 2) return mix(n ^ 0x46455252u, v);
  return (i & 15u) == 0 ? mix(n, v) + i : mix(n, 0) + i;
}

static void write_page(u32 n, int first) {
  u32 *page = ram + n * WORDS, v = ++versions[n], i, varying = mix(n, v);
  page[0] = n;
  page[1] = v;
  page[2] = mix(n ^ 0x46455252u, v);
  if (first) {
    u32 fixed = mix(n, 0);
    for (i = 3; i < WORDS; i++) page[i] = fixed + i;
  }
  for (i = 16; i < WORDS; i += 16) page[i] = varying + i;
}

static void report(u32 n, u32 i, u32 expected, u32 found) {
  struct text out = { .n = 0 };
  u32 shift = 0;
  while ((expected >> shift & 255) == (found >> shift & 255)) shift += 8;
  put_str(&out, "DIRTY WRONG page=");
  put_num(&out, n);
  put_str(&out, " offset=");
  put_num(&out, i * 4 + shift / 8);
  put_str(&out, " expected=");
  put_hex8(&out, expected >> shift);
  put_str(&out, " found=");
  put_hex8(&out, found >> shift);
  put_str(&out, " version=");
  put_num(&out, versions[n]);
  put_char(&out, '\n');
  flush_to(&out, 2);
}

static void verify_page(u32 n) {
  u32 *page = ram + n * WORDS, v = versions[n], i, fixed = mix(n, 0), varying = mix(n, v);
  verified++;
  for (i = 0; i < WORDS; i++) {
    u32 expected = i < 3 ? word_of(n, v, i) : ((i & 15u) ? fixed : varying) + i;
    if (page[i] == expected) continue;
    if (wrong++ == 0) report(n, i, expected, page[i]);
    return;
  }
}

static void status(void) {
  struct text out = { .n = 0 };
  int fd = sys3(SYS_open, (int)(STATUS ".new"), 01101 /* write, create, truncate */, 0644);
  if (fd < 0) return;
  put_str(&out, "pages=");
  put_num(&out, pages);
  put_str(&out, " rate=");
  put_num(&out, rate);
  put_str(&out, " writes=");
  put_num(&out, writes);
  put_str(&out, " verified=");
  put_num(&out, verified);
  put_str(&out, " wrong=");
  put_num(&out, wrong);
  put_str(&out, " full=");
  put_num(&out, full);
  put_char(&out, '\n');
  flush_to(&out, fd);
  sys1(SYS_close, fd);
  sys2(SYS_rename, (int)(STATUS ".new"), (int)STATUS);
}

static void on_signal(int number) { (void)number; asked = 1; }

static int usage(void) {
  struct text out = { .n = 0 };
  put_str(&out, "usage: dirty RATE PAGES [seq|random|hotcold]   RATE 0 to 1000000 pages/s, PAGES 1 to 262144\n");
  flush_to(&out, 2);
  return 2;
}

static int run(int argc, char **argv) {
  int r = argc >= 3 ? parse_num(argv[1], 1000000) : -1, p = argc >= 3 ? parse_num(argv[2], 262144) : -1;
  const char *pattern = argc >= 4 ? argv[3] : "random";
  int sequential = str_equal(pattern, "seq"), hot = str_equal(pattern, "hotcold");
  if (r < 0 || p < 1 || argc > 4 || !(sequential || hot || str_equal(pattern, "random"))) return usage();
  rate = (u32)r;
  pages = (u32)p;

  int at = sys_mmap_pages(pages * 4096u), table = sys_mmap_pages((pages * 4u + 4095u) & ~4095u);
  if ((at < 0 && at > -4096) || (table < 0 && table > -4096)) return 1;
  ram = (u32 *)at;
  versions = (u32 *)table;
  struct { void (*handler)(int); u32 flags; void (*restorer)(void); u32 mask[2]; } action = { on_signal, 0, 0, { 0, 0 } };
  sys4(SYS_rt_sigaction, 10 /* SIGUSR1 */, (int)&action, 0, 8);

  for (u32 n = 0; n < pages; n++) write_page(n, 1);
  status();

  u32 next_write = 0, next_check = 0, few = pages / 10 ? pages / 10 : 1;
  u64 now = now_us(), due = now + TICK_US, last_status = now, owed = 0; /* owed: in millionths of a page */
  for (u64 before = now;;) {
    while (sleep_until_us(due) == -EINTR && !asked) {}
    now = now_us();
    u64 passed = now - before;
    before = now;
    due = due + TICK_US > now ? due + TICK_US : now + TICK_US;
    owed += (passed < MAX_BACKLOG_US ? passed : MAX_BACKLOG_US) * rate;
    for (; owed >= 1000000u; owed -= 1000000u) {
      u32 n = sequential ? next_write++ : random32() % (hot && random32() % 10 ? few : pages);
      if (next_write >= pages) next_write = 0;
      write_page(n, 0);
      writes++;
    }
    for (u32 k = 0; k < VERIFY_PER_TICK; k++) {
      verify_page(next_check);
      if (++next_check >= pages) next_check = 0;
    }
    if (asked) {
      asked = 0;
      for (u32 n = 0; n < pages; n++) verify_page(n);
      full++;
      status();
    } else if (now - last_status >= 1000000u) {
      last_status = now;
      status();
    }
  }
}
