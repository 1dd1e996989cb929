/* Whether every rank holds the same thing. Hashes are compared first; what differs, and where, is
 * only looked for once something does. Rank 0 is the measure. */
#include <string.h>

#include "comm_internal.h"

enum { MAX_LINE = 160, MAX_RANGES = 8 };

/* One number from each rank; caller frees. */
static uint64_t *gather_number(fl_comm *c, uint64_t mine) {
    uint64_t *all = fl_alloc((size_t)c->size * sizeof *all);
    fl_comm_gather(c, &mine, sizeof mine, all);
    return all;
}

/* The lowest rank whose number is not that of rank 0; `size` if there is none. */
static int first_other(const uint64_t *all, int size) {
    int r = 1;
    while (r < size && all[r] == all[0]) r++;
    return r;
}

static int first_other_hash(fl_comm *c, uint64_t mine) {
    uint64_t *all = gather_number(c, mine);
    int other = first_other(all, c->size);
    fl_free(all);
    return other;
}

/* "rank 3", "ranks 1, 3-5", "ranks 1, 3, 5 and 40 more": those whose number is not that of rank 0.
 */
static void add_ranks(fl_text *t, const uint64_t *all, int size) {
    int left = 0, ranges = 0;
    for (int r = 1; r < size; r++) left += all[r] != all[0];
    fl_text_add(t, left == 1 ? "rank" : "ranks");
    for (int r = 1, last; left > 0 && ranges < MAX_RANGES; r = last + 1) {
        last = r;
        if (all[r] == all[0]) continue;
        while (last + 1 < size && all[last + 1] != all[0]) last++;
        fl_text_add(t, last > r ? "%s %d-%d" : "%s %d", ranges++ ? "," : "", r, last);
        left -= last - r + 1;
    }
    if (left > 0) fl_text_add(t, " and %d more", left);
}

/* ---- texts ---- */

/* The number, from 1, of the first line in which two different texts differ. */
static uint64_t different_line(const char *a, const char *b) {
    uint64_t line = 1;
    for (; *a && *a == *b; a++, b++) line += *a == '\n';
    bool only_ends = (!*a && *b == '\n') || (!*b && *a == '\n');
    return line + only_ends;
}

/* A copy of that line, cut if it is long; caller frees. */
static char *line_of(const char *text, uint64_t number) {
    for (uint64_t line = 1; line < number && text; line++) {
        const char *end = strchr(text, '\n');
        text = end ? end + 1 : NULL;
    }
    if (!text) return fl_strdup("(ends before this line)");
    size_t len = strcspn(text, "\n");
    return len <= MAX_LINE ? fl_strndup(text, len) : fl_format("%.*s…", (int)MAX_LINE, text);
}

static fl_status fail_text(fl_comm *c, const char *what, const uint64_t *hashes, uint64_t line,
                           const char *on_zero, const char *on_other) {
    fl_text ranks = {0};
    int other = first_other(hashes, c->size);
    add_ranks(&ranks, hashes, c->size);
    fl_fail(FL_ERR_DISAGREE,
            "ranks disagree on %s: rank 0 and %s differ, first in line %llu\n"
            "  rank 0: %s\n"
            "  rank %d: %s\n"
            "  start every rank with the same command, and let all read the same files",
            what, ranks.s, (unsigned long long)line, on_zero, other, on_other);
    fl_free(ranks.s);
    return FL_ERR_DISAGREE;
}

static fl_status explain_text(fl_comm *c, const char *what, const char *text,
                              const uint64_t *hashes) {
    int other = first_other(hashes, c->size);
    char *zero = fl_comm_bcast_text(c, text, 0);
    uint64_t line = different_line(zero, text);
    fl_comm_bcast(c, &line, sizeof line, other);
    char *on_zero = line_of(zero, line), *mine = line_of(text, line);
    char *on_other = fl_comm_bcast_text(c, mine, other);
    fl_status status = fail_text(c, what, hashes, line, on_zero, on_other);
    fl_free(zero);
    fl_free(on_zero);
    fl_free(mine);
    fl_free(on_other);
    return status;
}

fl_status fl_comm_same_text(fl_comm *c, const char *what, const char *text) {
    if (c->size == 1) return FL_OK;
    uint64_t *hashes = gather_number(c, fl_hash(text, strlen(text), 0));
    bool same = first_other(hashes, c->size) == c->size;
    fl_status status = same ? FL_OK : explain_text(c, what, text, hashes);
    fl_free(hashes);
    return status;
}

/* ---- named hashes ---- */

/* The first of n hashes that is not what rank 0 has; n if there is none. */
static uint64_t different_hash(fl_comm *c, size_t n, const uint64_t *hashes) {
    uint64_t *zero = fl_alloc(n * sizeof *zero), i = 0;
    if (c->rank == 0 && n) memcpy(zero, hashes, n * sizeof *zero);
    fl_comm_bcast(c, zero, n * sizeof *zero, 0);
    while (i < n && zero[i] == hashes[i]) i++;
    fl_free(zero);
    return i;
}

static uint64_t least(const uint64_t *v, int n) {
    uint64_t m = v[0];
    for (int i = 1; i < n; i++) m = v[i] < m ? v[i] : m;
    return m;
}

/* All that are there on every rank are alike, but some ranks have more: the first surplus one. */
static fl_status fail_count(fl_comm *c, const char *what, const uint64_t *counts,
                            const char *const *names) {
    int other = first_other(counts, c->size), longer = counts[other] > counts[0] ? other : 0;
    uint64_t at = counts[longer ? 0 : other];
    char *name = fl_comm_bcast_text(c, c->rank == longer ? names[at] : "", longer);
    fl_text ranks = {0};
    add_ranks(&ranks, counts, c->size);
    fl_fail(
        FL_ERR_DISAGREE,
        "ranks disagree on %s: rank 0 has %llu, %s another number; rank %d has '%s', which rank "
        "%d lacks; start every rank with the same command and the same files",
        what, (unsigned long long)counts[0], ranks.s, longer, name, longer ? 0 : other);
    fl_free(ranks.s);
    fl_free(name);
    return FL_ERR_DISAGREE;
}

/* `firsts[r]` is where rank r first differs from rank 0, which by that itself has the highest. */
static fl_status fail_hash(fl_comm *c, const char *what, uint64_t *firsts,
                           const char *const *names) {
    uint64_t at = least(firsts, c->size);
    for (int r = 0; r < c->size; r++) firsts[r] = firsts[r] == at;
    char *name = fl_comm_bcast_text(c, c->rank == 0 ? names[at] : "", 0);
    fl_text ranks = {0};
    add_ranks(&ranks, firsts, c->size);
    fl_fail(FL_ERR_DISAGREE,
            "ranks disagree on %s: '%s' on %s is not what rank 0 has; give every rank the same "
            "files (a node may hold an old or damaged copy) and start again",
            what, name, ranks.s);
    fl_free(ranks.s);
    fl_free(name);
    return FL_ERR_DISAGREE;
}

static fl_status explain_hashes(fl_comm *c, const char *what, size_t n, const char *const *names,
                                const uint64_t *hashes) {
    uint64_t *counts = gather_number(c, n);
    uint64_t shared = least(counts, c->size);
    uint64_t *firsts = gather_number(c, different_hash(c, shared, hashes));
    fl_status status = least(firsts, c->size) == shared ? fail_count(c, what, counts, names)
                                                        : fail_hash(c, what, firsts, names);
    fl_free(counts);
    fl_free(firsts);
    return status;
}

fl_status fl_comm_same_hashes(fl_comm *c, const char *what, size_t n, const char *const *names,
                              const uint64_t *hashes) {
    if (c->size == 1) return FL_OK;
    uint64_t mine = fl_hash(hashes, n * sizeof *hashes, n);
    if (first_other_hash(c, mine) == c->size) return FL_OK;
    return explain_hashes(c, what, n, names, hashes);
}
