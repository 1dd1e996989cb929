/* tally.c: reads comm.csv back. */
#include "tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "columns.h"

/* The value of a column, which ends at a comma or with the line. */
static void set(const fl_column *c, const char *at, size_t len, fl_comm_row *row) {
    char text[40] = "", *end;
    if (len < sizeof text) memcpy(text, at, len);
    if (c->kind == FL_COLUMN_TEXT)
        snprintf((char *)row + c->offset, sizeof row->bucket, "%.*s", (int)sizeof row->bucket - 1,
                 text);
    else
        fl_column_set(c, row, *text ? strtod(text, &end) : NAN);
}

static bool read_line(const char *at, const char *stop, fl_comm_row *row) {
    const fl_column *c = fl_comm_columns;
    *row = (fl_comm_row){0};
    for (; c->name && at <= stop; c++) {
        const char *comma = memchr(at, ',', (size_t)(stop - at)), *end = comma ? comma : stop;
        set(c, at, (size_t)(end - at), row);
        at = end + 1;
    }
    return !c->name && at > stop;
}

static bool is_header(const char *at, const char *stop) {
    for (const fl_column *c = fl_comm_columns; c->name; c++) {
        size_t len = strlen(c->name);
        if ((size_t)(stop - at) < len || memcmp(at, c->name, len) != 0) return false;
        at += len + (c[1].name != NULL);
    }
    return at == stop;
}

/* The epochs alike of which this is one; false: the history has none. */
static bool find_epochs(const fl_history *h, int64_t epoch, int *from, int *to) {
    for (*from = 0; *from < h->n_epochs; *from = *to) {
        *to = fl_history_alike(h, *from);
        if (epoch >= h->epoch[*from].epoch && epoch <= h->epoch[*to - 1].epoch) return true;
    }
    return false;
}

const fl_tally *fl_tally_of(const fl_tallies *t, int from, const char *bucket) {
    for (int i = t->n - 1; i >= 0; i--)
        if (t->one[i].from == from && strcmp(t->one[i].bucket, bucket) == 0) return &t->one[i];
    return NULL;
}

static fl_tally *tally_for(fl_tallies *t, int from, int to, const char *bucket) {
    fl_tally *found = (fl_tally *)fl_tally_of(t, from, bucket);
    if (found) return found;
    t->one = fl_resize(t->one, (size_t)(t->n + 1) * sizeof *t->one);
    found = &t->one[t->n++];
    *found = (fl_tally){.from = from, .to = to};
    snprintf(found->bucket, sizeof found->bucket, "%s", bucket);
    return found;
}

static void add(fl_tally *t, const fl_comm_row *r) {
    const double kinds[FL_BYTES_KINDS][3] = {
        [FL_BYTES_GRADIENT] = {(double)r->payload_bytes, (double)r->planned_payload_bytes,
                               r->unfrozen_payload_bytes},
        [FL_BYTES_MPI] = {(double)r->mpi_bytes, r->planned_mpi_bytes, r->unfrozen_mpi_bytes},
        [FL_BYTES_NODE] = {(double)r->node_bytes, r->planned_node_bytes, r->unfrozen_node_bytes},
        [FL_BYTES_LINK] = {r->link_bytes, r->planned_link_bytes, r->unfrozen_link_bytes},
    };
    for (int i = 0; i < FL_BYTES_KINDS; i++) {
        t->measured[i] += kinds[i][0];
        t->planned[i] += kinds[i][1];
        t->unfrozen[i] += kinds[i][2];
    }
    t->lines++;
    t->calls += (double)r->calls;
    t->seconds += r->seconds;
    t->exposed_seconds += r->exposed_seconds;
}

static void add_line(fl_tallies *t, const fl_history *h, const char *at, const char *stop) {
    fl_comm_row row;
    int from, to;
    if (read_line(at, stop, &row) && find_epochs(h, row.epoch, &from, &to))
        add(tally_for(t, from, to, row.bucket), &row);
}

fl_status fl_tallies_read(const char *path, const fl_history *h, fl_tallies *out) {
    *out = (fl_tallies){0};
    if (!fl_exists(path)) return FL_OK;
    char *data;
    size_t size;
    FL_TRY(fl_file_read(path, &data, &size));
    const char *end = data + size, *newline = memchr(data, '\n', size);
    bool known = newline && is_header(data, newline);
    for (const char *at; known && (at = newline + 1) < end;) {
        newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) break;
        add_line(out, h, at, newline);
    }
    fl_free(data);
    return FL_OK;
}

void fl_tallies_free(fl_tallies *t) {
    fl_free(t->one);
}
