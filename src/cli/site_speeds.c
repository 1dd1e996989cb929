/* Measuring what each layer takes: once for all rank counts that crowd a machine alike. */
#include <string.h>

#include "cli/site_internal.h"
#include "frostline/log.h"

enum { MOST_ROWS = 16 }; /* that are measured; for more the line is drawn on */

static double rows_at(const fl_site_conf *c, const fl_experiment *x, int np) {
    double batch = (double)x->train.batch_size / (double)x->train.accumulation;
    return c->weak ? batch : batch / np;
}

static fl_status measure_layers(const fl_site *s, const fl_site_conf *c, int crowd,
                                const char *rows, const char *path) {
    int n = 0;
    const char **word = fl_alloc((size_t)(c->n_overrides + 6) * sizeof *word);
    word[n++] = "bench";
    word[n++] = "layers";
    word[n++] = c->config;
    for (int i = 0; i < c->n_overrides; i++) word[n++] = c->override[i];
    word[n++] = rows;
    word[n++] = "--steps=3";
    word[n++] = "--json";
    fl_status status = fl_site_measure(s, crowd, n, word, path);
    fl_free(word);
    return status;
}

/* Of all rank counts that share these speeds. */
static char *rows_word(const fl_site *s, const fl_site_conf *c, const fl_experiment *x, int crowd) {
    double least = 0, most = 0;
    for (int i = 0; i < c->n_np; i++) {
        double rows = rows_at(c, x, c->np[i]);
        if (fl_site_crowd(s, c->np[i]) != crowd) continue;
        if (least == 0 || rows < least) least = rows;
        if (rows > most) most = rows;
    }
    int low = least < 1           ? 1
              : least > MOST_ROWS ? MOST_ROWS
                                  : (int)least,
        high = most > MOST_ROWS ? MOST_ROWS : (int)(most + 0.999);
    if (low >= high && most > high) low = high / 2;
    return low < high ? fl_format("--rows=%d,%d", low, high) : fl_format("--rows=%d", low);
}

/* Of one pass, 1 or 2; 0: of both. */
static char *speeds_path(const fl_site *s, int crowd, const char *rows, int pass) {
    char *name = fl_format("layers-np%d-%s.json", crowd, rows + strlen("--rows="));
    char *path = pass ? fl_format("%s/pass%d-%s", s->dir, pass, name) : fl_path_join(s->dir, name);
    fl_free(name);
    return path;
}

static fl_status measure_pass(const fl_site *s, const fl_site_conf *c, int crowd, const char *rows,
                              int pass) {
    char *all = speeds_path(s, crowd, rows, 0), *path = speeds_path(s, crowd, rows, pass);
    bool known = fl_exists(all) || fl_exists(path);
    if (!known)
        fl_note("measuring what each layer takes while %d rank%s work%s here (bench layers %s), "
                "pass %d of 2",
                crowd, crowd > 1 ? "s" : "", crowd > 1 ? "" : "s", rows, pass);
    fl_status status = known ? FL_OK : measure_layers(s, c, crowd, rows, path);
    fl_free(all);
    fl_free(path);
    return status;
}

static fl_status join_passes(const fl_site *s, int crowd, const char *rows, const char *all) {
    char *first = speeds_path(s, crowd, rows, 1), *second = speeds_path(s, crowd, rows, 2);
    fl_status status = fl_exists(all) ? FL_OK : fl_site_means(first, second, all);
    fl_free(first);
    fl_free(second);
    return status;
}

static fl_status add_speeds(fl_site *s, const fl_experiment *x, int crowd, const char *rows) {
    fl_speeds *speeds = NULL;
    char *path = speeds_path(s, crowd, rows, 0);
    fl_status status = join_passes(s, crowd, rows, path);
    if (status == FL_OK) status = fl_speeds_open(path, x->model, &speeds);
    fl_free(path);
    FL_TRY(status);
    s->crowd = fl_resize(s->crowd, (size_t)(s->n_speeds + 1) * sizeof *s->crowd);
    s->speeds = fl_resize(s->speeds, (size_t)(s->n_speeds + 1) * sizeof(fl_speeds *));
    s->crowd[s->n_speeds] = crowd;
    s->speeds[s->n_speeds++] = speeds;
    return FL_OK;
}

const fl_speeds *fl_site_speeds(const fl_site *s, int crowd) {
    for (int i = 0; i < s->n_speeds; i++)
        if (s->crowd[i] == crowd) return s->speeds[i];
    return NULL;
}

static bool is_first_of_crowd(const fl_site *s, const fl_site_conf *c, int i) {
    for (int j = 0; j < i; j++)
        if (fl_site_crowd(s, c->np[j]) == fl_site_crowd(s, c->np[i])) return false;
    return true;
}

/* A pass measures; none opens the means of both. */
static fl_status take_all(fl_site *s, const fl_site_conf *c, const fl_experiment *x, int pass) {
    for (int i = 0; i < c->n_np; i++) {
        if (!is_first_of_crowd(s, c, i)) continue;
        int crowd = fl_site_crowd(s, c->np[i]);
        char *rows = rows_word(s, c, x, crowd);
        fl_status status =
            pass ? measure_pass(s, c, crowd, rows, pass) : add_speeds(s, x, crowd, rows);
        fl_free(rows);
        FL_TRY(status);
    }
    return FL_OK;
}

/* All rank counts in turn, and then all once more: a slow moment of the machine spoils but half of
 * what is known of one of them. */
fl_status fl_site_measure_speeds(fl_site *s, const fl_site_conf *c, const fl_experiment *x) {
    FL_TRY(take_all(s, c, x, 1));
    FL_TRY(take_all(s, c, x, 2));
    return take_all(s, c, x, 0);
}
