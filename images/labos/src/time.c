/*
 * Time: the PIT gives ticks, the TSC gives time. An emulator may drop ticks when it is late, so elapsed time always
 * comes from the TSC; the tick's own job is to wake us, to beat the heart and to measure the largest gap.
 */
#include "labos.h"

#define PIT_HZ 1193182u /* Intel 8254 fed with 14.31818 MHz / 12, as in every PC */
#define PIT_0 0x40
#define PIT_COMMAND 0x43

u32 hz = 1000, tsc_khz;
volatile u32 ticks;
u32 gap_us, gap_at_ms, tsc_back;
u32 hb_ms, hb_seq;

static volatile u64 boot_tsc, last_tsc;
static u32 hb_next;

static u32 pit_count(u64 *when)
{
    /* The pair (count, TSC) is only as good as it is tight: of some tries keep the one that took least. */
    u64 best = ~0ull;
    u32 count = 0;
    for (u32 i = 0; i < 8; i++) {
        u64 before = rdtsc();
        outb(PIT_COMMAND, 0x00); /* latch counter 0 */
        u64 after = rdtsc();
        u32 c = inb(PIT_0);
        c |= (u32)inb(PIT_0) << 8;
        if (after - before < best) {
            best = after - before;
            *when = before + (best >> 1);
            count = c;
        }
    }
    return count;
}

/* 25 ms of a free-running counter 0, whose period is 55 ms. */
void time_init(void)
{
    u64 from = 0, to = 0;
    outb(PIT_COMMAND, 0x34); /* counter 0, low then high byte, mode 2 */
    outb(PIT_0, 0xFF);
    outb(PIT_0, 0xFF);
    boot_tsc = rdtsc();
    u32 start = pit_count(&from), end;
    do end = pit_count(&to);
    while (start - end < PIT_HZ / 40);
    /* kHz = cycles * PIT_HZ / counts / 1000 */
    tsc_khz = (u32)div64(div64((to - from) * PIT_HZ, start - end), 1000);
    if (!tsc_khz) tsc_khz = 1;
}

/* A 64-bit variable that the tick writes: two loads, so read until both agree. */
static u64 steady(const volatile u64 *p)
{
    u64 a = *p, b;
    while ((b = *p) != a) a = b;
    return a;
}

/* Cycles since boot. Never runs backwards: a TSC that a migration has set back stands still until the next tick sees it. */
static u64 elapsed(void)
{
    u64 now = rdtsc(), tick = steady(&last_tsc);
    return (now < tick ? tick : now) - steady(&boot_tsc);
}

u64 now_us(void) { return div64(elapsed() * 1000, tsc_khz); }
u32 now_ms(void) { return (u32)div64(elapsed(), tsc_khz); }

void gap_reset(void)
{
    u32 flags = irq_save();
    gap_us = gap_at_ms = 0;
    irq_restore(flags);
}

void hb_set(u32 ms)
{
    u32 flags = irq_save();
    hb_ms = ms;
    hb_next = now_ms() + ms;
    irq_restore(flags);
}

static void heartbeat(void)
{
    u32 ms = now_ms();
    if (!hb_ms || (int)(ms - hb_next) < 0) return;
    say("HB %u t=%u gap=%u", hb_seq++, ms, gap_us);
    /* Keep the beat, but after a pause start afresh instead of sending all that was missed. */
    hb_next += hb_ms;
    if ((int)(ms - hb_next) >= 0) hb_next = ms + hb_ms;
}

static void tick(void)
{
    u64 now = rdtsc();
    ticks++;
    if (now < last_tsc) {
        /* Must never happen: a migration has lost the clock. Count it, and go on from where time stood. */
        tsc_back++;
        boot_tsc -= last_tsc - now;
    } else {
        u32 us = (u32)div64((now - last_tsc) * 1000, tsc_khz);
        if (us > gap_us) {
            gap_us = us;
            gap_at_ms = (u32)div64(now - boot_tsc, tsc_khz);
        }
    }
    last_tsc = now;
    heartbeat();
    ne2k_watch();
}

void time_start(void)
{
    if (hz < 19) hz = 19; /* the divisor has 16 bits */
    if (hz > 5000) hz = 5000;
    u32 divisor = (PIT_HZ + hz / 2) / hz;
    outb(PIT_COMMAND, 0x34);
    outb(PIT_0, (u8)divisor);
    outb(PIT_0, (u8)(divisor >> 8));
    last_tsc = rdtsc();
    irq_on(0, tick);
}

void pace_set(struct pace *p, u32 rate)
{
    p->rate = rate;
    p->last_us = now_us();
    p->credit = 0;
}

/* Credit is in millionths of one thing. */
u32 pace_due(struct pace *p)
{
    u64 us = now_us(), passed = us - p->last_us;
    p->last_us = us;
    if (passed > 50000) passed = 50000; /* also when the clock went backwards */
    p->credit += passed * p->rate;
    u64 most = (u64)p->rate * 50000 + 1000000;
    if (p->credit > most) p->credit = most;
    return (u32)div64(p->credit, 1000000);
}

void pace_spend(struct pace *p, u32 n) { p->credit -= (u64)n * 1000000; }
