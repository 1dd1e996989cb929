/* The page of a run: scales that cover, charts with gaps, HTML that is well-formed whatever the
 * names in it. */
#include <jansson.h>

#include "report/frame.h"
#include "report/history.h"
#include "report/text.h"
#include "report_fixture.h"

static void test_escape(void **state) {
    (void)state;
    fl_text t = {0};
    fl_text_escape(&t, "<a b=\"1\">&'é\x01\xff\xc0\xaf\xed\xa0\x80");
    assert_null(strpbrk(t.s, "<>\"'\x01"));
    assert_non_null(strstr(t.s, "&lt;a b=&quot;1&quot;&gt;&amp;&#39;é"));
    json_t *valid = json_string(t.s); /* NULL if it were not UTF-8 */
    assert_non_null(valid);
    json_decref(valid);
    fl_free(t.s);
}

/* ---- scales and charts ---- */

static bool is_round(double step) {
    double digit = step / pow(10, floor(log10(step) + 1e-9));
    return fabs(digit - 1) < 1e-6 || fabs(digit - 2) < 1e-6 || fabs(digit - 5) < 1e-6;
}

static double uniform(uint64_t i) {
    return (double)(fl_hash(&i, sizeof i, 7) >> 11) * 0x1p-53;
}

static void test_ticks_are_round_and_cover(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        double size = pow(10, 24 * uniform(3 * i) - 12), lo = (uniform(3 * i + 1) - 0.5) * size;
        double hi = lo + size * (0.01 + uniform(3 * i + 2));
        fl_scale s = fl_scale_linear(lo, hi, 5, 0, true);
        assert_true(is_round(s.step));
        assert_in_range(s.n, 2, 7);
        assert_true(s.tick[0] <= lo + 1e-6 * s.step && s.tick[s.n - 1] >= hi - 1e-6 * s.step);
        for (int k = 1; k < s.n; k++) assert_true(s.tick[k] > s.tick[k - 1]);
        assert_true(fl_scale_at(&s, lo) >= 0 && fl_scale_at(&s, hi) <= 1);
        fl_scale inside = fl_scale_linear(lo, hi, 9, 0, false);
        assert_true(inside.n >= 1 && inside.lo == lo && inside.hi == hi);
        double a = pow(10, 20 * uniform(i) - 10), b = a * pow(10, 12 * uniform(i + 9000));
        fl_scale l = fl_scale_log(a, b);
        assert_true(l.lo <= a * (1 + 1e-6) && l.hi >= b * (1 - 1e-6) && l.n >= 2);
        for (int k = 0; k < l.n; k++) assert_true(is_round(l.tick[k]));
        double ranks = floor(pow(2, 60 * uniform(3 * i))), more = ranks + floor(ranks * uniform(i));
        fl_scale d = fl_scale_doubling(ranks, more);
        assert_true(d.lo <= ranks && d.hi >= more && d.n >= 2 && d.tick[0] == d.lo);
        for (int k = 1; k < d.n; k++) assert_true(d.tick[k] == d.tick[k - 1] * d.tick[1] / d.lo);
    }
}

static void test_scales_of_nothing(void **state) {
    (void)state;
    const double odd[][2] = {{0, 0}, {3, 3}, {INFINITY, -INFINITY}, {NAN, NAN}, {1e9, 1e9 + 1e-7}};
    for (size_t i = 0; i < FL_COUNT(odd); i++) {
        fl_scale s = fl_scale_linear(odd[i][0], odd[i][1], 5, 1, true);
        assert_true(s.n >= 2 && isfinite(s.lo) && s.hi > s.lo && s.step >= 1);
    }
    char b[32];
    fl_scale s = fl_scale_linear(0, 1, 5, 0, true);
    assert_string_equal(fl_scale_label(&s, s.tick[1], b), "0.2");
    s = fl_scale_linear(0, 5e-4, 5, 0, true);
    assert_string_equal(fl_scale_label(&s, s.tick[3], b), "0.0003");
    s = fl_scale_linear(0, 90000, 5, 0, true);
    assert_string_equal(fl_scale_label(&s, s.tick[1], b), "20 k");
}

static void test_labels_do_not_overlap(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        double y[6], sorted[6];
        for (int k = 0; k < 6; k++)
            y[k] = sorted[k] = floor(10 * uniform(6 * i + (uint64_t)k)) * 20;
        fl_spread(6, y, 15, 0, 200);
        for (int a = 0; a < 6; a++)
            for (int b = 0; b < 6; b++) {
                if (a == b) continue;
                assert_true(fabs(y[a] - y[b]) > 14.999);
                if (sorted[a] < sorted[b]) assert_true(y[a] < y[b]);
            }
        for (int k = 0; k < 6; k++) assert_true(y[k] >= 0 && y[k] <= 200);
    }
}

static void test_gaps_stay_gaps(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {1, 2, NAN, 4, 5}, none[] = {NAN, NAN, NAN, NAN, NAN};
    fl_series s[] = {{"a<b", 5, x, y, 0, 0}, {"empty", 5, x, none, 1, 0}};
    fl_chart c = {.title = "T", .description = "D", .n_series = 2, .series = s};
    fl_text t = {0};
    fl_svg_lines(&t, &c);
    const char *line = strstr(t.s, "class=\"line s0\"");
    assert_non_null(line);
    assert_int_equal(count(line, "M") - count(strchr(line, '>'), "M"), 2);
    assert_non_null(strstr(t.s, "a&lt;b"));
    assert_null(strstr(t.s, ">empty<"));
    assert_null(strstr(t.s, "nan"));
    t.len = 0;
    c.series = s + 1, c.n_series = 1;
    fl_svg_lines(&t, &c);
    assert_non_null(strstr(t.s, "no data"));
    fl_free(t.s);
}

/* ---- the page ---- */

/* Every tag closed in its order; nothing stray that would open one. Dies at the first fault. */
static void check_well_formed(const char *html) {
    static const char *const empty[] = {"meta", "!doctype"};
    char stack[64][16];
    int depth = 0;
    for (const char *at = html; (at = strchr(at, '<')); at++) {
        char name[16];
        bool closing = at[1] == '/';
        assert_int_equal(sscanf(at + 1 + closing, "%15[!a-z0-9]", name), 1);
        const char *end = strchr(at, '>');
        assert_non_null(end);
        int quotes = 0;
        for (const char *c = at; c < end; c++) quotes += *c == '"';
        assert_int_equal(quotes % 2, 0);
        if (end[-1] == '/' || !strcmp(name, empty[0]) || !strcmp(name, empty[1])) continue;
        if (closing) {
            assert_true(depth > 0);
            assert_string_equal(stack[--depth], name);
        } else {
            assert_true(depth < 64);
            strcpy(stack[depth++], name);
        }
        at = end;
    }
    assert_int_equal(depth, 0);
}

static char *page_of(void) {
    static const int64_t confusion[] = {8, 1, 1, 2, 10, 0, 0, 0, 0};
    static const char *const names[] = {"<script>alert(1)</script>", "tulips & \"roses\"", "c"};
    static const char *const facts[][2] = {{"CPU", "<b>fast</b>"}, {"MPI", "4.1"}};
    const char *const(*fact)[2] = facts;
    fl_html_page page = {"</title><script>x</script>",
                         "a: '<script>'",
                         "Model <script>",
                         "f <x>",
                         "finished",
                         4,
                         3,
                         confusion,
                         names,
                         2,
                         fact};
    assert_int_equal(fl_report_html(scratch, &page), FL_OK);
    char *html = contents("report.html");
    check_well_formed(html);
    static const char *const never[] = {"<script", "http", "<link", "@import", "url(",
                                        "src=",    "nan",  "inf\"", "<b>"};
    for (size_t i = 0; i < FL_COUNT(never); i++) assert_null(strstr(html, never[i]));
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)"));
    return html;
}

static void test_page_of_a_run(void **state) {
    (void)state;
    const struct { int epochs, pictures; } runs[] = {{0, 1}, {1, 5}, {500, 5}};
    for (size_t i = 0; i < FL_COUNT(runs); i++) {
        fl_report *r = open_report(false, 0);
        run(r, 1, runs[i].epochs, runs[i].epochs);
        fl_report_close(r);
        append_to("metrics.jsonl", "not json\n[1]\n{\"event\":3}\n{\"event\":\"epoch\",\"ep");
        char *html = page_of();
        assert_int_equal(count(html, "<svg"), runs[i].pictures);
        assert_int_equal(count(html, "<title>"), count(html, "</title>"));
        if (runs[i].epochs == 500) assert_true(strlen(html) < 400000);
        fl_free(html);
    }
    unlink(scratch_path("metrics.jsonl"));
    fl_free(page_of());
}

static void test_page_without_numbers(void **state) {
    (void)state;
    put_file("metrics.jsonl",
             "{\"event\":\"epoch\",\"epoch\":1,\"step\":1e300,\"loss\":null,\"phase\":-1e99}\n"
             "{\"event\":\"step\"}\n{\"event\":\"epoch\",\"epoch\":2,\"time\":7,\"loss\":\"x\"}\n");
    fl_free(page_of());
}

/* Epochs 1–2, then 3–4 after the thaw, then `last`, all alike but what was done to it. */
static char *page_of_ledger(fl_epoch_record last) {
    fl_report *r = open_report(false, 0);
    run(r, 1, 4, 4);
    assert_int_equal(quietly(r, last), FL_OK);
    fl_report_close(r);
    return page_of();
}

static void test_ledger_shows_a_difference(void **state) {
    (void)state;
    char *html = page_of_ledger(epoch_of(5, 5));
    assert_non_null(strstr(html, "All is as planned"));
    assert_int_equal(count(html, "✗"), 0);
    assert_int_equal(count(html, "✓ +1.9 %"), 2); /* the link */
    /* by epoch three kinds, then a bucket and the rest, each for both stretches */
    assert_int_equal(count(html, "✓ equal"), 2 * (3 + 2));
    assert_non_null(strstr(html, "7\u202f"
                                 "182\u202f"
                                 "000")); /* of both ranks, in one epoch */
    fl_free(html);
    fl_epoch_record e = epoch_of(5, 5);
    fl_comm_row rows[COMM_ROWS];
    memcpy(rows, e.comm, sizeof rows);
    rows[3].mpi_bytes++, rows[5].mpi_bytes++, e.mpi_bytes++;
    e.comm = rows;
    html = page_of_ledger(e);
    assert_int_equal(count(html, "✗ not equal"), 2); /* in all, and in its bucket */
    assert_non_null(strstr(html, "1 of these figures is not as planned"));
    fl_free(html);
}

/* What an older version, or a crash, left: the rest is shown. */
static void test_ledger_without_accounts(void **state) {
    (void)state;
    char *html = page_of_ledger(epoch_of(5, 5));
    int whole = count(html, "✓ equal");
    fl_free(html);
    append_to("comm.csv", "5,550,1,all,1,1");
    html = page_of();
    assert_int_equal(count(html, "✓ equal"), whole);
    fl_free(html);
    put_file("comm.csv", "epoch,step,rank\n1,1,0\n");
    html = page_of();
    assert_int_equal(count(html, "✓ equal"), 2); /* the gradient, from metrics.jsonl */
    assert_null(strstr(html, "By bucket"));
    fl_free(html);
}

static void test_history_takes_the_later_telling(void **state) {
    (void)state;
    put_file("metrics.jsonl", "{\"event\":\"epoch\",\"epoch\":1,\"loss\":3}\n"
                              "{\"event\":\"epoch\",\"epoch\":2,\"loss\":2}\n"
                              "{\"event\":\"epoch\",\"epoch\":2,\"loss\":1,\"best\":true}");
    fl_history h;
    assert_int_equal(fl_history_read(scratch_path("metrics.jsonl"), &h), FL_OK);
    assert_int_equal(h.n_epochs, 2);
    assert_true(h.epoch[1].loss == 1 && h.epoch[1].best && isnan(h.epoch[1].accuracy));
    assert_int_equal(fl_history_best(&h), 1);
    fl_history_free(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_ticks_are_round_and_cover),
        cmocka_unit_test(test_scales_of_nothing),
        cmocka_unit_test(test_labels_do_not_overlap),
        cmocka_unit_test(test_gaps_stay_gaps),
        cmocka_unit_test(test_page_of_a_run),
        cmocka_unit_test(test_page_without_numbers),
        cmocka_unit_test(test_ledger_shows_a_difference),
        cmocka_unit_test(test_ledger_without_accounts),
        cmocka_unit_test(test_history_takes_the_later_telling),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
