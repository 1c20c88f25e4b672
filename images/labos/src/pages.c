/*
 * Owned pages: RAM whose every byte LabOS can predict. A page holds its number, its version, a checksum and 1021 words
 * derived from number and version. The versions are also kept in a table on other pages, so a page that is whole but
 * old (a write lost on the way) is found too; and the sum of that table is kept elsewhere again.
 *
 * Only the main loop writes, sweeps and checks; interrupt handlers never touch owned pages. So a sweep never sees a
 * half-written page, wherever the machine is stopped in between.
 */
#include "labos.h"

#define WORDS (PAGE / 4)
enum { NUMBER = 0, PAGE_VERSION = 1, SUM = 2, BODY = 3 };

u32 own_base, own_target, own_stamped, own_limit;
u32 sweeps, sweep_errors, sweep_stale, sweep_at, sweep_rate;
u64 sweep_verified, page_writes;

static u32 *versions;    /* 0: never stamped */
static u64 versions_sum; /* what the table must add up to */
static u8 *reported;     /* one bit per page: its error has been printed; a write clears it */
static struct pace sweep_pace;

static u32 seed(u32 n, u32 version)
{
    u32 x = n * 0x9E3779B1u ^ version * 0x85EBCA77u; /* xxHash primes: far apart for neighbours */
    return x ? x : 1;
}

static u32 mix(u32 sum, u32 x) { return (sum << 1 | sum >> 31) ^ x; }

static u32 *page_at(u32 n) { return (u32 *)(own_base + n * PAGE); }

static void stamp(u32 n, u32 version)
{
    u32 *p = page_at(n), x = seed(n, version), sum = mix(mix(0, n), version);
    p[NUMBER] = n;
    p[PAGE_VERSION] = version;
    for (u32 i = BODY; i < WORDS; i++) {
        x = xorshift(x);
        p[i] = x;
        sum = mix(sum, x);
    }
    p[SUM] = sum;
    versions_sum += version - versions[n];
    versions[n] = version;
}

/* Rewrites a page with its next version: the workload's one operation. */
void page_write(u32 n)
{
    stamp(n, versions[n] + 1);
    page_writes++;
    if (reported[n >> 3]) reported[n >> 3] &= (u8)~(1u << (n & 7));
}

struct fault { u32 offset, expected, found; };

/* The fast path is one pass; only a page that is wrong is looked at again to say where. */
static bool whole(u32 n, struct fault *f)
{
    const u32 *p = page_at(n);
    u32 version = versions[n], x = seed(n, version), sum = mix(mix(0, n), version), wrong = 0;
    for (u32 i = BODY; i < WORDS; i++) {
        x = xorshift(x);
        wrong |= p[i] ^ x;
        sum = mix(sum, x);
    }
    if (!(wrong | (p[NUMBER] ^ n) | (p[PAGE_VERSION] ^ version) | (p[SUM] ^ sum))) return true;
    x = seed(n, version);
    for (u32 i = 0; i < WORDS; i++) {
        u32 expected = i == NUMBER ? n : i == PAGE_VERSION ? version : i == SUM ? sum : (x = xorshift(x));
        if (p[i] == expected) continue;
        u32 byte = 0;
        while (((p[i] ^ expected) >> byte * 8 & 0xFF) == 0) byte++;
        f->offset = i * 4 + byte;
        f->expected = expected >> byte * 8 & 0xFF;
        f->found = p[i] >> byte * 8 & 0xFF;
        return false;
    }
    return true;
}

/* Is it a whole page, but of another version? Then a write was lost, not a byte broken. */
static bool stale(u32 n)
{
    const u32 *p = page_at(n);
    u32 version = p[PAGE_VERSION], x = seed(n, version), wrong = p[NUMBER] ^ n;
    for (u32 i = BODY; i < WORDS; i++) wrong |= p[i] ^ (x = xorshift(x));
    return !wrong && version != versions[n];
}

static bool verify(u32 n, struct fault *f)
{
    sweep_verified++;
    if (whole(n, f)) return true;
    if (reported[n >> 3] & 1u << (n & 7)) return false;
    reported[n >> 3] |= (u8)(1u << (n & 7));
    sweep_errors++;
    if (stale(n)) sweep_stale++;
    say("SWEEP ERROR page=%u addr=0x%08x offset=%u expected=0x%02x found=0x%02x version=%u", n,
        own_base + n * PAGE + f->offset, f->offset, f->expected, f->found, versions[n]);
    return false;
}

void pages_init(u32 wanted)
{
    u32 most = (ram_top - memory_start()) / PAGE;
    versions = take_pages((most * 4 + PAGE - 1) / PAGE);
    reported = take_pages((most / 8 + PAGE) / PAGE);
    own_base = memory_start();
    own_limit = (ram_top - own_base) / PAGE;
    pages_own(wanted);
}

/* Growing only moves the target: the pages are stamped a few at a time by pages_step. */
void pages_own(u32 n)
{
    u32 before = own_stamped;
    own_target = n > own_limit ? own_limit : n;
    while (own_stamped > own_target) {
        own_stamped--;
        versions_sum -= versions[own_stamped];
        versions[own_stamped] = 0;
    }
    give_back(own_base + own_stamped * PAGE, before - own_stamped);
    if (sweep_at >= own_stamped) sweep_at = 0;
}

void sweep_set(u32 rate)
{
    sweep_rate = rate;
    pace_set(&sweep_pace, rate);
}

static bool grow(u32 most)
{
    while (own_stamped < own_target && most--) {
        stamp(own_stamped, 1);
        own_stamped++;
    }
    return own_stamped < own_target;
}

/* One small helping of background work; says whether more is waiting. */
bool pages_step(void)
{
    bool more = grow(32);
    u32 due = sweep_rate ? pace_due(&sweep_pace) : 0;
    if (due > 16) due = 16;
    for (u32 i = 0; i < due && own_stamped; i++) {
        struct fault f;
        verify(sweep_at, &f);
        if (++sweep_at >= own_stamped) {
            sweep_at = 0;
            sweeps++;
        }
    }
    if (due) pace_spend(&sweep_pace, due);
    return more || due == 16;
}

void pages_check(void)
{
    u32 errors = 0;
    u64 sum = 0;
    struct fault first = { 0, 0, 0 }, f;
    u32 first_at = 0;
    while (grow(64)) background();
    for (u32 n = 0; n < own_stamped; n++) {
        sum += versions[n];
        if (!verify(n, &f)) {
            if (!errors++) {
                first = f;
                first_at = own_base + n * PAGE + f.offset;
            }
        }
        if ((n & 63) == 63) background();
    }
    if (sum != versions_sum && !errors++) {
        first_at = (u32)versions;
        first.expected = (u32)versions_sum;
        first.found = (u32)sum;
    }
    u32 ring = disk_ring_errors();
    if (ring && !errors) say("DISK ring errors=%u", ring);
    errors += ring;
    sweeps++;
    if (errors)
        say("CHECK failed pages=%u errors=%u first=0x%08x expected=0x%02x found=0x%02x", own_stamped, errors, first_at,
            first.expected, first.found);
    else say("CHECK ok pages=%u sweeps=%u writes=%U errors=0", own_stamped, sweeps, page_writes);
}
