/* The memory workload: rewrites owned pages at a given rate, over a given working set, in a given order. */
#include "labos.h"

enum pattern { SEQ, RANDOM, HOTCOLD };
static const char *const names[] = { "seq", "random", "hotcold" };

static struct pace pace;
static u32 set_size;
static enum pattern pattern;
static u32 next, random = 0x2545F491;

void load_set(u32 rate, u32 ws, const char *name)
{
    for (u32 i = 0; i < 3; i++) if (same(name, names[i])) pattern = (enum pattern)i;
    set_size = ws;
    next = 0;
    pace_set(&pace, rate);
}

static u32 pick(u32 n)
{
    if (pattern == SEQ) {
        if (next >= n) next = 0;
        return next++;
    }
    random = xorshift(random);
    u32 page = scale(random, n);
    if (pattern == HOTCOLD) {
        /* 90 % of the writes go to the first 10 % of the pages */
        u32 hot = n < 10 ? 1 : n / 10;
        random = xorshift(random);
        page = scale(random, 10) ? page % hot : n > hot ? hot + page % (n - hot) : 0;
    }
    return page;
}

bool load_step(void)
{
    if (!pace.rate) return false;
    u32 n = set_size < own_stamped ? set_size : own_stamped;
    if (!n) return false;
    u32 due = 32; /* a helping small enough that the console stays quick */
    if (pace.rate != LOAD_MAX) {
        u32 credit = pace_due(&pace);
        if (credit < due) due = credit;
        pace_spend(&pace, due);
    }
    for (u32 i = 0; i < due; i++) page_write(pick(n));
    return due == 32;
}

void load_print(char *out, u32 size)
{
    if (!pace.rate) format(out, size, "LOAD rate=off ws=0 pattern=none written=%U", page_writes);
    else if (pace.rate == LOAD_MAX)
        format(out, size, "LOAD rate=max ws=%u pattern=%s written=%U", set_size, names[pattern], page_writes);
    else format(out, size, "LOAD rate=%u ws=%u pattern=%s written=%U", pace.rate, set_size, names[pattern], page_writes);
}
