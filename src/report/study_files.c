/* study_files.c: study.csv, and the figure for a paper. */
#include <math.h>
#include <string.h>

#include "columns.h"
#include "study.h"

static void put_number(fl_text *out, double v, const char *missing) {
    fl_line l = {.len = 0};
    fl_line_number(&l, v, missing);
    fl_text_add(out, "%s", l.s);
}

/* In quotes, a quote doubled: rules hold commas and spaces. */
static void put_quoted(fl_text *out, const char *s) {
    fl_text_add(out, "\"");
    for (; *s; s++) {
        if (*s == '"') fl_text_put(out, s, 1);
        fl_text_put(out, s, 1);
    }
    fl_text_add(out, "\"");
}

/* Of a point neither the number of a repeat nor an exit code. */
static bool is_column(int figure) {
    return figure != FL_STUDY_repeat && figure != FL_STUDY_exit_code;
}

static void put_rows(fl_text *out, const fl_study_runs *points) {
    for (int i = 0; i < points->n; i++) {
        put_quoted(out, points->run[i].rule);
        for (int f = 0; f < FL_STUDY_FIGURES; f++) {
            if (!is_column(f)) continue;
            fl_text_add(out, ",");
            put_number(out, points->run[i].value[f], "");
        }
        fl_text_add(out, "\n");
    }
}

static fl_status write_csv(const char *dir, const fl_study_runs *points,
                           const fl_study_runs *simulated) {
    fl_text out = {0};
    char *path = fl_path_join(dir, "study.csv");
    fl_text_add(&out, "freeze");
    for (int f = 0; f < FL_STUDY_FIGURES; f++)
        if (is_column(f)) fl_text_add(&out, ",%s", fl_study_names[f]);
    fl_text_add(&out, "\n");
    put_rows(&out, points);
    put_rows(&out, simulated);
    fl_status status = fl_file_replace(path, out.s, out.len);
    fl_free(out.s);
    fl_free(path);
    return status;
}

/* ---- gnuplot ---- */

static const struct panel {
    const char *title, *y;
    fl_study_figure figure;
    const char *ideal; /* a gnuplot function of the ranks, or NULL */
} panels[] = {
    {"Speed-up", "against the fewest ranks", FL_STUDY_speedup, "x/fewest"},
    {"Efficiency", "share of ideal", FL_STUDY_efficiency, "1"},
    {"Sent by a rank", "bytes per step", FL_STUDY_wire_bytes, NULL},
    {"Exposed communication", "share of step time", FL_STUDY_exposed_share, NULL},
};

static void put_block(fl_text *out, const fl_study_run *points, int n, const char *what) {
    fl_text_add(out, "# %s%s\n# np", points->rule, what);
    for (size_t k = 0; k < FL_COUNT(panels); k++)
        fl_text_add(out, " %s", fl_study_names[panels[k].figure]);
    fl_text_add(out, "\n");
    for (int j = 0; j < n; j++) {
        const double *v = points[j].value;
        fl_text_add(out, "%.0f", v[FL_STUDY_np]);
        for (size_t k = 0; k < FL_COUNT(panels); k++) {
            fl_text_add(out, " ");
            put_number(out, v[panels[k].figure], "NaN");
        }
        fl_text_add(out, "\n");
    }
}

/* A block a rule, then one for each that was simulated, two empty lines between: gnuplot's `index`.
 */
static void put_data(fl_text *out, const fl_study_page *page, const fl_study_runs *points,
                     const fl_study_runs *simulated) {
    int n = page->n_np, m = page->n_simulated;
    for (int i = 0; i < page->n_rules; i++) {
        fl_text_add(out, "%s", i ? "\n\n" : "");
        put_block(out, &points->run[i * n], n, "");
    }
    for (int i = 0; i < page->n_rules && m; i++) {
        fl_text_add(out, "\n\n");
        put_block(out, &simulated->run[i * m], m, ", simulated");
    }
}

static void put_title(fl_text *out, const char *s) { /* between single quotes */
    for (; *s; s++) {
        if (*s == '\'') fl_text_put(out, s, 1);
        fl_text_put(out, s, 1);
    }
}

static void put_panel(fl_text *out, const fl_study_page *page, int k) {
    const struct panel *p = &panels[k];
    fl_text_add(out, "set title '%s'\nset ylabel '%s'\nplot ", p->title, p->y);
    for (int i = 0; i < page->n_rules; i++) {
        fl_text_add(out, "%s'figure.dat' index %d using 1:%d with linespoints pointtype %d title '",
                    i ? ", \\\n     " : "", i, k + 2, i + 4);
        put_title(out, page->rule[i]);
        fl_text_add(out, "' noenhanced");
    }
    for (int i = 0; i < page->n_rules && page->n_simulated; i++) { /* dashed, with hollow points */
        fl_text_add(out,
                    ", \\\n     'figure.dat' index %d using 1:%d with linespoints dashtype 2 "
                    "pointtype %d title '",
                    page->n_rules + i, k + 2, 4 + 2 * (i % 5));
        put_title(out, page->rule[i]);
        fl_text_add(out, ", simulated' noenhanced");
    }
    if (p->ideal)
        fl_text_add(out, ", \\\n     %s dashtype 2 linecolor 'gray' title 'ideal'", p->ideal);
    fl_text_add(out, "\n");
}

static int most_ranks(const fl_study_page *page) {
    int measured = page->np[page->n_np - 1];
    int simulated = page->n_simulated ? page->simulated[page->n_simulated - 1] : 0;
    return measured > simulated ? measured : simulated;
}

static void put_script(fl_text *out, const fl_study_page *page) {
    fl_text_add(out,
                "# gnuplot figure.gp: makes figure.pdf of figure.dat\n"
                "set terminal pdfcairo size 17cm,12cm font ',9'\nset output 'figure.pdf'\n"
                "set multiplot layout 2,2\nset key left top\nset grid\nset xlabel 'ranks'\n"
                "set yrange [0:*]\nset xrange [0.9:%g]\n%sset xtics (",
                most_ranks(page) * 1.05, page->n_simulated ? "set logscale x\n" : "");
    for (int j = 0; j < page->n_np; j++) fl_text_add(out, "%s%d", j ? ", " : "", page->np[j]);
    for (int j = 0; j < page->n_simulated; j++) fl_text_add(out, ", %d", page->simulated[j]);
    fl_text_add(out, ")\nfewest = %d.0\n", page->np[0]);
    for (int k = 0; k < (int)FL_COUNT(panels); k++) put_panel(out, page, k);
    fl_text_add(out, "unset multiplot\n");
}

static fl_status write_text(const char *dir, const char *name, fl_text *t) {
    char *path = fl_path_join(dir, name);
    fl_status status = fl_file_replace(path, t->s, t->len);
    fl_free(path);
    fl_free(t->s);
    return status;
}

fl_status fl_study_gnuplot(const char *dir, const fl_study_page *page, const fl_study_runs *runs) {
    fl_study_runs points = fl_study_points(page, runs),
                  simulated = fl_study_simulated(page, runs, &points);
    fl_text data = {0}, script = {0};
    put_data(&data, page, &points, &simulated);
    put_script(&script, page);
    fl_study_runs_close(&points);
    fl_study_runs_close(&simulated);
    fl_status a = write_text(dir, "figure.dat", &data), b = write_text(dir, "figure.gp", &script);
    return a != FL_OK ? a : b;
}

/* ---- both ---- */

fl_status fl_study_write(const char *dir, const fl_study_page *page, const fl_study_runs *runs) {
    fl_study_runs points = fl_study_points(page, runs),
                  simulated = fl_study_simulated(page, runs, &points);
    fl_text out = {0};
    fl_study_html(&out, page, &points, &simulated);
    fl_status status = write_text(dir, "report.html", &out);
    if (status == FL_OK) status = write_csv(dir, &points, &simulated);
    fl_study_runs_close(&points);
    fl_study_runs_close(&simulated);
    return status;
}
