/*
 * The few Linux/i386 system calls the helpers need, without a C library: they stay a few kilobytes each and the
 * same binary comes out of any gcc that knows -m32. Numbers: arch/x86/entry/syscalls/syscall_32.tbl.
 */
#ifndef FERRY_SYS_H
#define FERRY_SYS_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { SYS_exit = 1, SYS_read = 3, SYS_write = 4, SYS_open = 5, SYS_close = 6, SYS_getpid = 20, SYS_kill = 37, SYS_rename = 38,
       SYS_rt_sigaction = 174, SYS_mmap2 = 192, SYS_socketcall = 102, SYS_clock_gettime = 265, SYS_clock_nanosleep = 267 };

static inline int sys5(int nr, int a, int b, int c, int d, int e) {
  int r;
  __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
  return r;
}
#define sys4(nr, a, b, c, d) sys5(nr, a, b, c, d, 0)
#define sys3(nr, a, b, c) sys5(nr, a, b, c, 0, 0)
#define sys2(nr, a, b) sys5(nr, a, b, 0, 0, 0)
#define sys1(nr, a) sys5(nr, a, 0, 0, 0, 0)

static inline int sys_mmap_pages(u32 bytes) { /* anonymous, private, read-write */
  int r;
  __asm__ volatile("push %%ebp; xor %%ebp, %%ebp; int $0x80; pop %%ebp"
                   : "=a"(r) : "a"(SYS_mmap2), "b"(0), "c"(bytes), "d"(3), "S"(0x22), "D"(-1) : "memory");
  return r;
}

struct timespec { int sec; int nsec; };
#define NS_PER_SEC 1000000000u
#define EINTR 4

static void exit_with(int code) { for (;;) sys1(SYS_exit, code); }

/* 64-bit by 32-bit division: gcc would call libgcc for it. */
static u64 div64(u64 n, u32 d) {
  u32 high = (u32)(n >> 32), low = (u32)n, q1 = high / d, rest = high % d, q0;
  __asm__("divl %2" : "=a"(q0), "+d"(rest) : "rm"(d), "a"(low));
  return ((u64)q1 << 32) | q0;
}
static u32 mod64(u64 n, u32 d) { return (u32)(n - div64(n, d) * d); }

/* CLOCK_MONOTONIC in microseconds. */
static u64 now_us(void) {
  struct timespec t;
  sys2(SYS_clock_gettime, 1, (int)&t);
  return (u64)(u32)t.sec * 1000000u + (u32)t.nsec / 1000u;
}
/* Sleeps until a CLOCK_MONOTONIC time; returns early only on a signal. */
static int sleep_until_us(u64 us) {
  struct timespec t = { (int)div64(us, 1000000u), (int)(mod64(us, 1000000u) * 1000u) };
  return sys4(SYS_clock_nanosleep, 1, 1 /* TIMER_ABSTIME */, (int)&t, 0);
}

struct text { char buf[256]; u32 n; };
static void put_char(struct text *t, char c) { if (t->n < sizeof t->buf) t->buf[t->n++] = c; }
static void put_str(struct text *t, const char *s) { while (*s) put_char(t, *s++); }
static void put_num(struct text *t, u64 v) {
  char digits[20]; int n = 0;
  do { digits[n++] = (char)('0' + mod64(v, 10)); v = div64(v, 10); } while (v);
  while (n) put_char(t, digits[--n]);
}
static void put_hex8(struct text *t, u32 v) {
  put_char(t, "0123456789abcdef"[v >> 4 & 15]); put_char(t, "0123456789abcdef"[v & 15]);
}
/* A whole line in one write, so that lines of several programs do not mix. */
static void flush_to(struct text *t, int fd) {
  u32 done = 0;
  while (done < t->n) {
    int r = sys3(SYS_write, fd, (int)(t->buf + done), (int)(t->n - done));
    if (r == -EINTR) continue;
    if (r <= 0) break;
    done += (u32)r;
  }
  t->n = 0;
}

static int str_equal(const char *a, const char *b) { while (*a && *a == *b) { a++; b++; } return *a == *b; }
/* A decimal number up to max, or -1. */
static int parse_num(const char *s, u32 max) {
  u32 v = 0;
  if (!*s) return -1;
  for (; *s; s++) {
    if (*s < '0' || *s > '9') return -1;
    v = v * 10 + (u32)(*s - '0');
    if (v > max) return -1;
  }
  return (int)v;
}

/* Where the loop would be, gcc may put a call to these. */
void *memcpy(void *d, const void *s, unsigned n) { u8 *p = d; const u8 *q = s; while (n--) *p++ = *q++; return d; }
void *memset(void *d, int c, unsigned n) { u8 *p = d; while (n--) *p++ = (u8)c; return d; }

/* The kernel enters with argc and argv on the stack. */
static int run(int argc, char **argv);
__attribute__((naked, used)) void _start(void) {
  __asm__("mov (%esp), %eax; lea 4(%esp), %edx; and $-16, %esp; sub $8, %esp; push %edx; push %eax; call start_c");
}
__attribute__((used)) void start_c(int argc, char **argv) { exit_with(run(argc, argv)); }

#endif
