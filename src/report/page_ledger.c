/* page_ledger.c: the ledger of bytes in report.html: by epoch, then by bucket. */
#include <math.h>
#include <string.h>

#include "page.h"
#include "text.h"

static const char *const kinds[FL_BYTES_KINDS] = {"Gradient", "To MPI", "Within nodes",
                                                  "On the link"};

/* Acknowledgements on the link come as they like: see the run's own check. */
static const double link_tolerance = 0.05, link_slack = 64 << 10; /* the latter a line */

static bool is_known(const fl_tally *t, int kind) {
    return isfinite(t->measured[kind]) && isfinite(t->planned[kind]);
}

static bool is_as_planned(const fl_tally *t, int kind) {
    double most = fmax(link_tolerance * t->planned[kind], link_slack * t->lines);
    double off = fabs(t->measured[kind] - t->planned[kind]);
    return !is_known(t, kind) || off <= (kind == FL_BYTES_LINK ? most : 0);
}

static void put_verdict(fl_text *out, const fl_tally *t, int kind) {
    if (!is_known(t, kind))
        fl_text_add(out, "<td class=\"quiet\">not known</td>");
    else if (!is_as_planned(t, kind))
        fl_text_add(out, "<td class=\"bad\">✗ not equal</td>");
    else if (t->measured[kind] == t->planned[kind])
        fl_text_add(out, "<td class=\"good\">✓ equal</td>");
    else
        fl_text_add(out, "<td class=\"good\">✓ %+.1f %%</td>",
                    t->planned[kind] > 0 ? 100 * (t->measured[kind] / t->planned[kind] - 1) : 0);
}

/* Of one epoch. */
static void put_bytes(fl_text *out, const fl_tally *t, double bytes) {
    char text[40];
    double each = bytes / (t->to - t->from);
    fl_text_add(out, "<td>%s</td>", isfinite(each) ? fl_text_thousands(round(each), text) : "–");
}

static void put_epochs(fl_text *out, const fl_history *h, const fl_tally *t, int rows) {
    int64_t first = h->epoch[t->from].epoch, last = h->epoch[t->to - 1].epoch;
    fl_text_add(out, "<tr><th scope=\"rowgroup\" rowspan=\"%d\">%lld", rows, (long long)first);
    if (last > first) fl_text_add(out, "–%lld", (long long)last);
    fl_text_add(out, "</th>");
}

/* ---- by epoch ---- */

/* What metrics.jsonl alone knows, where there is no comm.csv: the gradient of rank 0. */
static fl_tally tally_of_history(const fl_history *h, int from, int to) {
    fl_tally t = {.from = from, .to = to};
    for (int i = from; i < to; i++) {
        t.measured[FL_BYTES_GRADIENT] += (double)h->epoch[i].payload_bytes;
        t.planned[FL_BYTES_GRADIENT] += (double)h->epoch[i].planned_payload_bytes;
        t.unfrozen[FL_BYTES_GRADIENT] += (double)h->epoch[i].unfrozen_payload_bytes;
    }
    return t;
}

static void put_kind(fl_text *out, const fl_tally *t, int kind) {
    char share[32];
    double part = t->measured[kind] / t->unfrozen[kind];
    if (kind == FL_BYTES_LINK && !is_known(t, kind)) part = t->planned[kind] / t->unfrozen[kind];
    fl_text_add(out, "<td class=\"text\">%s</td>", kinds[kind]);
    put_bytes(out, t, t->measured[kind]);
    put_bytes(out, t, t->planned[kind]);
    put_verdict(out, t, kind);
    put_bytes(out, t, t->unfrozen[kind]);
    fl_text_add(out, "<td>%s</td></tr>\n", isfinite(part) ? fl_text_percent(part, share) : "–");
}

static void put_epoch(fl_text *out, const fl_history *h, const fl_tally *t, int n_kinds) {
    put_epochs(out, h, t, n_kinds);
    fl_text_add(out, "<td rowspan=\"%d\">", n_kinds);
    char learning[40];
    fl_text_add(out, "%s</td>", fl_text_thousands((double)h->epoch[t->from].trainable, learning));
    for (int kind = 0; kind < n_kinds; kind++) {
        if (kind) fl_text_add(out, "<tr>");
        put_kind(out, t, kind);
    }
}

/* Returns how many figures are not as planned. */
static int put_by_epoch(fl_text *out, const fl_history *h, const fl_tallies *tallies) {
    static const char *const head[] = {"Epochs",  "Learning", "Bytes",          "Measured",
                                       "Planned", "Verdict",  "Nothing frozen", "Share"};
    int broken = 0;
    fl_page_table(out, "Bytes by epoch", (int)FL_COUNT(head), head);
    for (int from = 0, to; from < h->n_epochs; from = to) {
        to = fl_history_alike(h, from);
        fl_tally own = tally_of_history(h, from, to);
        const fl_tally *all = fl_tally_of(tallies, from, "all"), *t = all ? all : &own;
        int n_kinds = all ? FL_BYTES_KINDS : 1;
        put_epoch(out, h, t, n_kinds);
        for (int kind = 0; kind < n_kinds; kind++) broken += !is_as_planned(t, kind);
    }
    fl_page_table_end(out);
    return broken;
}

/* ---- by bucket ---- */

static void put_seconds(fl_text *out, const fl_tally *t, double seconds) {
    char text[32];
    double each = seconds / t->lines;
    fl_text_add(out, "<td>%s</td>", isfinite(each) ? fl_human_seconds(each, text) : "–");
}

/* The kinds of which there is a plan and a count. */
static void put_both_verdicts(fl_text *out, const fl_tally *t) {
    put_verdict(out, t, is_as_planned(t, FL_BYTES_MPI) ? FL_BYTES_NODE : FL_BYTES_MPI);
}

static void put_bucket(fl_text *out, const fl_tally *t) {
    bool other = strcmp(t->bucket, "other") == 0;
    fl_text_add(out, "<td class=\"text\">%s</td>", other ? "control sums" : t->bucket);
    put_bytes(out, t, other ? NAN : t->calls);
    put_bytes(out, t, t->measured[FL_BYTES_GRADIENT]);
    for (int kind = FL_BYTES_MPI; kind <= FL_BYTES_NODE; kind++) {
        put_bytes(out, t, t->measured[kind]);
        put_bytes(out, t, t->planned[kind]);
    }
    put_both_verdicts(out, t);
    put_bytes(out, t, t->planned[FL_BYTES_LINK]);
    put_seconds(out, t, t->seconds);
    put_seconds(out, t, t->exposed_seconds);
    fl_text_add(out, "</tr>\n");
}

static int count_buckets(const fl_tallies *t, int from) {
    int n = 0;
    for (int i = 0; i < t->n; i++) n += t->one[i].from == from;
    return n - (fl_tally_of(t, from, "all") != NULL);
}

static void put_by_bucket(fl_text *out, const fl_history *h, const fl_tallies *tallies) {
    static const char *const head[] = {
        "Epochs",       "Bucket",  "Calls",   "Gradient",      "To MPI",   "Planned",
        "Within nodes", "Planned", "Verdict", "Link, planned", "Reducing", "Not hidden",
    };
    int last = -1;
    fl_text_add(out, "<h3>By bucket</h3>\n");
    fl_page_table(out, "Bytes by bucket", (int)FL_COUNT(head), head);
    for (int i = 0; i < tallies->n; i++) {
        const fl_tally *t = &tallies->one[i];
        if (strcmp(t->bucket, "all") == 0) continue;
        if (t->from == last)
            fl_text_add(out, "<tr>");
        else
            put_epochs(out, h, t, count_buckets(tallies, t->from));
        put_bucket(out, t);
        last = t->from;
    }
    fl_page_table_end(out);
    fl_text_add(out,
                "<p class=\"quiet\">Calls and bytes of all ranks, times the mean of a rank; not "
                "hidden: when nothing else ran. Only a process's link as a whole is measured, "
                "and control sums are not planned.</p>\n");
}

void fl_page_ledger(fl_text *out, const fl_history *h, const fl_tallies *tallies) {
    if (!h->n_epochs) return;
    fl_page_section(out, "Communication ledger");
    fl_text_add(out,
                "<p>What one epoch moved%s, as counted where it is handed on, as planned before "
                "the first step, and as it would be with nothing frozen. On the link: with the "
                "headers of TCP, where that carries from node to node.</p>\n",
                tallies->n ? ", all ranks together" : "");
    int broken = put_by_epoch(out, h, tallies);
    if (broken)
        fl_text_add(out, "<p class=\"bad\">%d of these figures %s not as planned.</p>\n", broken,
                    broken == 1 ? "is" : "are");
    else
        fl_text_add(out, "<p class=\"good\">All is as planned: to the byte, the link within 5 %% "
                         "where it is measured.</p>\n");
    if (tallies->n) put_by_bucket(out, h, tallies);
    fl_page_section_end(out);
}
